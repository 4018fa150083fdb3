package sourcestest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/secret"
	"signalbox/sources"
)

// Envelope is an event of 600 bytes, as sources read it.
func Envelope() []byte {
	return fmt.Appendf(nil, `{"source":"shop.orders","detail-type":"OrderCreated","detail":{"orderId":"1","note":%q}}`, strings.Repeat("x", 510))
}

// meter measures how fast messages come, from the first batch to the last, and passes them on.
type meter struct {
	sources.Accepter
	want int

	mu    sync.Mutex
	n     int
	first int // of the first batch
	begun time.Time
	took  time.Duration
	done  chan struct{} // closed with the last
}

func newMeter(want int, next sources.Accepter) *meter {
	return &meter{Accepter: next, want: want, done: make(chan struct{})}
}

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

// Accept takes events in.
func (m *meter) Accept(ctx context.Context, events []*event.Event) ([]error, error) {
	each, err := m.Accepter.Accept(ctx, events)
	if err == nil {
		m.got(len(events))
	}
	return each, err
}

// nowhere is where nothing is kept. No message is to be dead.
type nowhere struct{}

func (nowhere) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	return make([]error, len(events)), nil
}

func (nowhere) KeepDead(_ context.Context, _ *sources.Source, letters []sources.Letter) error {
	return letters[0].Err
}

// onDisk keeps events in a journal, as a router without rules.
type onDisk struct {
	nowhere
	journal *store.Journal
}

func (o *onDisk) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	numbers := o.journal.Seqs.Reserve(len(events))
	defer numbers.Release()
	entries := make([]journal.Entry, len(events))
	for i, e := range events {
		entries[i] = journal.Entry{Record: journal.Record{Seq: numbers.At(i), Envelope: e.AppendEnvelope(nil)}}
	}
	return make([]error, len(events)), o.journal.Append(entries)
}

// Take is what a loop of a bare client does with the bodies of a batch before it acknowledges them.
type Take func(bodies [][]byte) error

// Bare reads and acknowledges a queue without a source, until done is closed.
type Bare func(take Take, done <-chan struct{}) error

// Beside measures a source that reads n messages beside a loop of its bare client, in turn: once
// with messages that go nowhere, which the loop decodes, and once with those that are kept in a
// journal, where the loop appends them to a file and syncs it for each batch. Fill puts n messages with the body
// Envelope into a queue, and returns the source that reads it and what reads it without the source. Each
// call of fill is for a queue of its own.
func Beside(b *testing.B, n int, fill func() (sources.Config, Bare)) {
	b.Run("beside decoding", func(b *testing.B) { beside(b, n, fill, nowhere{}, decode) })
	b.Run("with the journal, beside a file", func(b *testing.B) {
		j, err := store.Open(b.TempDir(), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer j.Close()
		f, err := os.Create(b.TempDir() + "/log")
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		beside(b, n, fill, &onDisk{journal: j}, func(bodies [][]byte) error { return keep(f, bodies) })
	})
}

func beside(b *testing.B, n int, fill func() (sources.Config, Bare), accepter sources.Accepter, take Take) {
	var took, used [2]time.Duration
	for b.Loop() {
		c, _ := fill()
		m, cpu := newMeter(n, accepter), cpuTime(b)
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
		took[0] += m.each()
		used[0] += cpuTime(b) - cpu
		_, bare := fill()
		m, cpu = newMeter(n, nil), cpuTime(b)
		if err := bare(func(bodies [][]byte) error { m.got(len(bodies)); return take(bodies) }, m.done); err != nil {
			b.Fatal(err)
		}
		took[1] += m.each()
		used[1] += cpuTime(b) - cpu
	}
	b.ReportMetric(float64(b.N)/took[0].Seconds(), "messages/s")
	b.ReportMetric(float64(b.N)/took[1].Seconds(), "bare-messages/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
	b.ReportMetric(used[1].Seconds()/used[0].Seconds(), "cpu-ratio")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// decode reads bodies as a program would that needs their members.
func decode(bodies [][]byte) error {
	for _, body := range bodies {
		var e struct {
			Source     string          `json:"source"`
			DetailType string          `json:"detail-type"`
			Detail     json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return err
		}
	}
	return nil
}

// keep decodes bodies, appends them to a file, and returns when they are on disk.
func keep(f *os.File, bodies [][]byte) error {
	if err := decode(bodies); err != nil {
		return err
	}
	var all []byte
	for _, body := range bodies {
		all = append(append(all, body...), '\n')
	}
	if _, err := f.Write(all); err != nil {
		return err
	}
	return syscall.Fdatasync(int(f.Fd()))
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
