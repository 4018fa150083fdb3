package targets

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
)

// batchOf makes n deliveries of as many events.
func batchOf(n int) []*Delivery {
	batch := make([]*Delivery, n)
	for i := range batch {
		d := delivery()
		d.EventID = fmt.Sprintf("0197a6c1-5b5e-7d32-8c1f-%012d", i)
		d.ID = fmt.Sprintf("0197a6c1-5b5e-8d32-8c1f-%012d", i)
		d.Envelope = []byte(strings.Replace(envelope, "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11", d.EventID, 1))
		batch[i] = d
	}
	return batch
}

func ids(batch []*Delivery) string {
	var out []string
	for _, d := range batch {
		out = append(out, d.ID)
	}
	return strings.Join(out, ",")
}

// takesBatches opens a target that must take batches.
func takesBatches(t *testing.T, c Config, env Env) BatchTarget {
	t.Helper()
	target, ok := open(t, c, env).(BatchTarget)
	if !ok {
		t.Fatalf("a target of type %s takes no batches", c.Type)
	}
	return target
}

// codes gives the error codes of each delivery, final ones with an exclamation mark.
func codes(t *testing.T, each []error) string {
	t.Helper()
	var out []string
	for _, err := range each {
		text := "-"
		if err != nil {
			e := deliveryError(t, err)
			if text = e.Code; e.Final {
				text += "!"
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestHTTPBatch(t *testing.T) {
	transformed := delivery()
	transformed.ID, transformed.Attempt, transformed.Body = "t", 3, []byte(`{"order": 1}`)
	synthetic := delivery()
	synthetic.Meta = &event.Metadata{Synthetic: true}
	for _, test := range []struct {
		name, format, contentType string
		batch                     []*Delivery
		body                      string
		header                    map[string]string
	}{
		{"envelopes", "", contentTypeJSON, []*Delivery{delivery(), transformed}, "[" + envelope + `,{"order": 1}]`,
			map[string]string{"X-Signalbox-Batch-Size": "2", "X-Signalbox-Attempt": "3", "X-Signalbox-Delivery-Ids": delivery().ID + ",t", "X-Signalbox-Synthetic": ""}},
		{"one", "", contentTypeJSON, []*Delivery{synthetic}, "[" + envelope + "]",
			map[string]string{"X-Signalbox-Batch-Size": "1", "X-Signalbox-Synthetic": "true", "Traceparent": "", "X-Signalbox-Delivery-Id": ""}},
		{"transformed in a CloudEvents format", FormatCloudEvents, contentTypeJSON, []*Delivery{transformed}, `[{"order": 1}]`, nil},
		{"CloudEvents", FormatCloudEvents, "application/cloudevents-batch+json", []*Delivery{delivery()},
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
			target := takesBatches(t, Config{Type: TypeHTTP, URL: server.URL, Format: test.format, Batch: &Batch{}}, Env{})
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
	target := takesBatches(t, Config{Type: TypeHTTP, URL: server.URL, SigningSecrets: []string{exampleSecret}, Batch: &Batch{}}, Env{})
	if _, err := target.DeliverBatch(t.Context(), batchOf(3)); err != nil {
		t.Fatal(err)
	}
}

func TestBatchIDs(t *testing.T) {
	batch := batchOf(3)
	id := batchID(batch)
	if again := batchID(batchOf(3)); again != id {
		t.Errorf("the same deliveries make %s and %s", id, again)
	}
	if other := batchID(batch[:2]); other == id {
		t.Error("other deliveries make the same id")
	}
	if got := deliveryIDs(batchOf(100)); got != ids(batchOf(100)) {
		t.Errorf("the ids of 100 deliveries are %q", got)
	}
	if got := deliveryIDs(batchOf(1000)); got != "" {
		t.Errorf("%d bytes of ids in a header", len(got))
	}
}

func TestHTTPBatchLeavesOutWhatIsNotJSON(t *testing.T) {
	var got []json.RawMessage
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, batchOf(3)[2].ID)
	})
	target := takesBatches(t, Config{Type: TypeHTTP, URL: server.URL, Batch: &Batch{}}, Env{})
	batch := batchOf(3)
	batch[0].Body = []byte("Order 1 was created")
	each, err := target.DeliverBatch(t.Context(), batch)
	if got, want := codes(t, each), "INVALID_JSON! - ERROR_FROM_TARGET"; got != want || err != nil {
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
	b := batchOf(3)
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
		{"cut", 200, `{"batchItemFailures":[` + strings.Repeat(" ", MaxAnswer), "", "ERROR_FROM_TARGET"},
		{"entries", 200, `{"FailedEntryCount":2,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"},{"ErrorCode":"MalformedDetail"}]}`,
			"- THROTTLING INVALID_PARAMETER!", ""},
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
			target := takesBatches(t, Config{Type: TypeHTTP, URL: server.URL, Batch: &Batch{}}, Env{})
			batch := batchOf(3)
			batch[1].Answer = new(Answer)
			each, whole := target.DeliverBatch(t.Context(), batch)
			if got := codes(t, each); got != test.each {
				t.Errorf("each %q, want %q", got, test.each)
			}
			got := ""
			if whole != nil {
				got = codes(t, []error{whole})
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
	target := takesBatches(t, Config{Type: TypeHTTP, URL: server.URL, Batch: &Batch{MaxBytes: 1 << 10}}, Env{})
	_, err := target.DeliverBatch(t.Context(), batchOf(10))
	if e := deliveryError(t, err); !e.Final || e.Status != 0 {
		t.Errorf("error %v, want a final one, to be split", e)
	}
	if _, err := target.DeliverBatch(t.Context(), batchOf(1)); err != nil {
		t.Errorf("one alone: %v", err)
	}
}

func TestSameBatch(t *testing.T) {
	plain, transformed, synthetic := delivery(), delivery(), delivery()
	transformed.Body = []byte("1")
	synthetic.Meta = &event.Metadata{Synthetic: true}
	for _, test := range []struct {
		config Config
		b      *Delivery
		want   bool
	}{
		{Config{Type: TypeHTTP, Format: FormatEventBridge}, transformed, true},
		{Config{Type: TypeHTTP, Format: FormatCloudEvents}, transformed, false},
		{Config{Type: TypeHTTP, Format: FormatEventBridge}, synthetic, false},
		{Config{Type: TypeQueue, Format: FormatCloudEvents}, transformed, true},
		{Config{Type: TypeLog}, synthetic, true},
	} {
		if got := test.config.SameBatch(plain, test.b); got != test.want {
			t.Errorf("%s %s: %t, want %t", test.config.Type, test.config.Format, got, test.want)
		}
	}
}

func TestLogBatch(t *testing.T) {
	disk := &fullDisk{} // which takes one line and a half
	target := takesBatches(t, Config{Type: TypeLog}, Env{Stdout: disk})
	batch := batchOf(3)
	each, whole := target.DeliverBatch(t.Context(), batch)
	if got, want := codes(t, each), "- ERROR_FROM_TARGET ERROR_FROM_TARGET"; got != want || whole != nil {
		t.Errorf("%s (%v), want %s", got, whole, want)
	}
	if each, whole := target.DeliverBatch(t.Context(), batch[1:]); each != nil || whole != nil {
		t.Errorf("%v, %v", each, whole)
	}
	if lines := strings.Split(strings.TrimSpace(disk.String()), "\n"); len(lines) != 4 || !json.Valid([]byte(lines[3])) {
		t.Errorf("lines\n%s", disk.String())
	}
}
