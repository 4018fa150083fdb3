package diff

import (
	"context"
	"sync"
	"time"

	"signalbox/journal"
)

// A batch of events that a worker gets, in events and in bytes.
const (
	batchEvents = 256
	batchBytes  = 1 << 20
)

// scan compares the events of a range: one goroutine reads, and workers compare. It is not done
// where limit, a time unless it is zero, came first.
func (c *comparison) scan(ctx context.Context, from, before journal.Seq, limit time.Time) (all *tally, done bool, err error) {
	batches := make(chan []journal.Record, c.Workers)
	tallies := make([]*tally, c.Workers)
	var workers sync.WaitGroup
	for i := range tallies {
		tallies[i] = c.newTally()
		workers.Go(func() {
			w := worker{comparison: c, tally: tallies[i]}
			for batch := range batches {
				for j := range batch {
					w.look(&batch[j])
				}
			}
		})
	}
	done = true
	var batch []journal.Record
	bytes := 0
	send := func() bool {
		batches <- batch
		batch, bytes = make([]journal.Record, 0, batchEvents), 0
		done = done && (limit.IsZero() || time.Now().Before(limit))
		return done && ctx.Err() == nil
	}
	err = c.Events.Between(from, before, func(r journal.Record) bool {
		batch = append(batch, r)
		bytes += len(r.Envelope) + len(r.Meta)
		return len(batch) < batchEvents && bytes < batchBytes || send()
	})
	batches <- batch
	close(batches)
	workers.Wait()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	all = c.newTally()
	for _, t := range tallies {
		all.merge(t, c.Samples)
	}
	return all, done, nil
}
