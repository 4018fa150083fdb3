package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"signalbox/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver takes spans as a collector does, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []*v1.Span
	resource map[string]string
	requests []http.Header
	// answer, if it is set, answers the n-th request, from 1 on, in place of the receiver.
	answer func(n int, w http.ResponseWriter, r *http.Request) bool
}

func newReceiver(t testing.TB) *receiver {
	c := &receiver{resource: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *receiver) take(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body)
	}
	text, err := io.ReadAll(body)
	c.mu.Lock()
	c.requests = append(c.requests, r.Header)
	n := len(c.requests)
	c.mu.Unlock()
	if c.answer != nil && c.answer(n, w, r) {
		return
	}
	var data v1.TracesData // its bytes are those of an ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(text, &data) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range data.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			c.resource[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

func (c *receiver) all() []*v1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans
}

// traced is a Tracer under test.
type traced struct {
	*Tracer
	t    *testing.T
	logs *observer.ObservedLogs
}

func newTracer(t *testing.T, o Options) *traced {
	core, logs := observer.New(zap.InfoLevel)
	tracer, err := New(o.WithDefaults(), zap.New(core), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return &traced{tracer, t, logs}
}

// counts waits until the counters are so.
func (t *traced) counts(exported, full, failed, refused float64) {
	t.t.Helper()
	var got [4]float64
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		got = [4]float64{testutil.ToFloat64(t.exported), testutil.ToFloat64(t.full), testutil.ToFloat64(t.failed), testutil.ToFloat64(t.refused)}
		if got == [4]float64{exported, full, failed, refused} {
			return
		}
	}
	t.t.Errorf("exported, queue_full, failed, refused: %v", got)
}

func (t *traced) end() {
	t.t.Helper()
	if err := t.Stop(context.Background()); err != nil {
		t.t.Error(err)
	}
}

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func order(id string) *event.Event {
	return &event.Event{ID: id, Source: "shop.orders", DetailType: "OrderCreated", Meta: event.Metadata{
		Bus: "default", Received: time.Unix(1_800_000_000, 5), TraceParent: parent, CorrelationID: "c-1", Format: event.FormatCloudEvents,
		Extensions: []event.Attribute{{Name: "subject", Value: `"order/7"`}},
	}}
}

func contextOf(e *event.Event) event.TraceContext { return ArrivedContext(e.ID, &e.Meta) }

