package targets

import (
	"context"
	"errors"
	"fmt"

	"signalbox/event"
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

// Replier is a target whose answers may carry events, whatever its
// configuration says.
type Replier interface {
	Target
	// Replies tells it from others.
	Replies()
}

// replier is a funcTarget that answers with events.
type replier struct{ funcTarget }

// Replies makes it a Replier.
func (*replier) Replies() {}

// NewReplier is NewFunc for a function that may answer with events. They are
// taken in as derived ones of the event that it was given.
func NewReplier(name string, deliver func(context.Context, *Delivery) ([]*event.Event, error)) Replier {
	return &replier{funcTarget{name, func(ctx context.Context, d *Delivery) error {
		events, err := deliver(ctx, d)
		if d.Answer != nil {
			d.Answer.Events = events
		}
		return err
	}}}
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
