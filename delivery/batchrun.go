package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/queue"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/targets"
)

// batchRun is what a worker does with one batch: an attempt at all of it, and at
// its parts where it is refused. What becomes of its deliveries is gathered here,
// to be written at once.
type batchRun struct {
	lane   *Lane
	target *Active
	// ends are not yet written.
	ends *ends
	// next is when those that failed are attempted again, all at one time so that
	// they come together; zero until one has failed.
	next time.Time
	// known is the failure that the circuit has heard of last.
	known *targets.Error
}

// ends are what became of deliveries, in memory that is used again.
type ends struct {
	items []*queue.Item
	moves []journal.Move
}

var spareEnds = sync.Pool{New: func() any { return new(ends) }}

// maxSpareEnds bounds the deliveries of memory that is kept.
const maxSpareEnds = 1024

func (e *ends) free() {
	if cap(e.moves) > maxSpareEnds {
		return
	}
	clear(e.items)
	clear(e.moves)
	e.items, e.moves = e.items[:0], e.moves[:0]
	spareEnds.Put(e)
}

// attemptBatch attempts deliveries together, and those alone whose own answer
// somebody waits for. There is room for as many attempts as there are deliveries.
func attemptBatch(l *Lane, items []*queue.Item, t *Active, room []Attempt) {
	run := &batchRun{lane: l, target: t, ends: spareEnds.Get().(*ends)}
	run.ends.moves = slices.Grow(run.ends.moves, len(items))
	run.ends.items = slices.Grow(run.ends.items, len(items))
	attempts := room[:0]
	for _, it := range items {
		if isRequest(it) || wantsReply(l.env, it, t) {
			attempt(new(Attempt), l, it, t)
			continue
		}
		attempts = append(attempts, Attempt{lane: l, run: run, Item: it, Target: t})
		if last := len(attempts) - 1; !attempts[last].through(l.stages.before) {
			attempts = attempts[:last]
		}
	}
	run.write()
	for len(attempts) > 0 {
		n := run.together(attempts)
		for i := range n {
			attempts[i].noteFirst()
		}
		run.send(attempts[:n], 1)
		attempts = attempts[n:]
	}
	run.ends.free()
}

// together moves those that may share a batch with the first to the front, and
// returns how many they are.
func (r *batchRun) together(attempts []Attempt) int {
	n := 1
	for i := 1; i < len(attempts); i++ {
		if r.target.batch.together(&attempts[0].Send, &attempts[i].Send) {
			attempts[n], attempts[i] = attempts[i], attempts[n]
			n++
		}
	}
	return n
}

// send makes one request, the n-th that these deliveries are in. If it is refused
// for good, its halves are sent, until those that are to blame stand alone.
func (r *batchRun) send(attempts []Attempt, n int) {
	if !leads(&attempts[0]) { // one that was sent before may have taken its time
		return
	}
	env, timeout := r.lane.env, r.target.Config.Timeout
	start := time.Now()
	ctx, cancel := targets.Bound(env.Base, timeout)
	each, whole := deliverBatch(ctx, r.target.batch.target, attempts)
	cancel()
	if env.Base.Err() != nil && whole != nil || errors.Is(whole, ErrStopping) {
		return // broken off by the stop: made again after the next start
	}
	rest := attempts
	if each != nil {
		rest = r.excepted(ctx, attempts, each, n)
	}
	if whole == nil {
		r.delivered(rest, time.Since(start))
		r.write()
		return
	}
	failure := failureOf(ctx, whole, timeout)
	if failure.Final && len(rest) > 1 {
		r.write()
		r.split(rest, n)
		return
	}
	r.failed(rest, failure, n)
	r.write()
}

func (r *batchRun) delivered(attempts []Attempt, took time.Duration) {
	if len(attempts) == 0 {
		return
	}
	noteSuccess(&attempts[0])
	for i := range attempts {
		a := &attempts[i]
		a.result = journal.Answered{At: a.start, Took: took, Status: a.Send.Status}
		a.trace(len(attempts))
		a.delivered(took)
	}
}

// excepted settles those that have an error of their own, and returns the others.
func (r *batchRun) excepted(ctx context.Context, attempts []Attempt, each []error, n int) (rest []Attempt) {
	for i := range attempts {
		switch {
		case each[i] == nil:
			rest = append(rest, attempts[i])
		case r.lane.env.Base.Err() == nil:
			r.failed(attempts[i:i+1], failureOf(ctx, each[i], r.target.Config.Timeout), n)
		}
	}
	return rest
}

func (r *batchRun) failed(attempts []Attempt, failure *targets.Error, n int) {
	counted := *failure
	counted.Tries = max(1, failure.Tries) + n - 1
	for i := range attempts {
		a := &attempts[i]
		a.answered()
		a.Failure = &counted
		a.trace(len(attempts))
		a.failed()
	}
}

// split sends the halves of a refused batch, unless the router is stopping: then
// they are sent after the next start.
func (r *batchRun) split(attempts []Attempt, n int) {
	half := len(attempts) / 2
	for _, part := range [...][]Attempt{attempts[:half], attempts[half:]} {
		if !r.lane.env.Stopping() {
			r.send(part, n+1)
		}
	}
}

// due returns one time for all that are to be attempted again. Without a run it is
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

// judged reports whether the circuit has heard of this failure already: one request
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
func (r *batchRun) add(it *queue.Item, m journal.Move) {
	r.ends.moves = append(r.ends.moves, m)
	r.ends.items = append(r.ends.items, it)
}

// write writes what has come of deliveries so far, and then gives up their places
// in the window.
func (r *batchRun) write() {
	if len(r.ends.moves) == 0 {
		return
	}
	done, l := r.ends, r.lane
	r.ends = spareEnds.Get().(*ends)
	done.moves[len(done.moves)-1].Applied = func() { r.written(done) }
	if err := l.env.Store.MoveAll(done.moves); err != nil && !errors.Is(err, store.ErrClosed) {
		l.env.Log.Error("states of deliveries can't be written; they will be attempted again after a restart", zap.String("target", l.Name), zap.Error(err))
	}
}

// written gives up the places of items whose moves can be seen on disk.
func (r *batchRun) written(done *ends) {
	l := r.lane
	l.locked(func() {
		for i, it := range done.items {
			l.queue.Settled(it, done.moves[i].To, nil)
		}
	})
	for i, it := range done.items {
		l.env.tellSuspended(done.moves[i].To)
		l.env.tellRedrive(it, done.moves[i].To, done.moves[i].End)
	}
	done.free()
}

// deliverBatch makes the attempt; a target that panics has failed it.
func deliverBatch(ctx context.Context, t targets.BatchTarget, attempts []Attempt) (each []error, whole error) {
	defer func() {
		if p := recover(); p != nil {
			each, whole = nil, panicked(p)
		}
	}()
	batch := make([]*targets.Delivery, len(attempts))
	for i := range attempts {
		batch[i] = &attempts[i].Send
	}
	return t.DeliverBatch(ctx, batch)
}
