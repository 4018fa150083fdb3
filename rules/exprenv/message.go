package exprenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// Message holds the names that an expression may use over a message that is no event yet:
// a webhook.
type Message struct {
	// Headers are by their names in lower case.
	Headers map[string]string `expr:"headers"`
	Query   map[string]string `expr:"query"`
	// Body is a JSON value with the numbers of Env.Detail, the fields of a form, or text.
	Body any `expr:"body"`

	meter
}

var ofMessages = language{&Message{}, []string{"headers", "query", "body"}, true}

// HeadersOf returns headers as Message has them.
func HeadersOf(header map[string][]string) map[string]string {
	out := make(map[string]string, len(header))
	for name, values := range header {
		out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\ufffd")
	}
	return out
}

// MessageProgram is a compiled expression over a Message, immutable, safe for concurrent use.
type MessageProgram struct{ p *Program }

var messages = newDialect(ofMessages, expr.AsAny(), expr.Patch(lowerNames{}))

// CompileMessage checks an expression against the names and types of Message. The error is
// an *Error.
func CompileMessage(source string) (*MessageProgram, error) {
	p, err := messages.compile(source)
	if err != nil {
		return nil, err
	}
	return &MessageProgram{p}, nil
}

// Source is the text of the expression.
func (p *MessageProgram) Source() string { return p.p.Source() }

// Run evaluates the expression for one message. The error is an *Error.
func (p *MessageProgram) Run(m *Message) (any, error) {
	if p.p.steps > 0 {
		own := *m
		own.meter = newMeter(p.p.steps)
		m = &own
	}
	return p.p.run(ofMessages, m)
}

// lowerNames writes the names of headers in lower case, as headers["X-GitHub-Event"] is what
// people read in a provider's documentation.
type lowerNames struct{}

// Visit is called for each node, after those below it.
func (lowerNames) Visit(node *ast.Node) {
	m, ok := (*node).(*ast.MemberNode)
	if !ok {
		return
	}
	of, named := m.Node.(*ast.IdentifierNode)
	name, literal := m.Property.(*ast.StringNode)
	if named && literal && of.Value == "headers" {
		name.Value = strings.ToLower(name.Value)
	}
}

// DecodeJSON returns a JSON value as expressions take it: a number is an int where it is
// written without point and exponent and fits in 64 bits, and else a float64.
func DecodeJSON(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the value")
	}
	return plainNumbers(value)
}
