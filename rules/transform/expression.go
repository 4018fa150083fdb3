package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"signalbox/rules/exprenv"
)

// expression is a body that is the result of an expression, as JSON. A string
// becomes a JSON string with its quotes, so that the body is always JSON.
type expression struct {
	program *exprenv.Program
}

func compileExpression(source string) (renderer, Errors) {
	program, err := exprenv.Compile(source)
	if err != nil {
		out := &Error{Path: []any{"transform"}, Reason: err.Error()}
		var located *exprenv.Error
		if errors.As(err, &located) {
			out.Offset, out.Reason, out.Hint = located.Offset, located.Reason, located.Hint
		}
		return nil, Errors{out}
	}
	return &expression{program: program}, nil
}

func (e *expression) render(in Input) ([]byte, error) {
	if in.Event == nil {
		return nil, errors.New("transform: no event to evaluate the expression with")
	}
	env, err := exprenv.New(in.Event)
	if err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	result, err := e.program.Run(env)
	if err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	if left := MaxBody; !room(reflect.ValueOf(result), &left) {
		return nil, fmt.Errorf("transform: %w", errTooLarge())
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(result); err != nil {
		return nil, fmt.Errorf("transform: the result cannot be written as JSON: %w", err)
	}
	return bytes.TrimSuffix(body.Bytes(), []byte{'\n'}), nil
}
