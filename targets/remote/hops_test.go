package remote

import (
	"testing"
	"time"

	"signalbox/event"
	"signalbox/targets"
)

// TestHops: what is sent goes on where its event has come to, in a batch too.
func TestHops(t *testing.T) {
	envelope := (&event.Event{ID: "e-2", Source: "s", DetailType: "T", Detail: []byte(`{}`)}).AppendEnvelope(nil)
	before := []event.Hop{{EventID: "e-1", DetailType: "A", Bus: "b", Rule: "r", Target: "t"}}
	first := &targets.Delivery{ID: "d-1", EventID: "e-2", Bus: "default", Rule: "rule", Target: "out", Envelope: envelope, Meta: &event.Metadata{Hops: 4, Path: before}}
	second := &targets.Delivery{ID: "d-2", EventID: "e-2", Envelope: envelope}
	r := &Renderer{format: FormatEventBridge, binding: HTTP}
	m, err := r.Render(first, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	header := m.Header()
	if hops, path := header[headerHops][0], header[headerPath][0]; hops != "5" || path != "e-1;A;b;r;t,e-2;T;default;rule;out" {
		t.Errorf("got %s and %s", hops, path)
	}
	batch, _ := r.RenderBatch([]*targets.Delivery{first, second}, time.Now())
	if got := batch.Header()[headerHops][0]; got != "5,1" {
		t.Errorf("a batch has %s", got)
	}
}
