package nats

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// TestCloudEventHeaders: the headers of a message keep their case, so that it must be
// that of the binding for NATS.
func TestCloudEventHeaders(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	events := stream(t, s, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events"}})
	for i, test := range []struct {
		format string
		batch  bool
		want   map[string]string
	}{
		{remote.FormatCloudEventsBinary, false, map[string]string{
			"ce-specversion": "1.0", "ce-id": targetstest.Delivery().EventID, "ce-source": "shop.orders", "ce-type": "OrderCreated",
			"ce-time": "2026-03-04T05:06:07Z", "ce-correlationid": "c-1", "content-type": "application/json", "ce-datacontenttype": "application/json",
		}},
		{remote.FormatCloudEventsBinary, true, map[string]string{"ce-type": "OrderCreated", "content-type": "application/json"}},
		{remote.FormatCloudEvents, false, map[string]string{"content-type": "application/cloudevents+json"}},
		{remote.FormatEventBridge, false, map[string]string{"Content-Type": remote.ContentTypeJSON}},
	} {
		t.Run(test.format, func(t *testing.T) {
			c := queueConfig(s, "events")
			c.Options.(*Options).Format = test.format
			if test.batch {
				c.Batch = &targets.Batch{}
			}
			target := open(t, c, targets.Env{})
			d := targetstest.BatchOf(i + 1)[i]
			if i == 0 {
				d = targetstest.Delivery()
			}
			d.Meta = &event.Metadata{CorrelationID: "c-1"}
			if test.batch {
				if each, whole := target.(targets.BatchTarget).DeliverBatch(t.Context(), []*targets.Delivery{d}); each != nil || whole != nil {
					t.Fatal(each, whole)
				}
			} else if err := target.Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			msg, err := events.GetMsg(t.Context(), uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range test.want {
				if got := msg.Header[name]; len(got) != 1 || got[0] != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
			names := slices.Sorted(maps.Keys(msg.Header))
			if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "Ce-") }); i >= 0 {
				t.Errorf("has the header %s", names[i])
			}
			if msg.Header["Nats-Msg-Id"] == nil || msg.Header["X-Signalbox-Delivery-Id"] == nil {
				t.Errorf("the delivery's own headers are not among %q", names)
			}
		})
	}
}
