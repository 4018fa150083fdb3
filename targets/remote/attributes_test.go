package remote

import (
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/targets"
)

// TestAttributes are headers where there are no attributes, and can't break out of them.
func TestAttributes(t *testing.T) {
	envelope := (&event.Event{ID: "e", Source: "s", DetailType: "T", Detail: []byte(`{}`)}).AppendEnvelope(nil)
	d := &targets.Delivery{ID: "d", EventID: "e", Envelope: envelope, Attributes: []targets.Attribute{
		{Name: "RULE_ARN", Value: "arn:aws:events:local:1:rule/r"}, {Name: "ERROR_MESSAGE", Value: "grün\r\nX: 1"}, {Name: "LONG", Value: strings.Repeat("ü", maxHeaderText)},
	}}
	for name, tt := range map[string]struct {
		binding Binding
		want    map[string]string
	}{
		"HTTP":  {HTTP, map[string]string{"X-Signalbox-Rule-Arn": "arn:aws:events:local:1:rule/r", "X-Signalbox-Error-Message": "gr%C3%BCn%0D%0AX: 1", "X-Signalbox-Long": strings.Repeat("%C3%BC", maxHeaderText/2)}},
		"Kafka": {Kafka, map[string]string{"x-signalbox-rule-arn": "arn:aws:events:local:1:rule/r"}},
	} {
		m, err := (&Renderer{format: FormatEventBridge, binding: tt.binding}).Render(d, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for header, want := range tt.want {
			if got := m.Header()[header]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
	}
	batch, each := (&Renderer{format: FormatEventBridge, binding: HTTP}).RenderBatch([]*targets.Delivery{d}, time.Now())
	if each != nil || batch.Header()["X-Signalbox-Rule-Arn"] == nil {
		t.Errorf("a batch of one has %v, %v", batch.Header(), each)
	}
}
