package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/event"
)

// busTarget puts each delivery on another bus of this router.
//
// The event keeps its id, source, time and detail. A transformed body becomes
// the detail of a new event, whose id is that of the delivery, so that it is the
// same in every attempt, and whose cause is the event it was made from.
type busTarget struct {
	bus     string
	maxHops int
	accept  func(ctx context.Context, events []*event.Event) ([]error, error)
}

func newBus(c Config, env Env) (*busTarget, error) {
	if env.Accept == nil {
		return nil, errors.New("a bus target needs a router to put events on")
	}
	return &busTarget{bus: c.Bus, maxHops: c.MaxHops, accept: env.Accept}, nil
}

// Deliver puts the event on the bus, and returns when it is on disk there.
func (t *busTarget) Deliver(ctx context.Context, d *Delivery) error {
	ev, err := t.render(d)
	if err != nil {
		return err
	}
	errs, err := t.accept(ctx, []*event.Event{ev})
	if err == nil && len(errs) > 0 {
		err = errs[0]
	}
	if err != nil {
		return t.refused(err)
	}
	d.Taken = append(d.Taken, ev)
	return nil
}

func (t *busTarget) render(d *Delivery) (*event.Event, error) {
	ev, err := storedEvent(d)
	if err != nil {
		return nil, err
	}
	ev.Meta.Bus = t.bus
	ev.Meta.Received = time.Time{}
	ev.Meta.Hops++
	ev.Meta.Path = event.Extend(ev.Meta.Path, event.Hop{
		EventID: d.EventID, DetailType: ev.DetailType, Bus: d.Bus, Rule: d.Rule, Target: d.Target,
	})
	if ev.Meta.Hops > t.maxHops {
		return nil, &Error{Code: CodeMaxHops, Final: true, Tries: 1, Err: fmt.Errorf(
			"bus %q: the event has made %d hops, and max_hops is %d: is there a loop in the rules? its path: %s",
			t.bus, ev.Meta.Hops, t.maxHops, event.PathText(ev.Meta.Path, ev.DetailType))}
	}
	if d.Body != nil {
		if !jsonObject(d.Body) {
			return nil, &Error{Code: CodeInvalidJSON, Final: true, Tries: 1, Err: fmt.Errorf(
				"bus %q: a transformed body becomes the detail of an event, and this one is not a JSON object", t.bus)}
		}
		ev.Meta.CausationID = ev.ID
		ev.Meta.CorrelationID = cmp.Or(ev.Meta.CorrelationID, ev.ID)
		ev.ID = d.ID
		ev.Detail = d.Body
	}
	return ev, nil
}

// refused is the error for one of the router's door.
func (t *busTarget) refused(err error) *Error {
	e := &Error{Code: CodeInternalError, Tries: 1, Err: fmt.Errorf("bus %q: %w", t.bus, err)}
	var refused *event.Error
	var busy interface{ RetryAfter() time.Duration }
	switch {
	case errors.As(err, &busy):
		e.Code, e.RetryAfter = CodeThrottling, busy.RetryAfter()
	case errors.Is(err, context.DeadlineExceeded):
		e.Code = CodeTimeout
	case errors.As(err, &refused):
		e.Code, e.Final = busCode(refused.Code)
	}
	return e
}

func busCode(code string) (string, bool) {
	switch code {
	case event.CodeInternalFailure:
		return CodeInternalError, false
	case event.CodeThrottling:
		return CodeThrottling, false
	case event.CodeNotFound:
		return CodeNoResource, true
	case event.CodeMalformedDetail:
		return CodeInvalidJSON, true
	}
	return CodeInvalidParameter, true
}

// Preview renders the event that Deliver puts on the bus.
func (t *busTarget) Preview(d *Delivery) (Request, error) {
	ev, err := t.render(d)
	if err != nil {
		return Request{}, err
	}
	return Request{Method: "PUT", Address: t.bus, Body: string(ev.AppendEnvelope(nil))}, nil
}

// Close does nothing.
func (t *busTarget) Close() error { return nil }
