package kafka

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/targets"
)

// sent is a record on its way. What came of it is err, once it is finished.
type sent struct {
	id       string
	record   *kgo.Record     // nil once it has arrived
	found    any             // which of the topics of that name it is to
	all      <-chan struct{} // closed when those that were sent with it are finished
	finished atomic.Bool
	err      error
	since    time.Time // when it was late
}

// countdown returns what closes done when it has been called n times, so that who waits for
// records that are sent at once is woken once.
func countdown(n int) (one func(), done chan struct{}) {
	var left atomic.Int64
	left.Store(int64(n))
	done = make(chan struct{})
	return func() {
		if left.Add(-1) == 0 {
			close(done)
		}
	}, done
}

// produce sends a record, without an end in time: one that is cancelled while a broker may have it
// breaks the numbers by which brokers know repeats. Finished is called when it is.
func (t *target) produce(client *kgo.Client, s *sent, finished func()) *sent {
	s.found, _ = t.known.Load(s.record.Topic)
	client.TryProduce(context.Background(), s.record, func(_ *kgo.Record, err error) {
		if s.err = err; err == nil {
			s.record = nil
		}
		s.finished.Store(true)
		finished()
	})
	return s
}

// send hands records to the client, at once, so that it needs few requests: those that there are, and
// whose topics are not refused. Where an attempt before has given up waiting for the same delivery, that
// one is waited for: it may be with a broker, and cannot be called back.
func (t *target) send(batch []*targets.Delivery, records []*kgo.Record, refused map[string]error) []*sent {
	out, sents := make([]*sent, len(records)), make([]sent, len(records))
	one, all := countdown(len(records))
	for i, r := range records {
		if r == nil || refused[r.Topic] != nil {
			one()
		} else if out[i] = t.late.take(batch[i].ID); out[i] != nil {
			one()
		} else {
			s := &sents[i]
			s.id, s.record, s.all = batch[i].ID, r, all
			out[i] = t.produce(t.client, s, one)
		}
	}
	return out
}

// wait returns what came of a record, or the error of ctx, after which it is kept as late.
func (t *target) wait(ctx context.Context, s *sent) error {
	if !s.finished.Load() {
		select {
		case <-s.all:
		case <-ctx.Done():
		}
	}
	if !s.finished.Load() {
		t.late.keep(s)
		return ctx.Err()
	}
	return s.err
}

// outcome returns what came of a record in the end.
func (t *target) outcome(ctx context.Context, s *sent) error {
	err := t.wait(ctx, s)
	switch {
	case isUnknownTopic(err):
		t.lost(s.record.Topic, s.found, err)
	case judged(err):
		return t.alone(ctx, s)
	}
	return err
}

// alone sends a record by itself. A broker takes or refuses all records of a request to one
// partition together, and the client gives its error to those that waited behind them too, so
// that only the answer to one by itself is an answer to it.
func (t *target) alone(ctx context.Context, s *sent) error {
	select {
	case t.singles <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	again := &kgo.Record{Topic: s.record.Topic, Key: s.record.Key, Value: s.record.Value, Headers: s.record.Headers}
	one, all := countdown(1)
	return t.wait(ctx, t.produce(t.single, &sent{id: s.id, record: again, all: all}, func() { <-t.singles; one() }))
}

const (
	// lateFor is how long it is remembered that a record has arrived late.
	lateFor = 15 * time.Minute
	// manyLate is from how many on those are looked for that can be forgotten.
	manyLate = 1000
)

// late are records that no attempt waits for any more, by the ids of their deliveries. How many
// are still on their way is bounded by what the client takes.
type late struct {
	mu      sync.Mutex
	records map[string]*sent
	sweepAt int
}

// take returns the record of a delivery that has arrived or is on its way; nil is none.
func (l *late) take(id string) *sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.records[id]
	delete(l.records, id)
	if s == nil || s.useless() {
		return nil
	}
	return s
}

// keep keeps a record for the attempt after.
func (l *late) keep(s *sent) {
	s.since = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) >= max(l.sweepAt, manyLate) {
		maps.DeleteFunc(l.records, func(_ string, s *sent) bool { return s.useless() })
		l.sweepAt = 2 * len(l.records)
	}
	l.records[s.id] = s
}

// useless reports whether a record has failed, or arrived long ago.
func (s *sent) useless() bool {
	return s.finished.Load() && (s.err != nil || time.Since(s.since) > lateFor)
}
