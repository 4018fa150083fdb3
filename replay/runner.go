package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/archive/past"
	"signalbox/archive/segment"
	"signalbox/delivery"
	"signalbox/jobs"
	"signalbox/journal"
)

// The waits of a replay between two looks whether its lanes have room.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 100 * time.Millisecond
	// patience is how long targets that keep up wait for one that does not, before the
	// replay goes on without it, and comes back for it later.
	patience = time.Second
)

// What is planned at once where a rate bounds the replay is what goes in windowTime, and no less
// than leastWindow: a large plan would stand before live events.
const (
	windowTime  = 250 * time.Millisecond
	leastWindow = 64
)

// pacing is how fast a replay can go now: how many deliveries of a part are planned at once, and how
// long that part is waited for.
type pacing struct {
	window   int
	patience time.Duration
}

// pacingAt returns the pacing of a part whose lane has room for so many deliveries, and goes at a
// rate, in deliveries a second.
func pacingAt(rate float64, room int) pacing {
	if n := rate * windowTime.Seconds(); n < float64(room) {
		room = min(room, max(leastWindow, int(n)))
	}
	return pacing{room, patience + time.Duration(2*float64(room)/rate*float64(time.Second))}
}

// pacing returns how fast the replay can go now for a part whose lane has room for so many deliveries.
func (r *runner) pacing(room int) pacing {
	rate := r.j.Rate
	if rate <= 0 {
		rate = r.opts.Yield.Rate() / float64(max(1, len(r.j.parts)))
	}
	return pacingAt(rate, room)
}

// runner does the work of a replay.
type runner struct {
	*Replays
	j *job
	// front reads at the frontier, and rear for parts that are behind it.
	front, rear *past.Walk
}

// run plans window after window until nothing is left, and ends the lanes of the replay.
func (r *runner) run(ctx context.Context) {
	r.front, r.rear = r.opts.Past.Walk(ctx), r.opts.Past.Walk(ctx)
	defer r.front.Close()
	defer r.rear.Close()
	defer r.opts.Yield.Join()()
	if err := errors.Join(r.findBeginning(), r.reopen()); err != nil {
		r.stopOn(err)
	}
	look := time.NewTimer(firstLook)
	defer look.Stop()
	for pause := firstLook; ctx.Err() == nil; {
		moved, err := r.step()
		if err != nil && ctx.Err() == nil {
			r.stopOn(err)
		}
		if r.over() {
			r.End(r.j)
			return
		}
		if moved && err == nil {
			pause = firstLook
			continue
		}
		look.Reset(pause)
		select {
		case <-ctx.Done():
		case <-r.j.changed:
			pause = firstLook
		case <-look.C:
			pause = min(2*pause, lastLook)
		}
	}
}

// findBeginning finds where a start in the past begins, if archives are to be asked.
func (r *runner) findBeginning() error {
	j := r.j
	if len(j.Starts) == 0 || j.frontier > j.from || j.from >= r.opts.Past.Bound() {
		return nil
	}
	oldest, err := r.oldest(j.from)
	if err != nil {
		return err
	}
	r.Locked(func() {
		j.from = min(max(j.from, oldest), j.before)
		j.frontier, j.From = j.from, j.from.Time()
	})
	return nil
}

// reopen opens the lanes of parts that continue after they had stopped.
func (r *runner) reopen() error {
	var closed []*part
	r.Locked(func() {
		for _, p := range r.j.parts {
			if p.State == jobs.Running && p.lane == nil {
				closed = append(closed, p)
			}
		}
	})
	for _, p := range closed {
		lane, err := r.open(r.j, p, false)
		if err != nil {
			return err
		}
		r.Locked(func() { p.lane = lane })
	}
	return nil
}

// stopOn stops the replay where the store, or what reads it, has failed.
func (r *runner) stopOn(err error) {
	r.Locked(func() {
		for _, p := range r.j.parts {
			p.End(jobs.Stopped, err.Error())
		}
		r.j.failure = err.Error()
	})
}

