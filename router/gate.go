package router

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/machine"
)

// gate decides whether events may come in at all.
type gate struct {
	journal *store.Journal
	// takes is Options.Takes.
	takes      func() bool
	maxPending uint64
	minFree    uint64
	closed     atomic.Bool

	// checked is when the disk was last asked, in Unix nanoseconds; full is what
	// it answered.
	checked atomic.Int64
	full    atomic.Pointer[diskFull]
}

type diskFull struct{ free uint64 }

// Busy means that events can't be accepted now, and when to try again.
type Busy struct {
	Reason string
	Wait   time.Duration
}

func (b *Busy) Error() string { return b.Reason }

// RetryAfter is how long to wait before sending again.
func (b *Busy) RetryAfter() time.Duration { return b.Wait }

// errOtherLeads is the answer of a node that leads its cluster no more, or can't reach the cluster's log.
var errOtherLeads = &Busy{Wait: time.Second, Reason: "this node does not lead its cluster any more, or can't reach the cluster's log: send it again, to any node"}

// unwritten is why the journal has not taken events.
func unwritten(err error) error {
	if errors.Is(err, journal.ErrNotLeading) {
		return errOtherLeads
	}
	return fmt.Errorf("journal: %w", err)
}

// diskCheckEvery is how often the free disk space is asked for.
const diskCheckEvery = 250 * time.Millisecond

func (g *gate) close() { g.closed.Store(true) }

func (g *gate) admit() error {
	if g.closed.Load() {
		return ErrStopping
	}
	if g.maxPending > 0 {
		if c, _ := g.journal.Counters.Totals(); c.Pending() >= g.maxPending {
			return &Busy{Wait: 5 * time.Second, Reason: fmt.Sprintf("%d deliveries are pending (limits.max_pending is %d): a target is slower than the events come in; see signalbox_deliveries_pending", c.Pending(), g.maxPending)}
		}
	}
	return g.writable()
}

// writable reports whether the disk can take events. It is all that holds back
// derived ones: while the backlog is full, or the router is stopping, the
// deliveries that they come from could not end without them.
func (g *gate) writable() error {
	if g.takes != nil && !g.takes() {
		return errOtherLeads
	}
	// Senders and /readyz are told the reason: it has no paths. The log has them.
	if err := g.journal.Trouble(); err != nil {
		reason := "see the log"
		if cause := syscall.Errno(0); errors.As(err, &cause) {
			reason = cause.Error()
		}
		return &Busy{Wait: 10 * time.Second, Reason: "the journal can't write to its disk (" + reason + "): free some space; what was accepted is safe"}
	}
	if g.minFree > 0 {
		if f := g.disk(); f != nil {
			return &Busy{Wait: 30 * time.Second, Reason: fmt.Sprintf("the journal's disk has %d bytes free, less than min_free_disk (%d): free some space, or lower retention", f.free, g.minFree)}
		}
	}
	return nil
}

// disk asks for the free space at most every diskCheckEvery; nil is enough space.
func (g *gate) disk() *diskFull {
	now, last := time.Now().UnixNano(), g.checked.Load()
	if now-last < int64(diskCheckEvery) || !g.checked.CompareAndSwap(last, now) {
		return g.full.Load()
	}
	free, err := machine.FreeDisk(g.journal.Dir())
	if err != nil {
		return nil // not a directory of the machine (a test's): the write itself will tell
	}
	var f *diskFull
	if free < g.minFree {
		f = &diskFull{free: free}
	}
	g.full.Store(f)
	return f
}
