// Package replay sends events of the past again: to the rules of now, or as they were
// planned then. A replay is a job with a lane of its own beside that of each target, so
// that live deliveries do not wait for it.
package replay

import (
	"fmt"

	"go.uber.org/zap"

	"signalbox/archive/past"
	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/targets"
)

// Options are what replays take from the program around them. All are required but Log.
type Options struct {
	Journal *store.Journal
	// Past reads the events of the past, in the store and in archives.
	Past  *past.Reader
	Lanes Lanes
	// Planner returns what plans with the rules that serve now.
	Planner func() Planner
	// Request returns what a target would be sent, with secrets masked.
	Request func(target string, d *targets.Delivery) (targets.Request, error)
	// Died is told of a delivery whose body can't be rendered, once it is a dead letter.
	Died func(target string, d *journal.Delivery, rec *journal.Record)
	// Yield is what replays that have no rate of their own give way to live traffic by.
	Yield *delivery.Yield
	Log   *zap.Logger
}

// Lanes are the queues of targets, and those of replays beside them.
type Lanes interface {
	// OpenReplay returns the lane of a replay beside that of a target. It makes it if there
	// is none.
	OpenReplay(target, name string, rate targets.Rate) (*delivery.Lane, error)
	// CloseReplay closes such a lane, which has ended.
	CloseReplay(*delivery.Lane) error
	// Requeue tells the lane of a delivery that it is ready on disk.
	Requeue(journal.Delivery)
	// TargetName returns the name of a lane's target, even if it is gone.
	TargetName(journal.LaneID) string
	// Serves reports whether a target is defined now.
	Serves(target string) bool
}

// Planner plans events of the past with the rules of one moment.
type Planner interface {
	// Sends returns what rules send of an event, without bodies.
	Sends(e *event.Event, envelope []byte) []Send
	// Entry returns what a target entry sends; false if it is not there any more.
	Entry(bus, rule, entry string) (Send, bool)
	// Render renders a body and an ordering key.
	Render(e *event.Event, rec *journal.Record, envelope []byte, s *Send)
	// Forward returns the delivery of a dead letter of an event on a bus; nil for none.
	Forward(bus string, dead *journal.Delivery) *journal.Delivery
	// Set returns the rules.
	Set() *rules.Set
}

// Send is what a target entry of a rule sends.
type Send struct {
	Rule *rules.Rule
	To   *rules.RuleTarget
	// Target is where to; To may name another by now.
	Target string
	// Body is the transformed body, nil for the event itself. Notice means that it is an
	// envelope, to be sent in place of the event's.
	Body   []byte
	Notice bool
	// Key is the ordering key.
	Key string
	// Err is why the body can't be rendered.
	Err error
}

// BadRequest is the error of a replay that makes no sense.
type BadRequest struct{ Reason string }

// Error returns the reason.
func (b *BadRequest) Error() string { return b.Reason }

func badRequest(format string, args ...any) error { return &BadRequest{fmt.Sprintf(format, args...)} }
