package remote

import (
	"testing"
	"time"

	"signalbox/event"

	"signalbox/targets"
)

func TestTraceContext(t *testing.T) {
	const (
		parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
		xray   = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
	)
	for _, test := range []struct {
		name, eventID   string
		meta            event.Metadata
		id, flags, root string
		sampled         string
	}{
		{"traceparent", "1", event.Metadata{TraceParent: parent}, "4bf92f3577b34da6a3ce929d0e0e4736", "00", "1-4bf92f35-77b34da6a3ce929d0e0e4736", "0"},
		{"a later version", "1", event.Metadata{TraceParent: "01" + parent[2:53] + "03-more"}, "4bf92f3577b34da6a3ce929d0e0e4736", "03", "1-4bf92f35-77b34da6a3ce929d0e0e4736", "1"},
		{"X-Ray", "1", event.Metadata{XRay: xray}, "5759e988bd862e3fe1be46a994272793", "00", "1-5759e988-bd862e3fe1be46a994272793", "0"},
		{"both", "1", event.Metadata{XRay: xray, TraceParent: parent}, "4bf92f3577b34da6a3ce929d0e0e4736", "00", "1-5759e988-bd862e3fe1be46a994272793", "0"},
		{"neither, UUID", "0197A6C1-5b5e-7d32-8c1f-0d9e6a3b2c11", event.Metadata{}, "0197a6c15b5e7d328c1f0d9e6a3b2c11", "01", "1-0197a6c1-5b5e7d328c1f0d9e6a3b2c11", "1"},
		{"a traceparent of zeros", "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11", event.Metadata{TraceParent: "00-00000000000000000000000000000000-00f067aa0ba902b7-00"}, "0197a6c15b5e7d328c1f0d9e6a3b2c11", "01", "1-0197a6c1-5b5e7d328c1f0d9e6a3b2c11", "1"},
		{"a broken X-Ray", "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11", event.Metadata{XRay: "Root=1-zz;Sampled=0"}, "0197a6c15b5e7d328c1f0d9e6a3b2c11", "01", "1-0197a6c1-5b5e7d328c1f0d9e6a3b2c11", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &targets.Delivery{ID: "d1", EventID: test.eventID, Attempt: 1, Meta: &test.meta}
			tc := event.NewTraceContext(d.EventID, d.Meta, d.ID, d.Attempt)
			span := string(tc.AppendSpan(nil))
			if got, want := string(appendTraceParent(nil, &tc)), "00-"+test.id+"-"+span+"-"+test.flags; got != want || !event.ValidTraceParent(got) {
				t.Errorf("traceparent = %q, want %q", got, want)
			}
			if got, want := string(appendXRay(nil, &tc)), "Root="+test.root+";Parent="+span+";Sampled="+test.sampled; got != want {
				t.Errorf("X-Ray = %q, want %q", got, want)
			}
		})
	}
}

func TestTraceContextOfAttempts(t *testing.T) {
	received := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	context := func(deliveryID, eventID string, attempt int) event.TraceContext {
		return event.NewTraceContext(eventID, &event.Metadata{Received: received}, deliveryID, attempt)
	}
	first := context("d1", "order-1", 1)
	if again := context("d1", "order-1", 1); again != first {
		t.Error("the same attempt has two places in the trace")
	}
	for name, other := range map[string]event.TraceContext{"next attempt": context("d1", "order-1", 2), "other delivery": context("d2", "order-1", 1)} {
		if other.ID != first.ID {
			t.Errorf("%s: trace id = %s, want %s", name, other.ID, first.ID)
		}
		if other.Span == first.Span {
			t.Errorf("%s: the span's id is the same", name)
		}
	}
	if other := context("d1", "order-2", 1); other.ID == first.ID {
		t.Error("two events share a trace")
	}
}
