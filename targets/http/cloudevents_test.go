package http

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// TestHTTPCloudEvents delivers to a receiver of the CloudEvents SDK.
func TestHTTPCloudEvents(t *testing.T) {
	for _, test := range []struct{ format, contentType string }{
		{remote.FormatCloudEvents, "application/cloudevents+json"},
		{remote.FormatCloudEventsBinary, "application/json"},
	} {
		t.Run(test.format, func(t *testing.T) {
			var got *cloudevents.Event
			var header http.Header
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				header = r.Header
				received, err := cloudevents.NewEventFromHTTPRequest(r)
				if err != nil {
					t.Error(err)
				}
				got = received
			})
			c := httpConfig(server.URL)
			c.Options.(*Options).Format = test.format
			target := open(t, c, targets.Env{})
			d := targetstest.Delivery()
			d.Meta = &event.Metadata{CorrelationID: "c-1", Synthetic: true}
			if err := target.Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			if got.ID() != d.EventID || got.Source() != "shop.orders" || got.Type() != "OrderCreated" ||
				got.Time().Format("2006-01-02T15:04:05Z07:00") != "2026-03-04T05:06:07Z" || got.Extensions()["correlationid"] != "c-1" {
				t.Errorf("received %v, want the event's attributes", got)
			}
			var sent, received any
			if err := json.Unmarshal([]byte(`{"orderId": "1", "total": 1e2}`), &sent); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got.Data(), &received); err != nil || !equalJSON(sent, received) {
				t.Errorf("data %s (%v), want the detail", got.Data(), err)
			}
			if got := header.Get("Content-Type"); got != test.contentType {
				t.Errorf("content type %q, want %q", got, test.contentType)
			}
			if header.Get("X-Signalbox-Delivery-Id") != d.ID {
				t.Errorf("headers %v, want the delivery's id among them", header)
			}

			preview, err := target.Preview(d)
			if err != nil {
				t.Fatal(err)
			}
			if preview.Headers["Content-Type"] != test.contentType || !strings.Contains(preview.Body, `"total": 1e2`) {
				t.Errorf("preview %+v, want what was sent", preview)
			}

			d.Body = []byte("an order")
			if preview, err = target.Preview(d); err != nil || preview.Body != "an order" || preview.Headers["Content-Type"] != remote.ContentTypeText {
				t.Errorf("preview of a transformed body %+v (%v), want it as it is", preview, err)
			}
		})
	}
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
