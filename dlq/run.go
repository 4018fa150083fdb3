package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"signalbox/journal"
)

const (
	// maxWindow bounds the letters of one part that are on their way at once. The
	// window begins at one, so that a target that has just come back is asked
	// gently; each success widens it by one, each failure halves it.
	maxWindow = 256
	// recheck is how often a part looks for what nobody tells it of: a breaker
	// that has opened, a delivery that could not be recalled yet.
	recheck = 250 * time.Millisecond
)

// run sends the letters of one part until there are none left, or until it is to
// stop and has put back what was on its way.
func (q *Queue) run(ctx context.Context, p *part) {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for ctx.Err() == nil {
		room, ended := q.next(p)
		if ended {
			q.partEnded(ctx, p.job)
			return
		}
		if room > 0 {
			if err := q.step(ctx, p, room); err != nil && ctx.Err() == nil {
				q.end(p, Stopped, err.Error())
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-tick.C:
			if err := q.callStuck(p); err != nil {
				q.end(p, Stopped, err.Error())
			}
		}
	}
}

// next says how many letters may leave now, or that the part has ended. Where the
// part is to stop, what is on its way is called back.
func (q *Queue) next(p *part) (room int, ended bool) {
	q.mu.Lock()
	if p.ending == "" && p.Failures > 0 && q.router.BreakerOpen(p.Target) {
		p.end(Stopped, "its circuit breaker is open: "+p.failure)
	}
	if p.left() <= 0 {
		p.exhausted = true
	}
	if p.exhausted || p.ending != "" {
		if len(p.flying) == 0 {
			p.close()
			q.mu.Unlock()
			return 0, true
		}
		back := p.recalled()
		q.mu.Unlock()
		for _, d := range back {
			q.router.Recall(d)
		}
		return 0, false
	}
	defer q.mu.Unlock()
	parked := len(p.parked())
	free := p.Window - (len(p.flying) - parked)
	if free < (p.Window+3)/4 { // so that several share an fsync
		return 0, false
	}
	return min(free, p.step(), maxWindow-parked), false
}

// recalled are the deliveries to call back, if the part is to stop.
func (p *part) recalled() []journal.Delivery {
	if p.ending == "" {
		return nil
	}
	return slices.Collect(maps.Values(p.flying))
}

// end makes the part stop. What is under way may end; the rest is put back.
func (p *part) end(how JobState, why string) {
	if p.State == Running && p.ending == "" {
		p.ending, p.Reason = how, why
		p.signal()
	}
}

func (q *Queue) end(p *part, how JobState, why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.end(how, why)
}

// close notes how the part has ended. Letters that it never came upon have left
// the queue by another way.
func (p *part) close() {
	p.State = Finished
	if p.ending != "" {
		p.State = p.ending
		return
	}
	if gone := p.Total - p.Ended(); gone > 0 {
		p.Skipped += gone
		if p.job.Skips == nil {
			p.job.Skips = map[string]int{}
		}
		p.job.Skips[SkipTaken] += gone
	}
}

// partEnded writes the job down as ended once all of its parts have.
func (q *Queue) partEnded(ctx context.Context, j *job) {
	q.mu.Lock()
	j.running--
	over := j.running == 0
	q.mu.Unlock()
	if !over || ctx.Err() != nil {
		return
	}
	var last Job
	err := q.journal.MoveJob(nil, j.ID, q.state(j, func() {
		j.State, j.Reason, j.EndedAt = j.outcome(), j.reason(), time.Now().UTC()
		last = j.view()
	}))
	if err != nil {
		return // the journal has ended, and with it the run
	}
	j.cancel()
	q.router.RedriveEnded(last)
	q.forgetOld()
}

// outcome is how a job ends whose parts have.
func (j *job) outcome() JobState {
	out := Finished
	for _, p := range j.parts {
		switch p.State {
		case Cancelled:
			return Cancelled
		case Stopped:
			out = Stopped
		}
	}
	return out
}

// forgetOld forgets the redrives that ended before the latest maxEnded.
func (q *Queue) forgetOld() {
	q.mu.Lock()
	var old []string
	for _, id := range slices.Sorted(maps.Keys(q.jobs)) {
		if q.jobs[id].State != Running {
			old = append(old, id)
		}
	}
	old = old[:max(0, len(old)-maxEnded)]
	for _, id := range old {
		delete(q.jobs, id)
	}
	q.mu.Unlock()
	for _, id := range old {
		if q.journal.MoveJob(nil, id, func() []byte { return nil }) != nil {
			return // the journal has ended; the next run forgets them
		}
	}
}

// step sends up to n letters: one durable write moves them out of the queue, and
// notes that they are on their way.
func (q *Queue) step(ctx context.Context, p *part, n int) error {
	if !q.pace(ctx, p, n) {
		return nil
	}
	s := sending{job: p.job.ID, now: time.Now().UTC(), as: p.job.As, attempts: p.job.Attempts}
	moves, cursor, err := q.choose(ctx, p, n, s)
	if err != nil {
		return err
	}
	q.mu.Lock()
	for i := range moves {
		p.flying[placeOf(moves[i].To)] = bare(moves[i].To)
	}
	q.mu.Unlock()
	err = q.journal.MoveJob(moves, p.job.ID, q.state(p.job, func() {
		p.cursor = cursor
		for i := range moves {
			if !moves[i].Made {
				p.taken(&moves[i])
			}
		}
	}))
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		for i := range moves {
			delete(p.flying, placeOf(moves[i].To))
		}
		return err
	}
	for i := range moves {
		if moves[i].Made {
			q.router.Requeue(*moves[i].To)
		}
	}
	return nil
}

