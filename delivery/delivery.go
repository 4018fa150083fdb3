// Package delivery is the queue of one target, and all that decides when a
// delivery is attempted and what becomes of it.
package delivery

import (
	"context"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
	"signalbox/telemetry"
)

// Env is what lanes take from the program around them. All fields are required but
// Requests and Redrives, which may be nil where there are no such deliveries.
type Env struct {
	Store   Store
	Log     *zap.Logger
	Metrics *Metrics
	// Tracer takes spans of attempts; nil takes none.
	Tracer *telemetry.Tracer
	// Window and WindowBytes bound what one lane holds in memory, in deliveries and
	// in bytes.
	Window, WindowBytes int
	// Shared is what all lanes hold together; nil has no bound.
	Shared *queue.SharedMemory
	// Backpressure is told of lanes that are behind; it may be nil.
	Backpressure *Backpressure
	// Yield is what replays give way by; nil where they do not.
	Yield *Yield
	// GoneWait is how long the deliveries of a target that is gone wait for it before
	// they go to the dead-letter queue; zero is not at all.
	GoneWait time.Duration
	// Base is cancelled when attempts under way must end.
	Base context.Context
	// Running reports whether deliveries may begin, Stopping whether no more should.
	Running, Stopping func() bool
	// Leads reports whether this router may deliver now, of those of a cluster; nil where it is alone.
	Leads func() bool
	// Go runs a function in a goroutine that the program waits for when it stops.
	Go func(func())
	// Policies returns what today's rules say of deliveries.
	Policies func() *Policies
	Requests Requests
	Redrives Redrives
	// Derive accepts the events of an answer, and returns their places. They are on
	// disk when it returns; only then may the delivery end. ErrStopping, which it
	// wraps, or a *targets.Error says why they were not.
	Derive func(a *Attempt) ([]journal.Seq, error)
	// Died is called before a delivery goes to the dead-letter queue, maybe again for the
	// same death after a crash; it may be nil.
	Died func(target string, it *queue.Item, dead *journal.Delivery)
	// Places returns the places of events that have been accepted, now or before.
	Places func([]*event.Event) []journal.Seq
	// Resume is told of a delivery that was suspended by a pause which may have ended
	// meanwhile.
	Resume func(journal.HoldID)
	// Drained is told, once, that a draining lane has nothing left to deliver.
	Drained func(*Lane)
}

// Store is the durable state of deliveries, part by part.
type Store struct {
	queue.Store
	Writer
	Counters
}

// Writer takes the next states of deliveries. It keeps a copy of the moves.
type Writer interface {
	MoveAll([]journal.Move) error
}

// Counters count the deliveries of a lane.
type Counters interface {
	LaneCounts(journal.LaneID) journal.Counts
}

// Policies are what the rules that serve now say of deliveries, beside what their
// targets say. They are not changed once lanes can see them.
type Policies struct {
	// Retries are those of target entries that have one of their own, Replies those
	// that say themselves whether answers carry events.
	Retries map[Entry]targets.Retry
	Replies map[Entry]bool
	// Parameters are those of entries that add to the requests of http targets.
	Parameters map[Entry]*targets.Parameters
	// DeadLetters are the targets that entries name for their dead letters.
	DeadLetters map[Entry]DeadLetterTarget
	// Longest is the longest backoff of all.
	Longest time.Duration
	// Suspended returns the pause that suspends the deliveries of a rule; 0 is none.
	Suspended func(bus, rule string) journal.HoldID
}

// Entry names a target entry of a rule.
type Entry struct{ Bus, Rule, Entry string }

// entryOf names the target entry that planned a delivery; the zero Entry for that of a dead letter,
// which is no business of the entry's.
func entryOf(it *queue.Item) Entry {
	if it.Delivery.Forward != nil {
		return Entry{}
	}
	return Entry{it.Bus(), it.Delivery.Rule, it.Delivery.RuleTarget}
}

// Verdict is what becomes of the delivery of a command or a query.
type Verdict int

const (
	// Continue treats it like the delivery of any event.
	Continue Verdict = iota
	// Drop ends it: its sender has an answer, or needs none.
	Drop
	// DropFailed ends it too, and its failure counts for the target.
	DropFailed
	// Stay leaves it as it is, to be attempted again after a restart: what comes of
	// it can't be written.
	Stay
)

// Requests follows the deliveries of commands and queries.
type Requests interface {
	// Begin is called before an attempt.
	Begin(*Attempt) Verdict
	// Answered is called when the target has taken the delivery.
	Answered(*Attempt) Verdict
	// Failed is called when an attempt has failed with a.Failure.
	Failed(*Attempt) Verdict
	// GaveUp is called before the delivery goes to the dead-letter queue.
	GaveUp(*Attempt) Verdict
	// Simulated is called for a test message that its target does not act on.
	Simulated(*Attempt) Verdict
}

// Redrives follows the deliveries that were sent again from the dead-letter queue.
type Redrives interface {
	// Redriving reports whether the delivery's redrive still runs.
	Redriving(*journal.Delivery) bool
	// Failed reports whether a delivery whose attempt has failed is to be given up.
	Failed(*journal.Delivery, *targets.Error) bool
	// Settled is told of a delivery's next state, or its end, once it is on disk.
	Settled(from journal.Delivery, to *journal.Delivery, end journal.End)
	// Returned is the delivery as it goes back to the queue without an attempt.
	Returned(journal.Delivery) journal.Delivery
	// DiedAgain notes in a dead delivery what its redrive came to.
	DiedAgain(*journal.Delivery)
}
