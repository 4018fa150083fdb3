package http

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"signalbox/rules/exprenv"
)

// answers is which statuses of HTTP are tried again. The zero value is the table in
// docs/errors.md.
type answers struct {
	retryOn, finalOn []int
	// success are the statuses of success, 2xx where there are none; when is nil, or must hold
	// of the answer too.
	success []StatusRange
	when    *exprenv.MessageProgram
}

// StatusRange is a status, or a range of them: 409 or 200-299.
type StatusRange struct{ From, To int }

// UnmarshalText reads a status or a range.
func (r *StatusRange) UnmarshalText(text []byte) error {
	from, to, ranged := strings.Cut(string(text), "-")
	if !ranged {
		to = from
	}
	var err, err2 error
	r.From, err = strconv.Atoi(strings.TrimSpace(from))
	r.To, err2 = strconv.Atoi(strings.TrimSpace(to))
	if err != nil || err2 != nil {
		return fmt.Errorf("%q is no status and no range of statuses, such as 409 or 200-299", text)
	}
	return nil
}

// succeeds reports whether a status means success.
func (a answers) succeeds(status int) bool {
	if a.success == nil {
		return status >= 200 && status < 300
	}
	return slices.ContainsFunc(a.success, func(r StatusRange) bool { return r.From <= status && status <= r.To })
}

// final reports whether a status means that trying again cannot help.
func (a answers) final(status int) bool {
	switch {
	case slices.Contains(a.retryOn, status):
		return false
	case slices.Contains(a.finalOn, status):
		return true
	case status >= 500:
		return false
	}
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return true
}
