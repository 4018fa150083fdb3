package dlq

import (
	"context"
	"errors"
	"time"

	"signalbox/jobs"
	"signalbox/journal"
)

const (
	// maxWindow bounds the dead letters of one part that are on their way at once.
	// The window begins at one, so that a target that has just come back is asked
	// gently; each success widens it by one, each failure halves it.
	maxWindow = 256
	// recheck is how often a part looks for what nobody tells it of: a breaker
	// that has opened, a delivery that could not be recalled yet.
	recheck = 250 * time.Millisecond
)

// sender sends the dead letters of one part.
type sender struct {
	*Redrives
	p *part
}

// run sends until nothing is left, or until the part is to stop and has put back what
// was on its way.
func (s *sender) run(ctx context.Context) {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for ctx.Err() == nil {
		room, ended := s.next()
		if ended {
			s.partEnded(ctx, s.p.job)
			return
		}
		if room > 0 {
			s.stopOn(ctx, s.step(ctx, room))
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-s.p.changed:
		case <-tick.C:
			s.stopOn(ctx, s.callStuck())
		}
	}
}

// stopOn makes the part stop where the store has failed it.
func (s *sender) stopOn(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.Locked(func() { s.p.end(jobs.Stopped, err.Error()) })
	}
}

// next returns how many may leave the queue now, or that the part has ended. Where
// the part is to stop, what is on its way is called back.
func (s *sender) next() (room int, ended bool) {
	var back []journal.Delivery
	s.Locked(func() {
		p := s.p
		if p.Ending == "" && p.Failures > 0 && s.opts.Lanes.BreakerOpen(p.Target) {
			p.end(jobs.Stopped, "its circuit breaker is open: "+p.failure)
		}
		if !p.exhausted && p.Ending == "" && p.left() > 0 {
			room = p.room()
			return
		}
		p.exhausted = true
		if ended = len(p.flying) == 0; ended {
			p.close()
		}
		back = p.recalled()
	})
	for _, d := range back {
		s.opts.Lanes.Recall(d)
	}
	return room, ended
}

// step sends up to n: one durable write moves them out of the queue, and notes that
// they are on their way.
func (s *sender) step(ctx context.Context, n int) error {
	if !s.pace(ctx, n) {
		return nil
	}
	p := s.p
	moves, cursor, err := s.choose(ctx, n)
	if err != nil {
		return err
	}
	s.Locked(func() {
		for i := range moves {
			p.flying[placeOf(moves[i].To)] = bare(moves[i].To)
		}
	})
	err = s.journal.MoveJob(moves, p.job.ID, s.State(p.job, func() {
		p.cursor = cursor
		for i := range moves {
			if !moves[i].Made { // somebody else has taken it meanwhile
				delete(p.flying, placeOf(moves[i].To))
				p.skipped(SkipTaken, 1)
			}
		}
	}))
	if err != nil {
		s.Locked(func() {
			for i := range moves {
				delete(p.flying, placeOf(moves[i].To))
			}
		})
		return err
	}
	for i := range moves {
		if moves[i].Made {
			s.opts.Lanes.Requeue(*moves[i].To)
		}
	}
	return nil
}

// pace waits until the rate lets n go; false where the part is to stop.
func (s *sender) pace(ctx context.Context, n int) bool {
	now := time.Now()
	r := s.p.limiter.ReserveN(now, n)
	wait := time.NewTimer(r.DelayFrom(now))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.p.changed:
			if s.ending() {
				r.Cancel()
				return false
			}
		case <-wait.C:
			return !s.ending()
		}
	}
}

func (s *sender) ending() (yes bool) {
	s.Locked(func() { yes = s.p.Ending != "" })
	return yes
}

// choose returns the moves of the next up to n dead letters, and where to continue.
// Those that can't be sent are skipped.
func (s *sender) choose(ctx context.Context, n int) (moves []journal.Move, next journal.Cursor, err error) {
	p := s.p
	now := time.Now().UTC()
	if began := *p.job.began(); now.Before(began) {
		now = began
	}
	how := sending{job: p.job.ID, now: now, as: p.job.As, attempts: p.job.Attempts}
	var left int
	s.Locked(func() { left = p.left() })
	next = p.cursor
	more := false
	err = s.walk(ctx, p, p.cursor, func(l *Letter) error {
		if more = len(moves) == n; more || left == 0 {
			return errStop
		}
		left--
		next = after(&l.place)
		m, err := s.send(l, how, moves)
		var skip *Skip
		if errors.As(err, &skip) {
			s.Locked(func() { p.skip(SkippedLetter{ID: l.ID, Skip: *skip}) })
			return nil
		}
		moves = append(moves, m)
		return err
	})
	if !more && err == nil {
		s.Locked(func() { p.exhausted = true })
	}
	return moves, next, err
}

// send returns the move that sends a dead letter now, after those before it, or a
// *Skip.
func (s *sender) send(l *Letter, how sending, before []journal.Move) (journal.Move, error) {
	var err error
	if how.rendering, err = s.rendering(s.p.job.Redrive, l); err != nil {
		return journal.Move{}, err
	}
	if how.lane, err = s.lane(how.rendering.Target); err != nil {
		return journal.Move{}, err
	}
	if err := s.keyStops(how.lane, &l.place, before); err != nil {
		return journal.Move{}, err
	}
	return l.out(how), nil
}

// after returns the place behind a dead letter.
func after(d *journal.Delivery) journal.Cursor {
	c := journal.CursorAfter(d)
	c.Due = time.Time{}
	return c
}
