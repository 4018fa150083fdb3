package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"signalbox/api/client"
	"signalbox/trace"
)

// story is an order, and how it ends.
type story struct {
	title string
	order order
	// logistics is what the carrier says once the delivery has started; empty where
	// none starts.
	logistics string
	end       string
}

var stories = []story{
	{"An order is delivered", order{ID: "6101", Item: "z3333", Quantity: 1, CustomerID: "ada", Card: "4242"}, "Delivered", "OrderDelivered"},
	{"A payment fails", order{ID: "6102", Item: "z3333", Quantity: 2, CustomerID: "grace", Card: "refused"}, "", "ItemUnreserved"},
	{"An item is not available", order{ID: "6103", Item: "z4444", Quantity: 3, CustomerID: "ada", Card: "4242"}, "", "ItemNotAvailable"},
	{"A delivery is canceled", order{ID: "6104", Item: "z4444", Quantity: 1, CustomerID: "grace", Card: "4242"}, "DeliveryCanceled", "PaymentCanceled"},
}

// tell sends the order, and says what logistics says, up to the end.
func (s *story) tell(ctx context.Context, r *signalbox, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("no %s within a minute", s.end))
	defer cancel()
	fmt.Fprintf(out, "\n# %s\n", s.title)
	answer, err := r.client.Commands.Command(ctx, s.message("shop.web", "CreateOrder", nil), 5*time.Second, client.SendOptions{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nCreateOrder %s: answered %d\n", s.order.ID, answer.Status)
	if s.logistics != "" {
		started, err := await(ctx, r.client, answer.EventID, "DeliveryStarted")
		if err != nil {
			return err
		}
		cause := map[string]string{"correlationId": answer.EventID, "causationId": started.ID}
		if _, err := r.client.Events.Send(ctx, s.message("logistics", s.logistics, cause), client.SendOptions{}); err != nil {
			return err
		}
	}
	if _, err := await(ctx, r.client, answer.EventID, s.end); err != nil {
		return err
	}
	return r.trace(ctx, answer.EventID)
}

// message is an event or command about the order.
func (s *story) message(source, name string, metadata map[string]string) []byte {
	detail := struct {
		order
		Metadata map[string]string `json:"metadata,omitempty"`
	}{s.order, metadata}
	text, err := json.Marshal(map[string]any{"source": source, "detail-type": name, "detail": detail})
	if err != nil {
		panic(err) // it holds nothing that can't be written
	}
	return text
}

// await returns the first event of a type in the trace of an order.
func await(ctx context.Context, conn *client.Client, id, name string) (*trace.Event, error) {
	for {
		trace, err := conn.Events.Trace(ctx, id, 0)
		if err != nil {
			return nil, err
		}
		if e := find(trace.Roots, name); e != nil && settled(trace.Roots) {
			return e, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// find looks for an event of a type among events and all that came of them.
func find(events []*trace.Event, name string) *trace.Event {
	for e := range walk(events) {
		if e.DetailType == name {
			return e
		}
	}
	return nil
}

// settled reports whether no delivery is under way.
func settled(events []*trace.Event) bool {
	for e := range walk(events) {
		for _, d := range e.Deliveries {
			if d.State == "ready" || d.State == "waiting" {
				return false
			}
		}
	}
	return true
}

// walk returns events and all that came of them.
func walk(events []*trace.Event) func(yield func(*trace.Event) bool) {
	return func(yield func(*trace.Event) bool) {
		for _, e := range events {
			below := e.Derived
			for _, d := range e.Deliveries {
				below = append(below, d.Derived...)
			}
			if !yield(e) {
				return
			}
			for next := range walk(below) {
				if !yield(next) {
					return
				}
			}
		}
	}
}
