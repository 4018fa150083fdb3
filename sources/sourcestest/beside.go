package sourcestest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/sources"
)

// Envelope is an event of 600 bytes, as sources read it.
func Envelope() []byte {
	return fmt.Appendf(nil, `{"source":"shop.orders","detail-type":"OrderCreated","detail":{"orderId":"1","note":%q}}`, strings.Repeat("x", 510))
}

// meter measures how fast messages come, from the first batch to the last.
type meter struct {
	want int

	mu    sync.Mutex
	n     int
	first int // of the first batch
	begun time.Time
	took  time.Duration
	done  chan struct{} // closed with the last
}

func newMeter(want int) *meter { return &meter{want: want, done: make(chan struct{})} }

// got takes in that so many more have come, and been acknowledged.
func (m *meter) got(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == 0 {
		m.first, m.begun = n, time.Now()
	}
	if m.n < m.want && m.n+n >= m.want {
		m.took = time.Since(m.begun)
		close(m.done)
	}
	m.n += n
}

// each is how long each took.
func (m *meter) each() time.Duration { return m.took / time.Duration(max(1, m.want-m.first)) }

// Accept takes events in, which go nowhere.
func (m *meter) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	m.got(len(events))
	return make([]error, len(events)), nil
}

// KeepDead fails: no message is to be dead.
func (m *meter) KeepDead(_ context.Context, _ *sources.Source, letters []sources.Letter) error {
	return letters[0].Err
}

// Beside measures a source that reads n messages, which go nowhere, beside a loop of its bare client,
// in turn. Fill puts n messages with the body Envelope into a queue, and returns the source
// that reads it and what reads and acknowledges it without the source: that calls got for each batch,
// and ends when more is nil. Each call of fill is for a queue of its own.
func Beside(b *testing.B, n int, fill func() (c sources.Config, bare func(got func(n int), more <-chan struct{}) error)) {
	b.Helper()
	var own, loop time.Duration
	for b.Loop() {
		c, _ := fill()
		m := newMeter(n)
		source, faults, _ := sources.New(c, secret.Source{})
		if len(faults) > 0 {
			b.Fatal(faults)
		}
		s := sources.NewSupervisor(sources.SupervisorOptions{Accepter: m})
		s.Set(map[string]*sources.Source{c.Name: source})
		<-m.done
		if err := s.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
		own += m.each()
		_, bare := fill()
		m = newMeter(n)
		if err := bare(m.got, m.done); err != nil {
			b.Fatal(err)
		}
		loop += m.each()
	}
	b.ReportMetric(float64(b.N)/own.Seconds(), "messages/s")
	b.ReportMetric(float64(b.N)/loop.Seconds(), "bare-messages/s")
	b.ReportMetric(loop.Seconds()/own.Seconds(), "ratio")
}

// Over reports whether a channel is closed.
func Over(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
