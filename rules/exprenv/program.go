package exprenv

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"signalbox/spelling"
)

// Program is one compiled expression, immutable, safe for concurrent use.
type Program struct {
	source  string
	program *vm.Program
	// steps is the budget that each run pays for its work from; 0 where the program
	// does not pay.
	steps int
}

// Error is why, and where, an expression does not compile or failed to run.
type Error struct {
	// Offset is the byte offset of the fault in the expression.
	Offset int
	// Reason is what is wrong.
	Reason string
	// Hint is how to fix it; it may be empty.
	Hint string
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("at byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("at byte %d: %s (%s)", e.Offset, e.Reason, e.Hint)
}

// Compile checks an expression against the names and types of Env. The error is
// an *Error.
func Compile(source string) (*Program, error) { return values.compile(source) }

// CompileBool is Compile for an expression that must give true or false.
func CompileBool(source string) (*Program, error) { return conditions.compile(source) }

var (
	values     = newDialect(ofEvents)
	conditions = newDialect(ofEvents, expr.AsBool())
)

// language is what expressions can speak of: an Env or a Message.
type language struct {
	env   any
	names []string
	// literal proposes quotes for a name that is not known.
	literal bool
}

var ofEvents = language{&Env{}, []string{"id", "detail_type", "source", "account", "time", "region", "resources", "replay_name", "detail", "metadata"}, false}

// Source is the text of the expression.
func (p *Program) Source() string { return p.source }

// Run evaluates the expression for one event. The error is an *Error: most
// often a field that the event does not have, or more work than maxSteps.
func (p *Program) Run(env *Env) (any, error) {
	if p.steps > 0 {
		own := *env
		own.meter = newMeter(p.steps)
		env = &own
	}
	return p.run(ofEvents, env)
}

func (p *Program) run(of language, env any) (any, error) {
	result, err := expr.Run(p.program, env)
	if err != nil {
		return nil, of.located(p.source, err)
	}
	return result, nil
}

// RunBool is Run for a condition. A result that is not true or false is an error:
// for a program of CompileBool, one that the types could not rule out.
func (p *Program) RunBool(env *Env) (bool, error) {
	result, err := p.Run(env)
	if err != nil {
		return false, err
	}
	yes, ok := result.(bool)
	if !ok {
		return false, &Error{Reason: fmt.Sprintf("the result is %T, not true or false", result)}
	}
	return yes, nil
}

// located turns an error of expr, which counts in runes and draws a picture of
// several lines, into one with a byte offset.
func (l language) located(source string, err error) *Error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &Error{Reason: err.Error()}
	}
	return &Error{
		Offset: byteOffset(source, at.From),
		Reason: inOurWords(at.Message),
		Hint:   l.hint(source, at.Message),
	}
}

// unexpectedToken is how expr names a token that can't stand where it does.
var unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\((".*")\))?$`)

// inOurWords returns what expr says of a text that is no expression without the names of its
// parser.
func inOurWords(message string) string {
	token := unexpectedToken.FindStringSubmatch(message)
	switch {
	case message == "literal not terminated":
		return "a closing quote is missing"
	case token == nil:
		return message
	case token[1] == "EOF":
		return "the expression ends too early"
	case token[2] == `"="`:
		return `"=" is no operator: write == to compare`
	}
	return token[2] + " can't stand here"
}

func byteOffset(source string, runes int) int {
	offset := 0
	for ; runes > 0 && offset < len(source); runes-- {
		_, n := utf8.DecodeRuneInString(source[offset:])
		offset += n
	}
	return offset
}

// hint returns how to fix the most common mistakes; empty for others.
func (l language) hint(source, message string) string {
	switch {
	case strings.HasPrefix(message, "unknown name now") && !l.literal:
		return "an expression sees no clock; time is when the event occurred, metadata.received when it came in"
	case strings.HasPrefix(message, "unknown name"):
		name := strings.TrimPrefix(message, "unknown name ")
		if like := spelling.Suggest(name, l.names); like != "" {
			return strings.Trim(like, " ()")
		}
		last := len(l.names) - 1
		hint := "the names are " + strings.Join(l.names[:last], ", ") + " and " + l.names[last]
		if l.literal && !strings.ContainsAny(source, "\"'`()[]{}") {
			hint += "; text stands in quotes of its own: '" + strconv.Quote(strings.TrimSpace(source)) + "'"
		}
		return hint
	case strings.HasPrefix(message, "invalid operation: bool("):
		return "a condition must give true or false"
	case strings.Contains(message, "cannot fetch") && strings.Contains(message, "from <nil>"):
		return "the event has no such field; write ?. for one that may be absent, and ?? for what to take instead"
	}
	return ""
}