// over reports whether the replay has nothing left to do.
func (r *runner) over() (yes bool) {
	r.Locked(func() {
		yes = r.j.frontier >= r.j.before || r.j.failure != ""
		for _, p := range r.j.parts {
			yes = yes && p.State.Ended()
		}
	})
	return yes
}

// step plans one window, and ends the parts that have come to their end. It reports whether
// there may be more to do at once.
func (r *runner) step() (moved bool, err error) {
	if err := r.endParts(); err != nil {
		return false, err
	}
	w := r.next()
	if w == nil {
		return false, nil
	}
	if r.j.Rate <= 0 && r.opts.Yield.Take(float64(w.most)/asOneDelivery, time.Now()) > 0 {
		return false, nil
	}
	// Where nothing has room, what is looked at for other targets is no haste.
	return len(w.parts) > 0 || len(r.j.parts) == 0, w.plan()
}

// endParts ends the parts that have nothing left in their lanes.
func (r *runner) endParts() error {
	var empty []*part
	r.Locked(func() {
		for _, p := range r.j.parts {
			if p.State != jobs.Running {
				continue
			}
			if p.Ending == "" && r.j.State == jobs.Running && !r.opts.Lanes.Serves(p.Target) {
				p.End(jobs.Stopped, "it is not defined any more; define it again, and resume the replay")
			}
			c := r.j.counts(p.lane.ID)
			if (p.Ending != "" || p.cursor >= r.j.before) && c.Pending()+c.BlockedKeys == 0 {
				empty = append(empty, p)
			}
		}
	})
	for _, p := range empty {
		if err := r.endPart(p); err != nil {
			return err
		}
	}
	return nil
}

// endPart ends a part, and its lane: the counters become those of the target.
func (r *runner) endPart(p *part) error {
	lane := p.lane
	end := journal.LaneEnd{Name: lane.Name, ID: lane.ID, Into: lane.Home}
	last := p.tally(r.j.counts) // which does not change any more
	err := r.opts.Yield.Apart(func() error {
		return r.opts.Journal.EndLane(end, r.Record(r.j), r.State(r.j, func() {
			p.Close()
			p.lane, p.Tally = nil, last
			p.planned, p.buried = 0, 0
		}))
	})
	if err != nil {
		return err
	}
	return r.opts.Lanes.CloseReplay(lane)
}

// next returns the next window to plan; nil if there is none now. A part that is behind the
// frontier is brought there first.
func (r *runner) next() (w *window) {
	r.Locked(func() {
		j := r.j
		if j.State != jobs.Running {
			return
		}
		to := min(j.before, r.opts.Journal.Seqs.Stable()) // what follows is not on disk yet
		w = &window{runner: r, from: j.frontier, to: to, most: min(maxLookedAt, perRoom*r.pacing(maxLookedAt).window), parts: map[string]*quota{}}
		for _, p := range j.parts {
			if room := r.room(p); room > 0 && p.cursor < j.frontier && p.cursor < w.from {
				w.from, w.to = p.cursor, j.frontier
			}
		}
		w.ahead = w.from == j.frontier
		if w.from >= w.to || !w.gather() {
			w = nil
		}
	})
	return w
}

// room returns how many deliveries may be planned for a part now: up to two windows of its
// lane are ahead of what has been delivered.
func (r *runner) room(p *part) int {
	if p.State != jobs.Running || p.Ending != "" {
		return 0
	}
	window := r.pacing(p.lane.Window()).window
	free := 2*window - int(r.j.counts(p.lane.ID).Pending())
	if free < window {
		if p.full.IsZero() {
			p.full = time.Now()
		}
		return 0
	}
	p.full = time.Time{}
	return free
}

// window is a range of events to plan at once, and the parts that it is planned for.
type window struct {
	*runner
	from, to journal.Seq
	// most is how many events may be looked at.
	most int
	// ahead means that it begins at the frontier: targets that have no part get one.
	ahead bool
	parts map[string]*quota
	past  []journal.Past
	left  map[string]int
	// archivedTo is set where it has events of archives, and missingTo where events are gone.
	archivedTo, missingTo time.Time
}

