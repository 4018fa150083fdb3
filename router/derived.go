package router

import (
	"cmp"
	"fmt"
	"sync"

	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// derivations counts the events that have come of each first event by way of replies and of
// bus targets. The counts are in memory, and are found again on disk, where each derived event is written with
// its number. It is safe for concurrent use.
type derivations struct {
	// last returns the number of the last event that has come of a first one.
	last func(root journal.Seq) (int, error)

	mu     sync.Mutex
	counts map[journal.Seq]int
}

// maxCounted is how many first events are counted for in memory.
const maxCounted = 1 << 16

// take counts n events more of a first event, if that makes no more than most. It returns
// the count of before them.
func (d *derivations) take(root journal.Seq, n, most int) (from int, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, known := d.counts[root]
	if !known {
		if from, err = d.last(root); err != nil {
			return 0, false, err
		}
		if d.counts == nil || len(d.counts) >= maxCounted {
			d.counts = map[journal.Seq]int{}
		}
	}
	if from+n > most {
		return from, false, nil
	}
	d.counts[root] = from + n
	return from, true, nil
}

// give takes back n of what was counted: events that were not taken in, or had been before.
func (d *derivations) give(root journal.Seq, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.counts[root]; ok {
		d.counts[root] -= n
	}
}

// number counts one event more of the first one that it comes of, and writes its number in it.
func (d *derivations) number(e *event.Event, most int) error {
	from, ok, err := d.take(journal.Seq(e.Meta.Root), 1, most)
	if err != nil {
		return err
	}
	if !ok {
		return &targets.Error{Code: targets.CodeMaxDerived, Final: true, Tries: 1, Err: fmt.Errorf(
			"this would be event %d that comes of one, and max_derived is %d: do rules multiply events? the correlation id of the story is %s",
			from+1, most, cmp.Or(e.Meta.CorrelationID, e.ID))}
	}
	e.Meta.Derived = from + 1
	return nil
}

// forget takes back events that have been numbered and were not taken in.
func (d *derivations) forget(evs []*event.Event) {
	for _, e := range evs {
		d.give(journal.Seq(e.Meta.Root), 1)
	}
}

// tooMany is the error of replies that multiply.
func tooMany(a *delivery.Attempt, have, n, most int) *targets.Error {
	return &targets.Error{Code: targets.CodeMaxDerived, Final: true, Tries: 1, Status: a.Send.Status, Err: fmt.Errorf(
		"the reply would make %d events that come of one, and max_derived is %d: do replies multiply? the correlation id of the story is %s",
		have+n, most, storyOf(a))}
}

// storyOf returns what the events of a story have in common.
func storyOf(a *delivery.Attempt) string {
	return cmp.Or(a.Item.Meta().CorrelationID, a.Item.EventID())
}
