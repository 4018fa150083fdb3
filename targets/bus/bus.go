// Package bus is the kind of target that puts events on another bus of this router.
package bus

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signalbox/event"
	"signalbox/targets"
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

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	if env.Accept == nil {
		return nil, errors.New("a bus target needs a router to put events on")
	}
	return &busTarget{bus: o.Bus, maxHops: o.MaxHops, accept: env.Accept}, nil
}

// Deliver puts the event on the bus, and returns when it is on disk there.
func (t *busTarget) Deliver(ctx context.Context, d *targets.Delivery) error {
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

func (t *busTarget) render(d *targets.Delivery) (*event.Event, error) {
	ev, err := d.Event()
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
		return nil, &targets.Error{Code: targets.CodeMaxHops, Final: true, Tries: 1, Err: fmt.Errorf(
			"bus %q: the event has made %d hops, and max_hops is %d: is there a loop in the rules? its path: %s",
			t.bus, ev.Meta.Hops, t.maxHops, event.PathText(ev.Meta.Path, ev.DetailType))}
	}
	if d.Body != nil {
		if !jsonObject(d.Body) {
			return nil, &targets.Error{Code: targets.CodeInvalidJSON, Final: true, Tries: 1, Err: fmt.Errorf(
				"bus %q: a transformed body becomes the detail of an event, and this one is not a JSON object", t.bus)}
		}
		ev.Meta.CausationID = ev.ID
		ev.Meta.CorrelationID = cmp.Or(ev.Meta.CorrelationID, ev.ID)
		ev.ID = d.ID
		ev.Detail = d.Body
	}
	return ev, nil
}

// refused is the error for one of the router's ingest.
func (t *busTarget) refused(err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeInternalError, Tries: 1, Err: fmt.Errorf("bus %q: %w", t.bus, err)}
	var refused *event.Error
	var busy interface{ RetryAfter() time.Duration }
	var bound *targets.Error
	switch {
	case errors.As(err, &bound):
		e.Code, e.Final = bound.Code, bound.Final
	case errors.As(err, &busy):
		e.Code, e.RetryAfter = targets.CodeThrottling, busy.RetryAfter()
	case errors.Is(err, context.DeadlineExceeded):
		e.Code = targets.CodeTimeout
	case errors.As(err, &refused):
		e.Code, e.Final = busCode(refused.Code)
	}
	return e
}

func busCode(code string) (string, bool) {
	switch code {
	case event.CodeInternalFailure:
		return targets.CodeInternalError, false
	case event.CodeThrottling:
		return targets.CodeThrottling, false
	case event.CodeNotFound:
		return targets.CodeNoResource, true
	case event.CodeMalformedDetail:
		return targets.CodeInvalidJSON, true
	}
	return targets.CodeInvalidParameter, true
}

// Preview renders the event that Deliver puts on the bus.
func (t *busTarget) Preview(d *targets.Delivery) (targets.Request, error) {
	ev, err := t.render(d)
	if err != nil {
		return targets.Request{}, err
	}
	return targets.Request{Method: "PUT", Address: t.bus, Body: string(ev.AppendEnvelope(nil))}, nil
}

// Close does nothing.
func (t *busTarget) Close() error { return nil }

// jsonObject reports whether b is a JSON object.
func jsonObject(b []byte) bool {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed)
}