// quota is how many deliveries a part may get yet, and those that it gets.
type quota struct {
	part  *part
	room  int
	count int // of those that go to the lane
	dead  int
}

// gather takes in the parts that are where the window begins, and reports whether it may be
// planned now: those that were left behind are brought to the frontier another time.
func (w *window) gather() bool {
	waits, alive := false, false
	for name, p := range w.j.parts {
		if p.cursor != w.from || p.State != jobs.Running || p.Ending != "" {
			continue
		}
		room := w.room(p)
		switch {
		case room > 0:
			w.parts[name] = &quota{part: p, room: room}
			alive = true
		case time.Since(p.full) < w.pacing(p.lane.Window()).patience:
			waits = true
		}
	}
	if !w.ahead {
		return alive
	}
	return !waits
}

// The bounds of a window.
const (
	maxLookedAt = 1024    // events
	perRoom     = 4       // of them for each delivery that is planned at once
	maxBytes    = 4 << 20 // of what is planned
)

// plan plans the window: one durable write has its deliveries, and how far they have come.
func (w *window) plan() error {
	next, err := w.read()
	if err != nil {
		return err
	}
	err = w.opts.Journal.PlanJob(w.past, w.Record(w.j), w.State(w.j, func() { w.moveTo(next) }))
	if err != nil {
		return err
	}
	w.handOver()
	return nil
}

// moveTo notes how far the parts have come.
func (w *window) moveTo(next journal.Seq) {
	j := w.j
	for name, q := range w.parts {
		p := q.part
		j.parts[name] = p
		p.cursor, p.planned, p.buried = next, p.planned+uint64(q.count), p.buried+uint64(q.dead)
	}
	if !w.ahead {
		return
	}
	if j.frontier = next; j.cancelled {
		j.before = next
		for _, q := range w.parts {
			q.part.End(jobs.Cancelled, "")
		}
	}
	for why, n := range w.left {
		j.LeftOut[why] += n
	}
	if !w.archivedTo.IsZero() {
		j.ArchivedTo = w.archivedTo
	}
	if !w.missingTo.IsZero() {
		j.MissingTo = w.missingTo
	}
}

// handOver tells the lanes what is on disk now, and of what is dead.
func (w *window) handOver() {
	lanes := map[journal.LaneID]*delivery.Lane{}
	for _, q := range w.parts {
		lanes[q.part.lane.ID] = q.part.lane
	}
	ready := map[journal.LaneID][]journal.Delivery{}
	for i := range w.past {
		p := &w.past[i]
		if p.Delivery.State == journal.Dead {
			w.opts.Died(w.opts.Lanes.TargetName(p.Delivery.Lane), &p.Delivery, p.Record)
			continue
		}
		if p.Delivery.Forward != nil {
			w.opts.Lanes.Requeue(p.Delivery)
			continue
		}
		ready[p.Delivery.Lane] = append(ready[p.Delivery.Lane], p.Delivery)
	}
	for id, ds := range ready {
		lanes[id].Requeue(ds...)
	}
	w.Locked(func() {
		for _, q := range w.parts {
			q.part.lane.Stay(w.j.State == jobs.Paused) // it may have been paused meanwhile
			if q.part.Ending == jobs.Cancelled {
				q.part.lane.Discard()
			}
		}
	})
}