func TestSpansReachTheReceiver(t *testing.T) {
	c := newReceiver(t)
	tr := newTracer(t, Options{Endpoint: At(c.URL + "/"), Headers: map[string]string{"Authorization": "Bearer x"}, Sample: 1, Version: "1.2.3", Resource: []Attribute{{Name: "deployment.environment", Text: "eu"}}})
	tr.Start()
	e := order("e-1")
	at := e.Meta.Received
	tr.Record(Arrived(contextOf(e), e, at.Add(time.Millisecond)))
	a := &Attempt{DeliveryID: "d-1", Rule: "orders", Target: "warehouse", Kind: "http", Number: 2, Batch: 3, Start: at.Add(time.Second), End: at.Add(2 * time.Second), Status: 503, Code: "ERROR_FROM_TARGET", Error: "closed \xff" + strings.Repeat("é", 300)}
	d := event.NewTraceContext(e.ID, &e.Meta, "d-1", 2)
	tr.Record(Attempted(d, e, a, true))
	a.Start, a.End = at.Add(time.Hour), at.Add(time.Hour)
	tr.Record(Attempted(d, e, a, true))
	a.Start = at
	tr.Record(Attempted(d, e, a, false))
	tr.end()
	tr.counts(4, 0, 0, 0)
	spans := c.all()
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	accept, soon, late, alone := spans[0], spans[1], spans[2], spans[3]
	hexOf := hex.EncodeToString
	if got := hexOf(accept.TraceId) + " " + hexOf(accept.ParentSpanId); got != "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7" || accept.Name != "accept default" || accept.Kind != v1.Span_SPAN_KIND_CONSUMER || len(accept.SpanId) != 8 ||
		accept.EndTimeUnixNano-accept.StartTimeUnixNano != 1e6 || accept.Status != nil {
		t.Errorf("%v", accept)
	}
	if string(soon.ParentSpanId) != string(accept.SpanId) || soon.Name != "deliver warehouse" || soon.Kind != v1.Span_SPAN_KIND_PRODUCER ||
		hexOf(soon.SpanId) != string(d.AppendSpan(nil)) || len(soon.Links) != 1 || hexOf(soon.Links[0].SpanId) != "00f067aa0ba902b7" || hexOf(soon.Links[0].TraceId) != hexOf(accept.TraceId) {
		t.Errorf("%v", soon)
	}
	if soon.Status.GetCode() != v1.Status_STATUS_CODE_ERROR || !strings.HasPrefix(soon.Status.GetMessage(), "closed \uFFFDé") || len(soon.Status.GetMessage()) > maxText+3 {
		t.Errorf("status %v", soon.Status)
	}
	if len(late.ParentSpanId) != 0 || len(late.Links) != 1 {
		t.Errorf("an hour later: %v", late)
	}
	if hexOf(alone.ParentSpanId) != "00f067aa0ba902b7" {
		t.Errorf("where the arrival has no span: %v", alone)
	}
	got := map[string]string{}
	for _, a := range soon.Attributes {
		got[a.Key] = a.Value.GetStringValue()
		if n := a.Value.GetIntValue(); n != 0 {
			got[a.Key] = fmt.Sprint(n)
		}
	}
	for name, want := range map[string]string{
		"messaging.system": "signalbox", "messaging.operation.type": "send", "messaging.destination.name": "warehouse", "messaging.message.id": "e-1",
		"messaging.message.conversation_id": "c-1", "messaging.batch.message_count": "3", "http.response.status_code": "503", "error.type": "ERROR_FROM_TARGET",
		"cloudevents.event_id": "e-1", "cloudevents.event_source": "shop.orders", "cloudevents.event_type": "OrderCreated", "cloudevents.event_subject": "order/7",
		"cloudevents.event_spec_version": "1.0", "signalbox.rule": "orders", "signalbox.delivery.attempt": "2", "signalbox.delivery.id": "d-1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if h := c.requests[0]; h.Get("Authorization") != "Bearer x" || h.Get("Content-Encoding") != "gzip" || h.Get("User-Agent") != "signalbox/1.2.3" {
		t.Errorf("headers %v", h)
	}
	if c.resource["service.name"] != "signalbox" || c.resource["service.version"] != "1.2.3" || c.resource["deployment.environment"] != "eu" {
		t.Errorf("resource %v", c.resource)
	}
}

// TestReceiversThatFail neither hold anybody up nor end the export.
func TestReceiversThatFail(t *testing.T) {
	partial := protowire.AppendTag(nil, 1, protowire.BytesType)
	partial = protowire.AppendBytes(partial, protowire.AppendVarint(protowire.AppendTag(protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "too old"), 1, protowire.VarintType), 1))
	status := func(code int, header ...string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				return false
			}
			if len(header) > 0 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
			return true
		}
	}
	body := func(text []byte) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(text)
			return true
		}
	}
	for name, tt := range map[string]struct {
		answer                            func(int, http.ResponseWriter, *http.Request) bool
		exported, failed, refused, logged float64
	}{
		"busy for once":     {status(503), 2, 0, 0, 0},
		"busy, and says so": {status(429, "Retry-After", "0"), 2, 0, 0, 0},
		"refuses all":       {status(400), 0, 2, 0, 1},
		"leads elsewhere":   {status(307, "Location", "http://127.0.0.1:1/"), 0, 2, 0, 1},
		"takes one":         {body(partial), 1, 0, 1, 0},
		"garbage":           {body([]byte("<html>\xff\xff\xff")), 2, 0, 0, 0},
		"an endless answer": {body(bytes.Repeat([]byte("x"), 1<<20)), 2, 0, 0, 0},
		"breaks off at once": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				return false
			}
			panic(http.ErrAbortHandler)
		}, 2, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newReceiver(t)
			c.answer = tt.answer
			tr := newTracer(t, Options{Endpoint: At(c.URL), Sample: 1})
			e := order("e-1")
			for range 2 {
				tr.Record(Arrived(contextOf(e), e, time.Now()))
			}
			tr.Start()
			tr.counts(tt.exported, 0, tt.failed, tt.refused)
			tr.end()
			if n := tr.logs.FilterLevelExact(zap.WarnLevel).Len(); float64(n) != tt.logged {
				t.Errorf("%d warnings: %v", n, tr.logs.All())
			}
		})
	}
}

