// Package render makes what a delivery carries of an event and a rule's target entry: the body
// and the ordering key. It is pure: no I/O, no clock.
package render

import (
	"fmt"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/rules/exprenv"
	"signalbox/rules/transform"
)

// Event is an event that deliveries are made of.
type Event struct {
	*event.Event
	// Seq is its number, and Envelope its canonical form.
	Seq      journal.Seq
	Envelope []byte
	// Object is what it tells the state of; nil for none.
	Object *journal.Object
	// Env keeps what expressions see of it for the next delivery.
	Env *Env
}

// Env is an event as expressions see it, decoded when the first one asks. The zero value is
// ready to use. It is not safe for concurrent use.
type Env struct{ env *exprenv.Env }

// Of returns the event as expressions see it.
func (v *Env) Of(e *event.Event) (*exprenv.Env, error) {
	if v.env != nil {
		return v.env, nil
	}
	env, err := exprenv.New(e)
	v.env = env
	return env, err
}

// Delivery is what a delivery carries.
type Delivery struct {
	// Body is nil where the event itself is sent. Notice means that it is an envelope to be
	// sent in place of the event's.
	Body   []byte
	Notice bool
	// Key is the ordering key; empty for no order.
	Key string
	// Err is why the delivery can't be made: the body can't be rendered, or nobody knows what
	// it must come after.
	Err error
}

// Renderer renders with one set of rules. PublicURL is where the references in notifications
// point to.
type Renderer struct {
	Set       *rules.Set
	PublicURL string
}

// Delivery renders one delivery of an event.
func (r Renderer) Delivery(e *Event, rule *rules.Rule, to *rules.RuleTarget) (d Delivery) {
	if order := r.Set.Orders[to.Target]; order != nil {
		if d.Key, d.Err = orderingKey(e, order); d.Err != nil {
			return d
		}
	}
	if d.Body, d.Err = r.body(e, rule, to); d.Err != nil {
		d.Err = fmt.Errorf("the body can't be rendered: %w", d.Err)
	}
	d.Notice = to.Carry != ""
	return d
}

func orderingKey(e *Event, order *exprenv.OrderKey) (string, error) {
	env, err := e.Env.Of(e.Event)
	if err != nil {
		return "", fmt.Errorf("order_by: %w", err)
	}
	key, err := order.Of(env)
	if err != nil {
		return "", fmt.Errorf("order_by: %w", err)
	}
	return key, nil
}

func (r Renderer) body(e *Event, rule *rules.Rule, to *rules.RuleTarget) ([]byte, error) {
	if to.Carry != "" {
		return r.notice(e, to.Carry)
	}
	if to.Transform == nil {
		return nil, nil
	}
	body, err := to.Transform.Apply(transform.Input{
		Envelope: e.Envelope, Event: e.Event, RuleName: rule.Name, RuleARN: rule.ARN, Ingested: e.Meta.Received,
	})
	if err == nil && body == nil {
		body = []byte{} // nil would mean the event itself
	}
	return body, err
}
