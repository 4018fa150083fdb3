package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"signalbox/targets"
)

// SQLSTATEs that are treated alone.
const (
	undefinedTable = "42P01"
	noRight        = "42501"
	readOnly       = "25006" // no longer the server to write to
)

// codes are the error codes of SQLSTATEs, by how those begin (PostgreSQL, appendix A). An invalid
// parameter is final, and about one row.
var codes = []struct{ begin, code string }{
	{"08", targets.CodeConnectionFailure},
	{"22", targets.CodeInvalidParameter}, // a value
	{"23", targets.CodeInvalidParameter}, // a constraint
	{"25", targets.CodeConnectionFailure},
	{"28", targets.CodeNoPermissions},
	{"3D", targets.CodeNoResource}, // no such database
	{"3F", targets.CodeNoResource}, // no such schema
	{"40", targets.CodeErrorFromTarget},
	{noRight, targets.CodeNoPermissions},
	{"42", targets.CodeNoResource}, // no such table, column or index
	{"44", targets.CodeInvalidParameter},
	{"53", targets.CodeThrottling},
	{"54", targets.CodeInvalidParameter}, // too large
	{"55", targets.CodeErrorFromTarget},
	{"57014", targets.CodeTimeout},
	{"57", targets.CodeConnectionFailure},
	{"58", targets.CodeErrorFromTarget},
	{"XX", targets.CodeErrorFromTarget},
}

// answerOf returns what a server says in an error; an empty one where it is none of a server.
func answerOf(err error) *pgconn.PgError {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer
	}
	return &pgconn.PgError{}
}

// codeOf returns the error code for what a server says, and whether it is about one row.
func codeOf(answer *pgconn.PgError) (code string, row bool) {
	for _, c := range codes {
		if strings.HasPrefix(answer.Code, c.begin) {
			policy := answer.Routine == "ExecWithCheckOptions" // of row-level security
			return c.code, c.code == targets.CodeInvalidParameter || answer.Code == noRight && policy
		}
	}
	return targets.CodeErrorFromTarget, answer.Code != "" // what a trigger raises
}

// hints are added to what the server says.
var hints = map[string]string{
	"22021": nulHint,
	"22P05": nulHint,
	"42P10": ": the column of delivery_id needs a unique index of its own",
}

const (
	nulHint = `: text and jsonb can't hold the character NUL (\u0000); let the rule's transform remove it, or give the column the type json`
	tlsHint = ": it has no TLS; if the network can be trusted, write ?sslmode=disable in url"
)

// throttledFor is how long the target is left alone that has no room.
const throttledFor = time.Second

// failed is the error of an attempt whose rows are not known to be in the table.
func (t *target) failed(ctx context.Context, err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1, Err: err}
	switch answer := answerOf(err); {
	case answer.Code != "":
		e.Code, _ = codeOf(answer)
		e.Final = e.Code == targets.CodeInvalidParameter
		e.Err = fmt.Errorf("%.2000s%s", answer.Error(), hints[answer.Code])
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = targets.CodeInternalError
	case ctx.Err() != nil, pgconn.Timeout(err):
		e.Code, e.Err = targets.CodeTimeout, fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	if strings.HasSuffix(e.Err.Error(), "server refused TLS connection") {
		e.Err = errors.New(e.Err.Error() + tlsHint)
	}
	if e.Code == targets.CodeThrottling {
		e.RetryAfter = throttledFor
	}
	e.Err = t.hidden.InError(fmt.Errorf("insert into %s on %s: %w", t.table, t.dialer.shown, e.Err))
	return e
}
