package targets

import (
	"context"
	"errors"
	"fmt"
)

// funcTarget hands each delivery to a function of this process.
type funcTarget struct {
	name    string
	deliver func(context.Context, *Delivery) error
}

// NewFunc gives a target that hands each delivery to a function of this process.
// An *Error from it is passed on as it is; any other error is to be retried.
// name says in previews and errors what the function is.
func NewFunc(name string, deliver func(context.Context, *Delivery) error) Target {
	return &funcTarget{name, deliver}
}

// Deliver calls the function. A panic in it is an error that is not retried, as
// it would be one again.
func (t *funcTarget) Deliver(ctx context.Context, d *Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Code: CodeInternalError, Final: true, Tries: 1, Err: fmt.Errorf("function %s panicked: %v", t.name, r)}
		}
	}()
	err = t.deliver(ctx, d)
	if err == nil {
		return nil
	}
	if known := (*Error)(nil); errors.As(err, &known) {
		return err
	}
	code := CodeErrorFromTarget
	if errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return &Error{Code: code, Tries: 1, Err: fmt.Errorf("function %s: %w", t.name, err)}
}

// Preview gives the body that the function gets.
func (t *funcTarget) Preview(d *Delivery) (Request, error) {
	return Request{Method: "CALL", Address: t.name, Body: string(content(d))}, nil
}

// Close does nothing.
func (t *funcTarget) Close() error { return nil }