// TestASilentReceiverHoldsNobodyUp: it never answers, so the queue fills; what does not fit is
// counted, and a stop waits no longer than it may.
func TestASilentReceiverHoldsNobodyUp(t *testing.T) {
	asked, end := make(chan struct{}, 100), make(chan struct{})
	c := newReceiver(t)
	c.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-end:
		}
		return true
	}
	defer close(end)
	tr := newTracer(t, Options{Endpoint: At(c.URL), Sample: 1, Timeout: time.Hour})
	e := order("e-1")
	s := Arrived(contextOf(e), e, time.Now())
	tr.Record(s)
	tr.Start()
	<-asked
	for range maxQueue + 100 {
		tr.Record(s)
	}
	tr.counts(0, 100, 0, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = tr.Stop(ctx)
	tr.counts(0, 100, maxQueue+1, 0)
}

func TestSampling(t *testing.T) {
	tr := &Tracer{bound: boundOf(0.1)}
	n := 0
	for i := range 10_000 {
		e := &event.Event{ID: fmt.Sprint("order-", i)}
		if i%2 == 0 {
			e.ID = uuid.NewString()
		}
		if tr.Sampled(e.ID, &e.Meta) {
			n++
		}
		c := ArrivedContext(e.ID, &e.Meta)
		if random, err := strconv.ParseUint(string(c.ID[18:]), 16, 64); err != nil || random < tr.bound != tr.Sampled(e.ID, &e.Meta) {
			t.Fatalf("%s has the trace %s, which is sampled by another part", e.ID, c.ID)
		}
	}
	if n < 850 || n > 1150 {
		t.Errorf("%d of 10,000 at 10 %%", n)
	}
	all, none := &Tracer{bound: boundOf(1)}, &Tracer{bound: boundOf(0)}
	for flags, want := range map[string]bool{"01": true, "00": false, "0b": true, "0a": false, "03": true} {
		m := &event.Metadata{TraceParent: parent[:53] + flags}
		if all.Sampled("e", m) != want || none.Sampled("e", m) {
			t.Errorf("flags %s: %v", flags, all.Sampled("e", m))
		}
	}
	var off *Tracer
	if off.On() || off.Sampled("e", &event.Metadata{}) {
		t.Error("it is off, and samples")
	}
	off.Record(nil)
	off.Start()
	if err := off.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		vars           map[string]string
		have           Options
		endpoint, want string // the error, or headers, timeout, compression and service
	}{
		"nothing":      {nil, Options{}, "", "map[] 0s   []"},
		"the address":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, Options{}, "http://c:4318/v1/traces", "map[] 0s   []"},
		"of traces":    {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x"}, Options{}, "http://t/x", "map[] 0s   []"},
		"all":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c, d=e", "OTEL_EXPORTER_OTLP_TIMEOUT": "500", "OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_SERVICE_NAME": "eu", "OTEL_RESOURCE_ATTRIBUTES": "k=v"}, Options{}, "https://c/v1/traces", "map[a:b c d:e] 500ms none eu [{k v 0}]"},
		"the file's":   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SERVICE_NAME": "eu", "OTEL_SDK_DISABLED": "true"}, Options{Endpoint: "http://f/v1/traces", Service: "mine"}, "http://f/v1/traces", "map[] 0s  mine []"},
		"off":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, Options{}, "", "map[] 0s   []"},
		"gRPC":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Options{}, "", "http/protobuf"},
		"no address":   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317"}, Options{}, "", "is no URL"},
		"bad headers":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a"}, Options{}, "http://c/v1/traces", "name=value"},
		"bad header":   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=%0A"}, Options{}, "http://c/v1/traces", "can't have"},
		"bad duration": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, Options{}, "http://c/v1/traces", "milliseconds"},
	} {
		t.Run(name, func(t *testing.T) {
			o := tt.have
			err := o.FromEnvironment(func(name string) string { return tt.vars[name] })
			got := fmt.Sprint(o.Headers, " ", o.Timeout, " ", o.Compression, " ", o.Service, " ", o.Resource)
			if err != nil {
				got = err.Error()
			}
			if o.Endpoint != tt.endpoint || got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("%q %s", o.Endpoint, got)
			}
		})
	}
}
