package template

import (
	"errors"
	"fmt"
	"strings"

	"signalbox/rules/exprenv"
	"signalbox/targets"
)

// Name is an option that says where in a server deliveries go, such as a routing key or a
// stream.
type Name struct {
	Option string
	Text   Text
	// Max is the most bytes that it can have.
	Max int
}

// ParseName reads the text of such an option.
func ParseName(option, text string, maxBytes int) (Name, error) {
	parsed, err := Parse(text, AsIs)
	return Name{option, parsed, maxBytes}, err
}

// CheckName notes what is wrong with the text of such an option.
func CheckName(v *targets.Validation, option, text string, maxBytes int) {
	n, err := ParseName(option, text, maxBytes)
	literal, fixed := n.Text.Literal()
	switch {
	case err != nil:
		v.Fail([]string{option}, "%v", err)
	case fixed && len(literal) > maxBytes:
		v.Fail([]string{option}, "is longer than %d bytes", maxBytes)
	case strings.Contains(text, "${"):
		v.Fail([]string{option}, "takes no references to secrets: it is shown")
	}
}

// Names returns what names are for a delivery. Its error is an *Error.
func Names(d *targets.Delivery, names ...Name) ([]string, error) {
	out := make([]string, len(names))
	var env *exprenv.Env
	for i, n := range names {
		literal, fixed := n.Text.Literal()
		if fixed {
			out[i] = literal
			continue
		}
		if env == nil {
			var err error
			if env, err = EnvOf(d); err != nil {
				return nil, err
			}
		}
		text, has, err := n.Text.Render(env, word)
		switch {
		case err != nil:
			return nil, Unfit(n.Option, err)
		case !has || text == "":
			return nil, Unfit(n.Option, errors.New("the event gives it no value"))
		case len(text) > n.Max:
			return nil, Unfit(n.Option, fmt.Errorf("it is longer than %d bytes", n.Max))
		}
		out[i] = text
	}
	return out, nil
}

// EnvOf returns the variables that expressions see of a delivery's event. Its error is an
// *Error.
func EnvOf(d *targets.Delivery) (*exprenv.Env, error) {
	ev, err := d.Event()
	if err != nil {
		return nil, err
	}
	env, err := exprenv.New(ev)
	if err != nil {
		return nil, Unfit("the event", err)
	}
	return env, nil
}

// word returns a value of an event as it can stand in a name: control characters are replaced.
func word(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '�' {
			return '_'
		}
		return r
	}, value)
}

// Unfit is the error of an event that gives an option no value that can be used.
func Unfit(option string, err error) *targets.Error {
	return &targets.Error{Code: targets.CodeInvalidParameter, Final: true, Tries: 1, Err: fmt.Errorf("%s: %w", option, err)}
}