// pace waits until the rate lets n letters go; false where the part is to stop.
func (q *Queue) pace(ctx context.Context, p *part, n int) bool {
	now := time.Now()
	r := p.limiter.ReserveN(now, n)
	wait := time.NewTimer(r.DelayFrom(now))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-p.changed:
			if q.ending(p) {
				r.Cancel()
				return false
			}
		case <-wait.C:
			return !q.ending(p)
		}
	}
}

func (q *Queue) ending(p *part) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.ending != ""
}

// left is how many letters the part has yet to come upon.
func (p *part) left() int { return p.Total - p.Ended() - len(p.flying) }

// taken notes that somebody else has taken a letter meanwhile.
func (p *part) taken(m *journal.Move) {
	delete(p.flying, placeOf(m.To))
	p.Skipped++
	if p.job.Skips == nil {
		p.job.Skips = map[string]int{}
	}
	p.job.Skips[SkipTaken]++
}

// bare is a delivery's place and state alone, as they are kept of those on their
// way.
func bare(d *journal.Delivery) journal.Delivery {
	return journal.Delivery{Seq: d.Seq, N: d.N, Lane: d.Lane, State: d.State, Due: d.Due, Key: d.Key}
}

// choose gives the moves of the next up to n letters, and where to go on. Letters
// that can't be sent are skipped.
func (q *Queue) choose(ctx context.Context, p *part, n int, s sending) ([]journal.Move, journal.Cursor, error) {
	q.mu.Lock()
	left := p.left()
	q.mu.Unlock()
	var moves []journal.Move
	next, more := p.cursor, false
	err := q.walk(ctx, p, p.cursor, func(l *Letter) error {
		if more = len(moves) == n; more || left == 0 {
			return errStop
		}
		left--
		next = after(&l.place)
		m, err := q.send(p, l, s, moves)
		var skip *Skip
		if errors.As(err, &skip) {
			q.skip(p, l, skip)
			return nil
		}
		moves = append(moves, m)
		return err
	})
	if !more && err == nil {
		q.mu.Lock()
		p.exhausted = true
		q.mu.Unlock()
	}
	return moves, next, err
}

func (q *Queue) skip(p *part, l *Letter, why *Skip) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.skip(SkippedLetter{ID: l.ID, Skip: *why})
}

// after is the place behind a letter.
func after(d *journal.Delivery) journal.Cursor {
	c := journal.CursorOf(d)
	c.Due = time.Time{}
	if c.N++; c.N == 0 {
		c.Seq++
	}
	return c
}

// send gives the move that sends a letter now, after those before it, or a *Skip.
func (q *Queue) send(p *part, l *Letter, s sending, before []journal.Move) (journal.Move, error) {
	r, err := q.rendering(p.job.Redrive, l)
	if err != nil {
		return journal.Move{}, err
	}
	lane, ok := q.router.LaneID(r.Target)
	if !ok {
		return journal.Move{}, targetGone(r.Target)
	}
	if err := q.keyStops(lane, &l.place, before); err != nil {
		return journal.Move{}, err
	}
	s.lane, s.rendering = lane, r
	return l.out(s), nil
}

func targetGone(name string) *Skip {
	return &Skip{SkipTargetGone, fmt.Sprintf("target %q is not defined any more: define it again, or name another with --to", name)}
}

// rendering gives what would be sent of a letter now, and where, or a *Skip.
func (q *Queue) rendering(o Redrive, l *Letter) (Rendering, error) {
	target := l.Target
	if o.To != "" {
		target = o.To
	}
	if _, ok := q.router.LaneID(target); !ok {
		return Rendering{}, targetGone(target)
	}
	if o.As != Current {
		return Rendering{Target: target, Body: l.place.Body, Notice: l.place.Notice}, nil
	}
	r, err := q.router.Render(l.parsed, &l.record, l.ruleBus(), l.Rule, l.RuleTarget)
	if err != nil {
		return Rendering{}, err
	}
	if o.To == "" && r.Target != l.Target {
		return Rendering{}, &Skip{SkipTargetChanged, fmt.Sprintf("rule %q now sends this to target %q: send it there with --to %s", l.Rule, r.Target, r.Target)}
	}
	r.Target = target
	return r, nil
}

// events and matches make a part a chooser of its letters.
func (p *part) events() (oldest, latest journal.Seq) { return p.job.events() }

func (p *part) matches(l *Letter) bool {
	return p.job.target(l) == p.Target && p.job.matches(l)
}
