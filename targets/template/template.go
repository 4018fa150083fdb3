// Package template is texts of a target's configuration that hold expressions of the event
// between {{ and }}.
package template

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"signalbox/rules/exprenv"
)

// Text is a configured text with expressions of the event.
type Text []piece

// piece is literal text, or an expression.
type piece struct {
	literal string
	program *exprenv.Program
}

// Parse reads a text. Resolve is applied to what is literal in it.
func Parse(s string, resolve func(string) (string, error)) (Text, error) {
	var out Text
	for s != "" {
		literal, rest, found := strings.Cut(s, "{{")
		if literal != "" {
			literal, err := resolve(literal)
			if err != nil {
				return nil, err
			}
			out = append(out, piece{literal: literal})
		}
		if !found {
			break
		}
		program, after, err := parseExpression(rest)
		if err != nil {
			return nil, err
		}
		out = append(out, piece{program: program})
		s = after
	}
	return out, nil
}

// Fixed returns a text that is literal, whatever it holds.
func Fixed(literal string) Text { return Text{{literal: literal}} }

// AsIs is for texts that hold no references to secrets.
func AsIs(literal string) (string, error) { return literal, nil }

// parseExpression reads an expression up to its }}. One that has }} within continues to
// the next.
func parseExpression(s string) (*exprenv.Program, string, error) {
	var first error
	for from := 0; ; {
		i := strings.Index(s[from:], "}}")
		if i < 0 {
			break
		}
		end := from + i
		program, err := exprenv.Compile(s[:end])
		if err == nil {
			return program, s[end+2:], nil
		}
		if first == nil {
			first = fmt.Errorf("{{%s}}: %w", s[:end], err)
		}
		from = end + 1
	}
	if first == nil {
		first = fmt.Errorf("a {{ is never closed: write }} after the expression")
	}
	return nil, "", first
}

// Dynamic reports whether a text has expressions.
func Dynamic(s string) bool { return strings.Contains(s, "{{") }

// Literal returns the text where it is one without expressions, which it reports.
func (t Text) Literal() (string, bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].program == nil:
		return t[0].literal, true
	}
	return "", false
}

// Literals returns what is literal in the text, piece by piece; an expression is an empty one.
func (t Text) Literals() []string {
	var all []string
	for _, p := range t {
		all = append(all, p.literal)
	}
	return all
}

// Render returns the text for an event, with each value escaped. has is false where the
// text is one expression that gives nothing.
func (t Text) Render(env *exprenv.Env, escape func(string) string) (out string, has bool, err error) {
	var b strings.Builder
	for _, p := range t {
		if p.program == nil {
			b.WriteString(p.literal)
			continue
		}
		result, err := p.program.Run(env)
		if err != nil {
			return "", false, fmt.Errorf("{{%s}}: %w", p.program.Source(), err)
		}
		if result == nil && len(t) == 1 {
			return "", false, nil
		}
		value, err := valueText(result)
		if err != nil {
			return "", false, fmt.Errorf("{{%s}}: %w", p.program.Source(), err)
		}
		b.WriteString(escape(value))
	}
	return b.String(), true, nil
}

// valueText returns a result as text: strings as they are, nothing for nil, lists and
// objects as JSON.
func valueText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	if k := reflect.ValueOf(v).Kind(); k == reflect.Func || k == reflect.Chan {
		return "", fmt.Errorf("the result is %T", v)
	}
	b, err := json.Marshal(v)
	return strings.Trim(string(b), `"`), err
}
