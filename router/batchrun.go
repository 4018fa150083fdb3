package router

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/targets"
)

// batchRun is what a worker does with one batch: an attempt at all of it, and at
// its parts where it is refused. What becomes of its deliveries is gathered here,
// to be written at once.
type batchRun struct {
	lane   *lane
	handle *handle
	moves  []journal.Move
	ended  []*item
	// next is when those that failed are attempted again, all at one time so that
	// they come together; zero until one has failed.
	next time.Time
	// known is the failure that the circuit has heard of last.
	known *targets.Error
}

// attemptAll makes one attempt at what next has given, and settles what came of it.
func (l *lane) attemptAll(items []*item, h *handle) {
	if h == nil || h.batch == nil {
		for _, it := range items {
			l.attempt(it, h)
		}
		return
	}
	run := &batchRun{lane: l, handle: h, moves: make([]journal.Move, 0, len(items)), ended: make([]*item, 0, len(items))}
	trials := make([]trial, 0, len(items))
	for _, it := range items {
		if isRequest(it.meta.Kind) || l.wantsReply(it, h) {
			l.attempt(it, h) // somebody waits for its own answer
			continue
		}
		it.run = run
		if t, ok := l.begin(it, h); ok {
			trials = append(trials, t)
		}
	}
	run.write()
	for len(trials) > 0 {
		n := run.together(trials)
		run.first(trials[:n])
		run.send(trials[:n], 1)
		trials = trials[n:]
	}
}

// together moves those that may share a batch with the first to the front, and
// says how many they are.
func (r *batchRun) together(trials []trial) int {
	n := 1
	for i := 1; i < len(trials); i++ {
		if r.handle.batch.together(&trials[0].delivery, &trials[i].delivery) {
			trials[n], trials[i] = trials[i], trials[n]
			n++
		}
	}
	return n
}

// first notes how long those waited that were not attempted before.
func (r *batchRun) first(trials []trial) {
	for i := range trials {
		if it := trials[i].item; it.delivery.Attempts == 0 {
			r.lane.r.metrics.firstAttempt(r.lane.name, trials[i].start.Sub(it.meta.Received))
		}
	}
}

// send makes one request, the n-th that these deliveries are in. If it is refused
// for good, its halves are sent, until those that are to blame stand alone.
func (r *batchRun) send(trials []trial, n int) {
	l, h := r.lane, r.handle
	start := time.Now()
	ctx, cancel := context.WithTimeout(l.r.base, h.cfg.Timeout)
	each, whole := deliverBatch(ctx, h.batch.target, trials)
	cancel()
	if l.r.base.Err() != nil && whole != nil || errors.Is(whole, ErrStopping) {
		return // broken off by the stop: made again after the next start
	}
	rest := trials
	if each != nil {
		rest = r.excepted(ctx, trials, each, n)
	}
	if whole == nil {
		r.delivered(rest, time.Since(start))
		r.write()
		return
	}
	failure := failureOf(ctx, whole, h.cfg.Timeout)
	if failure.Final && len(rest) > 1 {
		r.write()
		r.split(rest, n)
		return
	}
	r.failed(rest, failure, n)
	r.write()
}

func (r *batchRun) delivered(trials []trial, took time.Duration) {
	if len(trials) == 0 {
		return
	}
	l := r.lane
	l.noteSuccess(trials[0].item)
	for i := range trials {
		it := trials[i].item
		l.r.metrics.delivered(it.delivery.Rule, l.name, took, time.Since(it.meta.Received))
		it.answered = journal.Answered{At: trials[i].start, Took: took, Status: trials[i].delivery.Status}
		l.settle(it, nil, journal.Delivered)
	}
}

// excepted settles those that have an error of their own, and gives the others.
func (r *batchRun) excepted(ctx context.Context, trials []trial, each []error, n int) (rest []trial) {
	for i := range trials {
		switch {
		case each[i] == nil:
			rest = append(rest, trials[i])
		case r.lane.r.base.Err() == nil:
			r.failed(trials[i:i+1], failureOf(ctx, each[i], r.handle.cfg.Timeout), n)
		}
	}
	return rest
}

func (r *batchRun) failed(trials []trial, failure *targets.Error, n int) {
	counted := *failure
	counted.Tries = max(1, failure.Tries) + n - 1
	for i := range trials {
		t := &trials[i]
		r.lane.answered(t.item, &t.delivery, t.start)
		r.lane.failed(t.item, r.handle, t.delivery, t.retry, &counted, t.deadline)
	}
}

// split sends the halves of a refused batch, unless the router is stopping: then
// they are sent after the next start.
func (r *batchRun) split(trials []trial, n int) {
	half := len(trials) / 2
	for _, part := range [...][]trial{trials[:half], trials[half:]} {
		if !r.lane.r.gate.closed.Load() {
			r.send(part, n+1)
		}
	}
}

// due gives one time to all that are to be attempted again. Without a run it is
// the delivery's own.
func (r *batchRun) due(own time.Time) time.Time {
	if r == nil {
		return own
	}
	if r.next.IsZero() {
		r.next = own
	}
	return r.next
}

// judged says whether the circuit has heard of this failure already: one request
// is one failure, however many deliveries are in it.
func (r *batchRun) judged(f *targets.Error) bool {
	if r == nil {
		return false
	}
	again := r.known == f
	r.known = f
	return again
}

// add keeps a move to be written with the others.
func (r *batchRun) add(it *item, m journal.Move) {
	r.moves = append(r.moves, m)
	r.ended = append(r.ended, it)
}

// write writes what has come of deliveries so far, and then gives up their places
// in the window.
func (r *batchRun) write() {
	if len(r.moves) == 0 {
		return
	}
	moves, ended, l := r.moves, r.ended, r.lane
	r.moves, r.ended = nil, nil
	moves[len(moves)-1].Applied = func() { l.releaseAll(ended, moves) }
	if err := l.r.journal.MoveAll(moves); err != nil && !errors.Is(err, journal.ErrClosed) {
		l.r.log.Error("states of deliveries can't be written; they will be attempted again after a restart", zap.String("target", l.name), zap.Error(err))
	}
}

// releaseAll forgets items whose moves can be seen on disk.
func (l *lane) releaseAll(items []*item, moves []journal.Move) {
	l.mu.Lock()
	for i, it := range items {
		l.releaseOne(it, moves[i].To)
	}
	l.dispatch()
	l.mu.Unlock()
	for i, it := range items {
		l.tellHeld(moves[i].To)
		if it.delivery.Redriven() {
			l.r.DeadLetters.Settled(it.delivery, moves[i].To, moves[i].End)
		}
	}
}

// deliverBatch makes the attempt; a target that panics has failed it.
func deliverBatch(ctx context.Context, t targets.BatchTarget, trials []trial) (each []error, whole error) {
	defer func() {
		if p := recover(); p != nil {
			each, whole = nil, &targets.Error{Code: targets.CodeInternalError, Err: fmt.Errorf("the target panicked: %v\n%s", p, debug.Stack())}
		}
	}()
	batch := make([]*targets.Delivery, len(trials))
	for i := range trials {
		batch[i] = &trials[i].delivery
	}
	return t.DeliverBatch(ctx, batch)
}
