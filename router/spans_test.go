package router

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/targets"
	"signalbox/telemetry"
)

// spans receives spans over OTLP/HTTP.
type spans struct {
	*httptest.Server
	mu  sync.Mutex
	all []*tracepb.Span
}

func newSpans(t testing.TB) *spans {
	s := &spans{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data tracepb.TracesData
		text, err := gzip.NewReader(r.Body)
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(text); err == nil {
				err = proto.Unmarshal(body, &data)
			}
		}
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, rs := range data.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				s.all = append(s.all, ss.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// tracer returns a tracer that sends to the receiver, and what ends it.
func (s *spans) tracer(t testing.TB, sample float64) (*telemetry.Tracer, func()) {
	tracer, err := telemetry.New(telemetry.Options{Endpoint: telemetry.At(s.URL), Sample: sample}.WithDefaults(), zap.NewNop(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	tracer.Start()
	return tracer, func() { _ = tracer.Stop(context.Background()) }
}

// TestSpansOfADelivery: the arrival, the attempt that fails and the one that does not, each with
// the id that the target is given; alone and in batches. Where nothing is sampled, only failures.
func TestSpansOfADelivery(t *testing.T) {
	for name, tt := range map[string]struct {
		rules  string
		sample float64
		want   string
	}{
		"one by one":  {toA, 1, "accept default, deliver a 1 !, deliver a 2"},
		"in a batch":  {strings.Replace(toA, "type: http,", "type: http, batch: {},", 1), 1, "accept default, deliver a 1 !, deliver a 2"},
		"not sampled": {toA, 0, "deliver a 1 !"},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newSpans(t)
			tracer, stop := receiver.tracer(t, tt.sample)
			b := newBench(t, strings.Replace(tt.rules, "min_backoff: 1s, max_backoff: 10s", "min_backoff: 1ms, max_backoff: 1ms", 1))
			b.opts.Tracer = tracer
			b.start()
			var once sync.Once
			b.fakes["a"].say(func(context.Context, *targets.Delivery) (err error) {
				once.Do(func() {
					err = &targets.Error{Code: targets.CodeThrottling, Status: 429, Err: errors.New("busy")}
				})
				return err
			})
			e := order(1)
			const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			e.Meta.TraceParent = parent
			b.send(e)
			for end := time.Now().Add(time.Minute); b.counts().Delivered == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%+v", b.counts())
				}
			}
			b.stop()
			stop()
			var got []string
			for _, s := range receiver.all {
				text := s.Name
				for _, a := range s.Attributes {
					if a.Key == "signalbox.delivery.attempt" {
						text += fmt.Sprint(" ", a.Value.GetIntValue())
					}
				}
				if s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
					text += " !"
				}
				got = append(got, text)
				if hex.EncodeToString(s.TraceId) != parent[3:35] || len(s.Links) != 1 {
					t.Errorf("%v", s)
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("spans %q, want %q", got, tt.want)
			}
			for _, d := range b.fakes["a"].deliveries() {
				c := event.NewTraceContext(d.EventID, d.Meta, d.ID, d.Attempt)
				found := false
				for _, s := range receiver.all {
					found = found || hex.EncodeToString(s.SpanId) == string(c.AppendSpan(nil))
				}
				if !found && tt.sample == 1 {
					t.Errorf("attempt %d has no span of its id", d.Attempt)
				}
			}
		})
	}
}

// TestSpansOfRefusedEvents: each has one, whatever is sampled, in the trace that its producer has named, or in one of its own.
func TestSpansOfRefusedEvents(t *testing.T) {
	receiver := newSpans(t)
	tracer, stop := receiver.tracer(t, 0)
	b := newBench(t, toA)
	b.opts.Tracer = tracer
	b.start()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	known, unknown, good := order(1), order(2), order(3)
	known.Meta.TraceParent, known.Meta.Bus, unknown.Meta.Bus, unknown.ID = parent, "nowhere", "nowhere", ""
	errs, err := b.router.Accept(context.Background(), []*event.Event{known, unknown, good})
	if err != nil || errs[0] == nil || errs[1] == nil || errs[2] != nil {
		t.Fatalf("%v, %v", errs, err)
	}
	b.stop()
	stop()
	if len(receiver.all) != 2 {
		t.Fatalf("%d spans", len(receiver.all))
	}
	for i, s := range receiver.all {
		code := ""
		for _, a := range s.Attributes {
			if a.Key == "error.type" {
				code = a.Value.GetStringValue()
			}
		}
		if s.Name != "accept nowhere" || s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || !strings.Contains(s.Status.GetMessage(), "Event bus nowhere does not exist") ||
			code != event.CodeNotFound || (hex.EncodeToString(s.TraceId) == parent[3:35]) != (i == 0) || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%v", s)
		}
	}
	if unknown.ID != "" {
		t.Errorf("the event of the caller got the id %s", unknown.ID)
	}
}

// BenchmarkSpans takes events through two routers in turn, one of which sends the spans of 1 %
// of all traces, and compares the processor time.
func BenchmarkSpans(b *testing.B) {
	for _, kind := range []string{"http", "log"} {
		b.Run("target="+kind, func(b *testing.B) {
			url, _ := rawSink(b)
			text := map[string]string{"http": "targets:\n  sink: {type: http, url: \"" + url + "\"}\n", "log": "targets:\n  sink: {type: log}\n"}[kind] +
				"rules:\n  - {name: all, pattern: {source: [app]}, targets: [sink]}\n"
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			sink := &spans{Server: httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))}
			defer sink.Close()
			tracer, stop := sink.tracer(b, 0.01)
			defer stop()
			var ways [2]func()
			for i, with := range []*telemetry.Tracer{nil, tracer} {
				set, err := rules.Load(rules.Source{Globs: []string{"rules.yaml"}, Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				j, err := store.Open(filepath.Join(dir, fmt.Sprint("data", i)), store.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer j.Close()
				r, err := New(Options{Journal: j, Trace: true, Tracer: with}, set)
				if err != nil {
					b.Fatal(err)
				}
				r.Start()
				defer r.Stop(context.Background())
				ways[i] = func() { throughput(b, r, j) }
				ways[i]() // warms up
			}
			var used [2]time.Duration
			for n := 0; b.Loop(); n++ {
				for _, i := range [][2]int{{0, 1}, {1, 0}}[n%2] {
					began := cpuTime(b)
					ways[i]()
					used[i] += cpuTime(b) - began
				}
			}
			b.ReportMetric(100*(float64(used[1])/float64(used[0])-1), "%-more-cpu")
		})
	}
}

// throughput takes 20,000 events of 600 bytes through a router, ten at a time from 8 producers.
func throughput(b *testing.B, r *Router, j *store.Journal) {
	note := strings.Repeat("lorem ipsum ", 36)
	var producers sync.WaitGroup
	for range 8 {
		producers.Go(func() {
			for n := range 250 {
				evs := make([]*event.Event, 10)
				for i := range evs {
					evs[i] = &event.Event{Source: "app", DetailType: "T", Detail: fmt.Appendf(nil, `{"n":%d,"note":"%s"}`, n, note)}
				}
				if _, err := r.Accept(context.Background(), evs); err != nil {
					b.Error(err)
				}
			}
		})
	}
	producers.Wait()
	for c, _ := j.Counters.Totals(); c.Pending() > 0; c, _ = j.Counters.Totals() {
		time.Sleep(time.Millisecond)
	}
}
