// Package fn is the kind of target that is a function of this process. No file can name
// it.
package fn

import (
	"context"
	"errors"
	"fmt"

	"signalbox/targets"
)

// funcTarget hands each delivery to a function of this process.
type funcTarget struct {
	name    string
	deliver func(context.Context, *targets.Delivery) error
}

// Type is the type of such targets, as listings show it.
const Type = "func"

// Kind returns the kind of target.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    Type,
		Traits:  targets.Traits{Answers: true},
		Options: func() targets.Options { return new(Options) },
		New: func(c *targets.Config, _ targets.Env) (targets.Target, error) {
			return New(c.Name, c.Options.(*Options).Deliver), nil
		},
	}
}

// Options are those of a function.
type Options struct {
	Deliver func(context.Context, *targets.Delivery) error
}

// SetDefaults does nothing.
func (*Options) SetDefaults(*targets.Config) {}

// Validate does nothing.
func (*Options) Validate(*targets.Config, *targets.Validation) {}

// Show does nothing.
func (*Options) Show(map[string]any) {}

// New returns a target that hands each delivery to a function of this process.
// A *targets.Error from it is passed on as it is; any other error is to be retried.
// name tells in previews and errors what the function is.
func New(name string, deliver func(context.Context, *targets.Delivery) error) targets.Target {
	return &funcTarget{name, deliver}
}

// Deliver calls the function. A panic in it is an error that is not retried, as
// it would be one again.
func (t *funcTarget) Deliver(ctx context.Context, d *targets.Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &targets.Error{Code: targets.CodeInternalError, Final: true, Tries: 1, Err: fmt.Errorf("function %s panicked: %v", t.name, r)}
		}
	}()
	own := *d // the function may keep it
	err = t.deliver(ctx, &own)
	d.Status, d.Taken, d.Hide = own.Status, own.Taken, own.Hide
	if err == nil {
		return nil
	}
	if known := (*targets.Error)(nil); errors.As(err, &known) {
		return err
	}
	code := targets.CodeErrorFromTarget
	if errors.Is(err, context.DeadlineExceeded) {
		code = targets.CodeTimeout
	}
	return &targets.Error{Code: code, Tries: 1, Err: fmt.Errorf("function %s: %w", t.name, err)}
}

// Preview returns the body that the function gets.
func (t *funcTarget) Preview(d *targets.Delivery) (targets.Request, error) {
	return targets.Request{Method: "CALL", Address: t.name, Body: string(d.Content())}, nil
}

// Close does nothing.
func (t *funcTarget) Close() error { return nil }
