// Package dlq is the dead-letter queue: browse, filter with the pattern language,
// preview, redrive, purge. The dead letters are in the journal.
package dlq

import (
	"fmt"

	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/targets"
)

// Options are what a queue is made of. All are required but Log.
type Options struct {
	Journal *store.Journal
	Lanes   Lanes
	// Render returns what today's rules make of an event, which is that of the
	// record, for the target entry of a rule on a bus. The error, where they send
	// nothing, is a *Skip.
	Render func(e *event.Event, record *journal.Record, bus, rule, entry string) (Rendering, error)
	// Request returns what a target would be sent, with secrets masked.
	Request func(target string, d *targets.Delivery) (targets.Request, error)
	Log     *zap.Logger
}

// Lanes are the queues of the targets that dead letters are sent to again.
type Lanes interface {
	// LaneID returns the lane of a target that serves now.
	LaneID(target string) (journal.LaneID, bool)
	// TargetName returns the name of a lane's target, even if it is gone.
	TargetName(journal.LaneID) string
	// BreakerOpen reports whether the circuit breaker of a target is not closed:
	// deliveries wait.
	BreakerOpen(target string) bool
	// Requeue hands a lane a delivery that has become ready again on disk.
	Requeue(journal.Delivery)
	// Recall takes a redriven delivery that is not under way out of its lane, and
	// puts it back. It does nothing where the delivery is not in the given state
	// and place any more, or is under way; it may be called again.
	Recall(journal.Delivery)
}

// Queue is the dead-letter queue, with its redrives. It is safe for concurrent use.
type Queue struct{ *Redrives }

// New returns the queue of a journal's dead letters. Redrives begin, and continue
// where they were, with Start.
func New(o Options) *Queue {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Queue{newRedrives(o)}
}

// planner finds out what would be sent of a dead letter, and where.
type planner struct{ opts Options }

// rendering returns what would be sent of a dead letter now, and where, or a *Skip.
func (q *planner) rendering(o Redrive, l *Letter) (Rendering, error) {
	target := l.Target
	if o.To != "" {
		target = o.To
	}
	if _, err := q.lane(target); err != nil {
		return Rendering{}, err
	}
	// What is sent for a source is decoded as it is now; a dead letter of a rule is sent on as it died.
	if o.As != Current || l.Rule == "" || l.place.Forward != nil {
		return Rendering{Target: target, Body: l.place.Body, Notice: l.place.Notice}, nil
	}
	r, err := q.opts.Render(l.parsed, &l.record, l.ruleBus(), l.Rule, l.RuleTarget)
	if err != nil {
		return Rendering{}, err
	}
	if o.To == "" && r.Target != l.Target {
		return Rendering{}, &Skip{SkipTargetChanged, fmt.Sprintf("rule %q now sends this to target %q: send it there with --to %s", l.Rule, r.Target, r.Target)}
	}
	r.Target = target
	return r, nil
}

// lane returns the lane of a target, or a *Skip where it is gone.
func (q *planner) lane(target string) (journal.LaneID, error) {
	if id, ok := q.opts.Lanes.LaneID(target); ok {
		return id, nil
	}
	return 0, &Skip{SkipTargetGone, fmt.Sprintf("target %q is not defined any more: define it again, or name another with --to", target)}
}

// Rendering is what today's rules make of an event for one target entry.
type Rendering struct {
	Target string
	// Body is the transformed body; nil means the event itself.
	Body []byte
	// Notice means that Body is an envelope, to be sent in place of the event's.
	Notice bool
}

// The reasons why a redrive leaves a dead letter in the queue.
const (
	SkipTargetGone    = "target-gone"    // its target is not defined any more
	SkipRuleGone      = "rule-gone"      // its rule is not there any more
	SkipRuleOff       = "rule-off"       // its rule is disabled or in state shadow
	SkipEntryGone     = "entry-gone"     // its rule has no such target entry any more
	SkipNoMatch       = "no-match"       // its rule does not match the event any more
	SkipTargetChanged = "target-changed" // its rule now sends to another target
	SkipUnrendered    = "unrendered"     // today's rule can't render the body
	SkipTaken         = "taken"          // another redrive or a purge took it
	SkipKeyStopped    = "key-stopped"    // another dead letter has stopped its ordering key
)

// Skip is the error of a dead letter that a redrive leaves in the queue.
type Skip struct {
	// Code is one of the Skip constants.
	Code string `json:"code"`
	// Message is the reason, and how to fix it.
	Message string `json:"message"`
}

// Error returns the message.
func (s *Skip) Error() string { return s.Message }
