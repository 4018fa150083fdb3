package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestHTTPBatch(t *testing.T) {
	transformed := targetstest.Delivery()
	transformed.ID, transformed.Attempt, transformed.Body = "t", 3, []byte(`{"order": 1}`)
	synthetic := targetstest.Delivery()
	synthetic.Meta = &event.Metadata{Synthetic: true}
	for _, test := range []struct {
		name, format, contentType string
		batch                     []*targets.Delivery
		body                      string
		header                    map[string]string
	}{
		{"envelopes", "", remote.ContentTypeJSON, []*targets.Delivery{targetstest.Delivery(), transformed}, "[" + targetstest.Envelope + `,{"order": 1}]`,
			map[string]string{"X-Signalbox-Batch-Size": "2", "X-Signalbox-Attempt": "3", "X-Signalbox-Delivery-Ids": targetstest.Delivery().ID + ",t", "X-Signalbox-Synthetic": ""}},
		{"one", "", remote.ContentTypeJSON, []*targets.Delivery{synthetic}, "[" + targetstest.Envelope + "]",
			map[string]string{"X-Signalbox-Batch-Size": "1", "X-Signalbox-Synthetic": "true", "Traceparent": "", "X-Signalbox-Delivery-Id": ""}},
		{"transformed in a CloudEvents format", remote.FormatCloudEvents, remote.ContentTypeJSON, []*targets.Delivery{transformed}, `[{"order": 1}]`, nil},
		{"CloudEvents", remote.FormatCloudEvents, "application/cloudevents-batch+json", []*targets.Delivery{targetstest.Delivery()},
			`[{"specversion":"1.0","id":"0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11","source":"shop.orders","type":"OrderCreated","datacontenttype":"application/json",` +
				`"time":"2026-03-04T05:06:07Z","account":"000000000000","region":"local","resources":"order/1","data":{"orderId": "1", "total": 1e2}}]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != test.body || r.Header.Get("Content-Type") != test.contentType {
					t.Errorf("body %s of type %s, want %s of type %s", body, r.Header.Get("Content-Type"), test.body, test.contentType)
				}
				id := r.Header.Get("X-Signalbox-Batch-Id")
				if id == "" || r.Header.Get("Idempotency-Key") != id {
					t.Errorf("batch id %q, idempotency key %q, want the same", id, r.Header.Get("Idempotency-Key"))
				}
				for name, want := range test.header {
					if got := r.Header.Get(name); got != want {
						t.Errorf("header %s = %q, want %q", name, got, want)
					}
				}
			})
			target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{}, Options: &Options{Options: remote.Options{URL: server.URL, Format: test.format}}}, targets.Env{})
			if each, err := target.DeliverBatch(t.Context(), test.batch); each != nil || err != nil {
				t.Errorf("errors %v, %v", each, err)
			}
			preview, err := target.Preview(test.batch[0])
			if err != nil || !strings.HasPrefix(preview.Body, "[") || preview.Headers["X-Signalbox-Batch-Size"] != "1" {
				t.Errorf("preview %+v (%v), want a batch of one", preview, err)
			}
		})
	}
}

func TestHTTPBatchSigned(t *testing.T) {
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := r.Header.Get("webhook-id")
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(exampleSecret, "whsec_"))
		if err != nil {
			t.Error(err)
		}
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, id+"."+r.Header.Get("webhook-timestamp")+".")
		mac.Write(body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if got := r.Header.Get("webhook-signature"); got != want || id != r.Header.Get("X-Signalbox-Batch-Id") {
			t.Errorf("signature %s by id %q, want %s by the batch's", got, id, want)
		}
	})
	target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{}, Options: &Options{Options: remote.Options{URL: server.URL}, SigningSecrets: []string{exampleSecret}}}, targets.Env{})
	if _, err := target.DeliverBatch(t.Context(), targetstest.BatchOf(3)); err != nil {
		t.Fatal(err)
	}
}

func TestHTTPBatchLeavesOutWhatIsNotJSON(t *testing.T) {
	var got []json.RawMessage
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, targetstest.BatchOf(3)[2].ID)
	})
	target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{}, Options: &Options{Options: remote.Options{URL: server.URL}}}, targets.Env{})
	batch := targetstest.BatchOf(3)
	batch[0].Body = []byte("Order 1 was created")
	each, err := target.DeliverBatch(t.Context(), batch)
	if got, want := targetstest.Codes(t, each), "INVALID_JSON! - ERROR_FROM_TARGET"; got != want || err != nil {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
	if len(got) != 2 {
		t.Errorf("%d bodies came, want 2", len(got))
	}
	if _, err := target.DeliverBatch(t.Context(), batch[:1]); err != nil {
		t.Errorf("a batch of none: %v", err)
	}
	if len(got) != 2 {
		t.Error("a batch of none was sent")
	}
}

func TestHTTPBatchAnswers(t *testing.T) {
	b := targetstest.BatchOf(3)
	for _, test := range []struct {
		name   string
		status int
		body   string
		each   string
		whole  string // the code, ! for final
	}{
		{"success", 200, `{"ok":true}`, "", ""},
		{"no body", 204, "", "", ""},
		{"no failures", 200, `{"batchItemFailures":[]}`, "", ""},
		{"null failures", 200, `{"batchItemFailures":null}`, "", ""},
		{"by delivery and by event", 200, fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%q},{"itemIdentifier":%q}]}`, b[0].ID, b[2].EventID),
			"ERROR_FROM_TARGET - ERROR_FROM_TARGET", ""},
		{"by an unknown id", 200, `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, "", "ERROR_FROM_TARGET"},
		{"by no id", 200, `{"batchItemFailures":[{"itemIdentifier":""}]}`, "", "ERROR_FROM_TARGET"},
		{"of another type", 200, `{"batchItemFailures":"all"}`, "", "ERROR_FROM_TARGET"},
		{"cut", 200, `{"batchItemFailures":[` + strings.Repeat(" ", targets.MaxAnswer), "", "ERROR_FROM_TARGET"},
		{"entries", 200, `{"FailedEntryCount":2,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"},{"ErrorCode":"MalformedDetail"}]}`,
			"- THROTTLING INVALID_JSON!", ""},
		{"entries for a bus that is not there", 200, `{"FailedEntryCount":1,"Entries":[{},{"ErrorCode":"ResourceNotFoundException"},{}]}`, "- NO_RESOURCE -", ""},
		{"entries, none failed", 200, `{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`, "", ""},
		{"entries of another number", 200, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"x"}]}`, "", "ERROR_FROM_TARGET"},
		{"entries of another count", 200, `{"FailedEntryCount":2,"Entries":[{},{"ErrorCode":"x"},{}]}`, "", "ERROR_FROM_TARGET"},
		{"refused", 422, "", "", "INVALID_PARAMETER!"},
		{"too large", 413, "", "", "INVALID_PARAMETER!"},
		{"down", 503, "", "", "ERROR_FROM_TARGET"},
		{"throttled", 429, "", "", "THROTTLING"},
		{"gone", 410, "", "NO_RESOURCE! NO_RESOURCE! NO_RESOURCE!", ""},
		{"forbidden", 403, "", "NO_PERMISSIONS! NO_PERMISSIONS! NO_PERMISSIONS!", ""},
		{"unauthorized", 401, "", "", "NO_PERMISSIONS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{}, Options: &Options{Options: remote.Options{URL: server.URL}}}, targets.Env{})
			batch := targetstest.BatchOf(3)
			batch[1].Answer = new(targets.Answer)
			each, whole := target.DeliverBatch(t.Context(), batch)
			if got := targetstest.Codes(t, each); got != test.each {
				t.Errorf("each %q, want %q", got, test.each)
			}
			got := ""
			if whole != nil {
				got = targetstest.Codes(t, []error{whole})
			}
			if got != test.whole {
				t.Errorf("whole %q (%v), want %q", got, whole, test.whole)
			}
			if a := batch[1].Answer; a.Status != test.status {
				t.Errorf("answer %+v, want status %d", a, test.status)
			}
		})
	}
}

func TestHTTPBatchLargerThanAllowedIsNotSent(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{MaxBytes: 1 << 10}, Options: &Options{Options: remote.Options{URL: server.URL}}}, targets.Env{})
	_, err := target.DeliverBatch(t.Context(), targetstest.BatchOf(10))
	if e := targetstest.Error(t, err); !e.Final || e.Status != 0 {
		t.Errorf("error %v, want a final one, to be split", e)
	}
	if _, err := target.DeliverBatch(t.Context(), targetstest.BatchOf(1)); err != nil {
		t.Errorf("one alone: %v", err)
	}
}

func TestSameBatch(t *testing.T) {
	plain, transformed, synthetic, dead := targetstest.Delivery(), targetstest.Delivery(), targetstest.Delivery(), targetstest.Delivery()
	dead.Attributes = []targets.Attribute{{Name: "ERROR_CODE", Value: "TIMEOUT"}}
	transformed.Body = []byte("1")
	synthetic.Meta = &event.Metadata{Synthetic: true}
	for _, test := range []struct {
		config targets.Config
		b      *targets.Delivery
		want   bool
	}{
		{targets.Config{Options: &Options{Options: remote.Options{Format: remote.FormatEventBridge}}}, transformed, true},
		{targets.Config{Options: &Options{Options: remote.Options{Format: remote.FormatCloudEvents}}}, transformed, false},
		{targets.Config{Options: &Options{Options: remote.Options{Format: remote.FormatEventBridge}}}, synthetic, false},
		{targets.Config{Options: &Options{Options: remote.Options{Format: remote.FormatEventBridge}}}, dead, false},
		{targets.Config{}, transformed, true},
		{targets.Config{}, synthetic, true},
	} {
		if got := test.config.SameBatch(plain, test.b); got != test.want {
			t.Errorf("%+v: %t, want %t", test.config.Options, got, test.want)
		}
	}
}
