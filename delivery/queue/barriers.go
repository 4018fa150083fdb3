package queue

import "signalbox/journal"

// Barriers keep a lane that has an order from going past suspended deliveries that
// are on their way back to it. What is ready is left on disk, from the barrier on,
// and read in the order of its events once the barrier has moved.
type Barriers struct {
	at map[journal.HoldID]journal.Seq
}

// Set keeps the lane from all that is ready, until the barrier of a pause moves.
func (b *Barriers) Set(pause journal.HoldID) {
	if b.at == nil {
		b.at = map[journal.HoldID]journal.Seq{}
	}
	if _, ok := b.at[pause]; !ok {
		b.at[pause] = 0
	}
}

// Move moves the barrier of a pause, if there is one: all that was suspended before a
// place is back.
func (b *Barriers) Move(pause journal.HoldID, to journal.Seq) {
	if before, ok := b.at[pause]; ok && to > before {
		b.at[pause] = to
	}
}

// Lift takes the barrier of a pause away.
func (b *Barriers) Lift(pause journal.HoldID) { delete(b.at, pause) }

func (b *Barriers) any() bool { return len(b.at) > 0 }

// limit returns how far the lane may read, at most to limit. What comes back later
// may be older than the place that a read begins at, so it is asked when one begins.
func (b *Barriers) limit(limit journal.Seq) journal.Seq {
	for _, at := range b.at {
		limit = min(limit, at)
	}
	return limit
}
