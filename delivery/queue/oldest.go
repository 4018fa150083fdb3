package queue

import (
	"time"

	"signalbox/journal"
)

// waitingLooked is how many of the deliveries that are due next are looked at for the oldest.
const waitingLooked = 32

// Oldest returns a function that finds when the present round began of the oldest delivery
// that is ready, waits, or is under way; zero if there is none. It is called without the
// lane's lock. Nothing is looked for from the start of what is on disk: what is ready lies
// there in the order of events, behind what is in memory. Of what waits on disk, those that are
// due next are looked at.
func (q *Queue) Oldest() func() (time.Time, error) {
	var oldest time.Time
	for _, it := range q.window.all {
		if began := it.Began(); oldest.IsZero() || began.Before(oldest) {
			oldest = began
		}
	}
	ready, waiting := q.backlog.places()
	return func() (time.Time, error) {
		for _, at := range []struct {
			state journal.State
			from  *journal.Cursor
			most  int
		}{{journal.Ready, ready, 1}, {journal.Waiting, waiting, waitingLooked}} {
			if at.from == nil {
				continue
			}
			began, err := q.lane.Store.Oldest(q.lane.ID, at.state, *at.from, at.most)
			if err != nil {
				return oldest, err
			}
			if !began.IsZero() && (oldest.IsZero() || began.Before(oldest)) {
				oldest = began
			}
		}
		return oldest, nil
	}
}
