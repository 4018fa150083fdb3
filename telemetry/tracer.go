package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/event"
)

// The spans that wait to be sent, those that are sent at once, and how long they gather.
const (
	maxQueue = 4096
	maxBatch = 512
	gather   = time.Second
)

// Tracer takes spans, and sends them in the background. A nil one takes none. It never waits:
// what does not fit is dropped, and counted. It is safe for concurrent use.
type Tracer struct {
	bound  uint64 // of the random part of ids of traces that are sampled
	sender *sender
	log    *zap.Logger
	spans  *prometheus.CounterVec // outcome
	// exported, full, failed and refused are those of its outcomes.
	exported, full, failed, refused prometheus.Counter

	mu      sync.Mutex
	waiting [][]byte // encoded spans
	// batch holds a token when a batch waits. To wake a goroutine for each span costs more than
	// making it.
	batch chan struct{}

	stop  chan struct{}
	once  sync.Once
	ended chan struct{}
	// silent means that the last try failed, which was told.
	silent bool
}

// New returns a Tracer, nil where the options name no endpoint. Stop must be called after Start.
func New(o Options, log *zap.Logger, reg prometheus.Registerer) (*Tracer, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	s, err := newSender(o)
	if err != nil {
		return nil, err
	}
	t := &Tracer{
		bound: boundOf(o.Sample), sender: s, log: log,
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_otlp_spans_total", Help: "Spans by what became of them: exported, or dropped as the queue was full, the receiver could not be reached, or it refused them.",
		}, []string{"outcome"}),
		batch: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	t.exported, t.full = t.spans.WithLabelValues("exported"), t.spans.WithLabelValues("queue_full")
	t.failed, t.refused = t.spans.WithLabelValues("failed"), t.spans.WithLabelValues("refused")
	reg.MustRegister(t.spans)
	return t, nil
}

// boundOf returns below what the random part of a trace's id lies if it is sampled.
func boundOf(ratio float64) uint64 { return uint64(ratio * (1 << 56)) }

// On reports whether there are spans at all.
func (t *Tracer) On() bool { return t != nil }

// Sampled reports whether the spans of an event are wanted, also where nothing has failed: so
// many of all traces as the ratio says, always the same ones, and none that their producer
// has decided not to sample.
func (t *Tracer) Sampled(eventID string, m *event.Metadata) bool {
	if t == nil {
		return false
	}
	random, sampled := event.TraceRandom(eventID, m)
	return sampled && random < t.bound
}

// Record takes a span, or drops it where too many wait.
func (t *Tracer) Record(s *Span) {
	if t == nil {
		return
	}
	if t.crowded() { // spares making it
		t.full.Inc()
		return
	}
	encoded := s.encode()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting = append(t.waiting, encoded); len(t.waiting)%maxBatch == 0 {
		select {
		case t.batch <- struct{}{}:
		default:
		}
	}
}

// Start begins to send.
func (t *Tracer) Start() {
	if t != nil {
		go t.run()
	}
}

// Stop sends what waits, as far as there is time, and ends.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.once.Do(func() { close(t.stop) })
	ctx, cancel := context.WithTimeout(ctx, lastly)
	defer cancel()
	select {
	case <-t.ended:
	case <-ctx.Done():
		t.sender.abandon()
		<-t.ended
	}
	return nil
}

// lastly is how long sending what waits at the end may take.
const lastly = 2 * time.Second

// crowded reports whether as many wait as may.
func (t *Tracer) crowded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) >= maxQueue
}

func (t *Tracer) run() {
	defer close(t.ended)
	tick := time.NewTicker(gather)
	defer tick.Stop()
	for stopping := false; !stopping; {
		select {
		case <-t.stop:
			stopping = true
		case <-t.batch:
		case <-tick.C:
		}
		t.sendAll()
	}
}

// sendAll sends what waits.
func (t *Tracer) sendAll() {
	for batch := t.take(); len(batch) > 0; batch = t.take() {
		t.send(batch)
	}
}

// take takes the next spans out of those that wait: a batch at most.
func (t *Tracer) take() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), maxBatch)
	batch := t.waiting[:n:n]
	if t.waiting = t.waiting[n:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	return batch
}

// send sends a batch, and counts what became of it. A failure is told once, not each time.
func (t *Tracer) send(batch [][]byte) {
	refused, err := t.sender.send(batch)
	refused = min(max(refused, 0), int64(len(batch)))
	switch {
	case err != nil:
		t.failed.Add(float64(len(batch)))
		if !t.silent {
			t.log.Warn("spans can't be exported; they are dropped", zap.String("url", t.sender.url), zap.Error(err))
		}
	default:
		t.exported.Add(float64(int64(len(batch)) - refused))
		t.refused.Add(float64(refused))
		if t.silent {
			t.log.Info("spans are exported again", zap.String("url", t.sender.url))
		}
	}
	t.silent = err != nil
}