// read plans what the window has room for, and returns where to go on.
func (w *window) read() (next journal.Seq, err error) {
	in, now := w.opts.Planner(), time.Now().UTC()
	w.left = map[string]int{}
	looked, bytes, stopped := 0, 0, false
	next = min(w.to, w.opts.Journal.Seqs.Stable())
	if w.archivedTo = w.Replays.archivedTo(w.from); w.archivedTo.IsZero() && w.from < w.opts.Past.Bound() {
		w.missingTo = w.opts.Past.Bound().Time()
	}
	walk := w.rear
	if w.ahead {
		walk = w.front
	}
	var fault error
	err = walk.Between(w.from, w.to, func(rec journal.Record) bool {
		if looked == w.most || bytes > maxBytes || w.full() {
			next, stopped = rec.Seq, true
			return false
		}
		looked++
		var p *subject
		if p, fault = w.j.chooser.choose(in, &rec, w.left); p == nil || fault != nil {
			return fault == nil
		}
		before := len(w.past)
		if fault = w.planEvent(in, p, now); fault != nil {
			return false
		}
		for _, d := range w.past[before:] {
			bytes += len(d.Delivery.Body) + 256
		}
		if rec.Archived && len(w.past) > before { // it is put back into the store
			bytes += len(rec.Envelope)
		}
		return true
	})
	if fault != nil {
		err = fault
	}
	if err != nil {
		if _, damaged := errors.AsType[*segment.DamagedError](err); damaged {
			err = fmt.Errorf("%w; put a copy of it back, and resume the replay", err)
		}
		return 0, fmt.Errorf("events from %s on can't be replayed: %w", w.from.Time().Format(time.RFC3339Nano), err)
	}
	if !stopped && next < w.from {
		next = w.from
	}
	return next, nil
}

// full reports whether a part has no room for more.
func (w *window) full() bool {
	for _, q := range w.parts {
		if q.room <= 0 {
			return true
		}
	}
	return false
}

// asOneDelivery is how many events are looked at for the cost of one delivery.
const asOneDelivery = 16

// numbers is how many deliveries of one event a replay can number.
const numbers = 1 << 11

// planEvent plans the deliveries of an event for the parts of the window.
func (w *window) planEvent(in Planner, p *subject, now time.Time) error {
	for i := range p.sends {
		s := &p.sends[i]
		if i >= numbers {
			w.left[LeftTooMany]++
			continue
		}
		q, err := w.quota(s.Target)
		if err != nil {
			return err
		}
		if q == nil {
			continue
		}
		in.Render(p.event, p.record, p.envelope, s)
		q.room--
		d := w.delivery(p, s, q, i, now)
		w.past = append(w.past, d)
		if d.Delivery.State != journal.Dead {
			continue
		}
		if f := in.Forward(p.event.Meta.Bus, &d.Delivery); f != nil {
			w.past = append(w.past, journal.Past{Delivery: *f, Record: p.record})
		}
	}
	return nil
}

// quota returns that of a target's part; nil if the window is not planned for it. A target
// that is met for the first time gets a part.
func (w *window) quota(target string) (*quota, error) {
	if q := w.parts[target]; q != nil || !w.ahead || !w.opts.Lanes.Serves(target) {
		return q, nil
	}
	var known bool
	w.Locked(func() { known = w.j.parts[target] != nil })
	if known {
		return nil, nil
	}
	p := &part{Part: Part{Part: jobs.Part{Target: target, State: jobs.Running}}, cursor: w.from}
	lane, err := w.open(w.j, p, false)
	if err != nil {
		return nil, err
	}
	p.lane = lane
	q := &quota{part: p, room: w.pacing(lane.Window()).window}
	w.parts[target] = q
	return q, nil
}

// delivery returns the i-th delivery of an event, as a part gets it.
func (w *window) delivery(p *subject, s *Send, q *quota, i int, now time.Time) journal.Past {
	d := w.j.chooser.delivery(p, s, now)
	lane := q.part.lane
	d.N, d.Lane, d.Replay.Lane = journal.FirstReplayed+w.j.slot*numbers+uint16(i), lane.ID, lane.Home
	if s.Err == nil {
		q.count++
		return journal.Past{Delivery: d, Record: p.record}
	}
	q.dead++
	d.Lane, d.State = lane.Home, journal.Dead
	d.Death = death(s, now)
	return journal.Past{Delivery: d, Record: p.record}
}
