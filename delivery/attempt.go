package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// ErrStopping is the error of what could not be done because the router stops.
var ErrStopping = errors.New("the router is stopping")

// Attempt is one attempt at a delivery, on its way through the stages.
type Attempt struct {
	Item *queue.Item
	// Target is the target that is active; nil where it is gone.
	Target *Active
	// Send is the delivery as its target gets it, with what it answers.
	Send targets.Delivery
	// Failure is why the attempt has failed; nil while it has not.
	Failure *targets.Error

	lane *Lane
	// run is the batch that the attempt is part of; nil where it is alone.
	run *batchRun
	// result is what came of the attempt.
	result journal.Answered
	// forward is the delivery of a dead letter that is planned with the end of the attempt.
	forward *journal.Delivery
	retry   targets.Retry
	start   time.Time
	// deadline is when the delivery is too old for a further attempt; zero is never.
	deadline time.Time
}

// stage is one step of an attempt. It reports whether the next step follows; if not,
// it has settled the delivery, or leaves it to be made again after the next start.
type stage func(*Attempt) bool

// stages are the steps of an attempt, in their order. Each delivery of a batch goes
// through those before it too.
type stages struct{ before, single []stage }

func newStages() stages {
	return stages{
		before: []stage{discarded, redriven, gone, paused, prepare, request, synthetic, age, leads},
		single: []stage{send, reply, outcome},
	}
}

// through takes the attempt through stages until one ends it.
func (a *Attempt) through(stages []stage) bool {
	for _, do := range stages {
		if !do(a) {
			return false
		}
	}
	return true
}

// attempt makes one attempt at a delivery, a in memory of the caller's, and settles what came of it.
func attempt(a *Attempt, l *Lane, it *queue.Item, t *Active) {
	*a = Attempt{lane: l, Item: it, Target: t}
	if a.through(l.stages.before) {
		a.through(l.stages.single)
	}
}

// prepare fills in what the target will get.
func prepare(a *Attempt) bool {
	a.start = time.Now()
	a.render()
	a.retry = retryOf(a.lane.env, a.Item, a.Target)
	return true
}

// render makes of the item what its target gets.
func (a *Attempt) render() {
	it, d := a.Item, &a.Item.Delivery
	a.Send = targets.Delivery{
		ID: it.ID(), EventID: it.EventID(), Bus: it.Meta().Bus, Rule: d.Rule, RuleTarget: d.RuleTarget,
		Target: a.lane.Target, Attempt: d.Attempts + 1, Replay: d.ReplayName(),
		Envelope: it.Envelope(), Body: d.Body, Meta: it.Meta(),
		Parameters: a.lane.env.Policies().Parameters[entryOf(it)], Attributes: attributesOf(d.Forward),
	}
	if d.Notice {
		a.Send.Envelope, a.Send.Body = d.Body, nil
	}
	if a.Send.Replay != "" && a.Send.Body == nil {
		a.Send.Envelope = event.WithReplayName(a.Send.Envelope, a.Send.Replay)
	}
}

// retryOf returns what bounds the item's attempts: the rule's own word, or the
// target's, and a redrive's.
func retryOf(env *Env, it *queue.Item, t *Active) targets.Retry {
	retry, ok := env.Policies().Retries[entryOf(it)]
	if !ok {
		retry = t.Config.Retry
	}
	if it.Delivery.Redriven() {
		if n := it.Delivery.Lineage.Out.Attempts; n > 0 {
			retry.MaxAttempts = min(retry.MaxAttempts, n)
		}
	}
	return retry
}

// send makes the attempt. What a stop has broken off is made again after the next
// start.
func send(a *Attempt) bool {
	l := a.lane
	if wantsReply(l.env, a.Item, a.Target) {
		a.Send.Answer = new(targets.Answer)
	}
	ctx, cancel := targets.Bound(l.env.Base, a.Target.Config.Timeout)
	err := deliver(ctx, a.Target.Target, &a.Send)
	cancel()
	a.answered()
	if err != nil {
		if l.env.Base.Err() != nil || errors.Is(err, ErrStopping) {
			return false
		}
		a.Failure = failureOf(ctx, err, a.Target.Config.Timeout)
	}
	return true
}

// deliver makes the attempt; a target that panics has failed it.
func deliver(ctx context.Context, t targets.Target, d *targets.Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return t.Deliver(ctx, d)
}

func panicked(p any) *targets.Error {
	return &targets.Error{Code: targets.CodeInternalError, Err: fmt.Errorf("the target panicked: %v\n%s", p, debug.Stack())}
}

// failureOf returns the typed error of a failed attempt.
func failureOf(ctx context.Context, err error, timeout time.Duration) *targets.Error {
	var failure *targets.Error
	if errors.As(err, &failure) {
		return failure
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &targets.Error{Code: targets.CodeTimeout, Err: fmt.Errorf("no answer within %v: %w", timeout, err)}
	}
	return &targets.Error{Code: targets.CodeUnknown, Err: err}
}

// answered notes what came of an attempt.
func (a *Attempt) answered() {
	a.result = journal.Answered{At: a.start, Took: time.Since(a.start), Status: a.Send.Status}
	if a.Send.Taken != nil {
		a.result.Derived = a.lane.env.Places(a.Send.Taken)
	}
}
