package transform

import (
	"errors"
	"fmt"

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
	body, err := exprenv.JSON(result, MaxBody)
	switch {
	case errors.Is(err, exprenv.ErrTooLarge):
		return nil, fmt.Errorf("transform: %w", errTooLarge())
	case err != nil:
		return nil, fmt.Errorf("transform: %w", err)
	}
	return body, nil
}
