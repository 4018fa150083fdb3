package dlq

import (
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// Router is what the queue needs of the router.
type Router interface {
	// LaneID gives the lane of a target that serves now.
	LaneID(target string) (journal.LaneID, bool)
	// TargetName gives the name of a lane's target, be it gone.
	TargetName(journal.LaneID) string
	// Requeue tells a lane of a delivery that has become ready again on disk.
	Requeue(journal.Delivery)
	// Recall takes a redriven delivery that is not under way out of its lane, and
	// puts it back. It does nothing where the delivery is not in the given state
	// and place any more, or is under way; it may be called again.
	Recall(journal.Delivery)
	// Render gives what today's rules make of an event, which is that of the
	// record, for the target entry of a rule on a bus. The error, where they send
	// nothing, is a *Skip.
	Render(e *event.Event, record *journal.Record, bus, rule, entry string) (Rendering, error)
	// Request renders what a target would be sent, with secrets masked.
	Request(target string, d *targets.Delivery) (targets.Request, error)
	// BreakerOpen says that the circuit breaker of a target is not closed:
	// deliveries wait.
	BreakerOpen(target string) bool
	// RedriveEnded tells of a redrive that has ended. It must not call the queue.
	RedriveEnded(Job)
}

// Rendering is what today's rules make of an event for one target entry.
type Rendering struct {
	Target string
	// Body is the transformed body; nil means the event itself.
	Body []byte
	// Notice says that Body is an envelope, to be sent in place of the event's.
	Notice bool
}

// The reasons why a redrive leaves a letter in the queue.
const (
	SkipTargetGone    = "target-gone"    // its target is not defined any more
	SkipRuleGone      = "rule-gone"      // its rule is not there any more
	SkipRuleOff       = "rule-off"       // its rule is disabled or in state shadow
	SkipEntryGone     = "entry-gone"     // its rule has no such target entry any more
	SkipNoMatch       = "no-match"       // its rule does not match the event any more
	SkipTargetChanged = "target-changed" // its rule now sends to another target
	SkipUnrendered    = "unrendered"     // today's rule can't render the body
	SkipTaken         = "taken"          // another redrive or a purge took it
	SkipKeyStopped    = "key-stopped"    // another letter has stopped its order key
)

// Skip is why a redrive leaves a letter in the queue.
type Skip struct {
	// Code is one of the Skip constants.
	Code string `json:"code"`
	// Message says more, and how to mend it.
	Message string `json:"message"`
}

// Error is the message.
func (s *Skip) Error() string { return s.Message }
