package router

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"signalbox/journal"
	"signalbox/targets"
)

// lane is the queue of one target. It holds a bounded window of deliveries in
// memory; the rest waits on disk. A lane goes on without its target, to take
// what is left to the dead-letter queue.
type lane struct {
	r    *Router
	name string
	id   journal.LaneID

	mu      sync.Mutex
	handle  *handle // nil where the target is gone
	limiter *rate.Limiter
	circuit circuit
	budget  budget
	// halted begins nothing more; flushing lets one worker send what was gathered.
	halted, flushing bool
	// paused keeps everything from being attempted; draining pauses the lane when
	// nothing is left. ageFrom is the end of the latest pause, in Unix nanoseconds.
	paused   *Pause
	draining bool
	emptied  bool // a draining lane has told that nothing is left
	ageFrom  atomic.Int64
	// active counts the workers, starting those of them that have yet to take
	// their first delivery.
	active, starting int

	// queue holds the deliveries to attempt next; held all that memory has of
	// this lane, with those under way and those whose end is not yet written.
	queue []*item
	held  map[key]*item
	bytes int

	// behind says that ready deliveries may lie on disk that are not held; from
	// is a place before the first of them, upTo the latest event of those that the
	// lane was told of. awaits says that it will be told when from is settled.
	behind, awaits bool
	from           journal.Cursor
	upTo           journal.Seq
	// nextDue is when the first delivery that waits on disk is due, zero if none
	// does; waitFrom is a place before it.
	nextDue  time.Time
	waitFrom journal.Cursor

	// reading says that a reader is at work. What ends during a read is put aside
	// in ended, so that the reader, whose view is older, can't bring it back.
	reading bool
	ended   []*item
	// recalls holds the redriven deliveries that are to be put back once the read
	// under way has ended.
	recalls map[key]journal.Delivery

	// paceAt is when the rate limit allows the next attempt, readAt when reading
	// may be tried again after an error. The alarm rings at the first of them and
	// nextDue.
	paceAt, readAt time.Time
	alarm          *time.Timer
	alarmAt        time.Time

	// order is for the deliveries that have an order key, bars for held ones that
	// are on their way back to it: the places that nothing may pass until they are.
	order laneOrder
	bars  map[journal.HoldID]journal.Seq

	// failing is the text of the error that was last logged; empty while the
	// target takes deliveries.
	failing string
}

// handle is a target in use. It is closed when its last user has gone.
type handle struct {
	name   string
	cfg    targets.Config
	target targets.Target
	batch  *batching // nil where each delivery is sent alone
	users  sync.WaitGroup
	// replies says that the target's answers carry events.
	replies bool
}

// longAgo is before every due time.
var longAgo = time.Unix(0, 0)

func newLane(r *Router, name string, id journal.LaneID) *lane {
	c := r.journal.LaneCounts(id)
	l := &lane{r: r, name: name, id: id, held: map[key]*item{}, behind: c.Ready > 0, circuit: newCircuit(targets.Breaker{})}
	if c.Waiting > 0 {
		l.nextDue = longAgo
	}
	l.order.records = int(c.BlockedKeys)
	l.sweepKeys()
	return l
}

// serves says whether the lane's target was made of this configuration.
func (l *lane) serves(cfg targets.Config) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handle != nil && l.handle.cfg.Equal(&cfg)
}

// assign gives the lane another target, or none.
func (l *lane) assign(cfg targets.Config, t targets.Target) {
	l.mu.Lock()
	old := l.handle
	l.handle, l.limiter, l.paceAt = nil, nil, time.Time{}
	if t != nil {
		l.handle = &handle{name: l.name, cfg: cfg, target: t, batch: batchingOf(&cfg, t), replies: replies(&cfg, t)}
		l.failing = ""
	}
	l.circuit, l.budget = newCircuit(cfg.Breaker), newBudget(cfg.RetryBudget, time.Now())
	if perSecond := cfg.RateLimit.PerSecond(); perSecond > 0 {
		l.limiter = rate.NewLimiter(rate.Limit(perSecond), l.handle.burst(perSecond))
	}
	l.sweepKeys() // what stops a key may be another
	l.mu.Unlock()
	if old != nil {
		l.r.retire(old)
	}
	l.poke()
}

// closeTarget closes the target of a halted lane.
func (l *lane) closeTarget() error {
	l.mu.Lock()
	h := l.handle
	l.handle = nil
	l.mu.Unlock()
	if h == nil {
		return nil
	}
	return h.target.Close()
}

// halt keeps the lane from beginning anything more.
func (l *lane) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halted = true
	l.flush()
	if l.alarm != nil {
		l.alarm.Stop()
	}
}

// offer gives the lane a new delivery that is on disk. The lane holds it if there
// is room, and reads it later otherwise. It must be called before the delivery's
// event is released, so that no reader has found it yet.
func (l *lane) offer(items ...*item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		if l.behind || len(l.bars) > 0 || !l.takes(it) {
			l.missed(it.delivery)
		}
	}
	l.dispatch()
}

// takes holds a new delivery if there is room, and its order does not forbid it.
func (l *lane) takes(it *item) bool {
	if it.delivery.Key != "" {
		return l.offerInOrder(it)
	}
	if l.room() <= 0 {
		return false
	}
	l.hold(it)
	return true
}

// requeued tells the lane of a delivery that has become ready again on disk.
func (l *lane) requeued(d journal.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed(d)
	l.dispatch()
}

// missed notes a ready delivery that is on disk alone.
func (l *lane) missed(d journal.Delivery) {
	at := journal.CursorOf(&d)
	if !l.behind || at.Compare(l.from) < 0 {
		l.from = at
	}
	l.upTo = max(l.upTo, d.Seq)
	l.behind = true
}

// room is how many more deliveries the window has place for.
func (l *lane) room() int {
	if l.bytes >= l.windowBytes() {
		return 0
	}
	return l.window() - len(l.held)
}

// hold queues a delivery.
func (l *lane) hold(it *item) {
	l.keep(it)
	l.enqueue(it)
}

func (l *lane) enqueue(it *item) {
	if b := l.batch(); b != nil && b.wait > 0 {
		it.queued = time.Now()
	}
	l.queue = append(l.queue, it)
}

// keep gives a delivery a place in the window.
func (l *lane) keep(it *item) {
	l.held[it.key()] = it
	l.bytes += it.size()
}

// poke makes the lane look for work.
func (l *lane) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dispatch()
}

// dispatch starts what there is to do: workers, a reader, the alarm. It is
// called with the lock held, after anything that may have made work.
func (l *lane) dispatch() {
	if l.halted || !l.r.running.Load() {
		return
	}
	now := time.Now()
	if l.circuit.state != CircuitClosed && l.paused == nil {
		l.tick(now)
	}
	if !now.Before(l.paceAt) && !l.circuit.hushed(now) {
		for l.active < l.concurrency() && l.wanted(now) {
			l.active++
			l.starting++
			l.r.workers.Go(l.work)
		}
	}
	if l.wantsRead(now) {
		l.reading = true
		l.r.workers.Go(l.read)
	}
	l.setAlarm(now)
}

// wantsRead says whether there is something to read from disk, and room for it.
func (l *lane) wantsRead(now time.Time) bool {
	if l.reading || now.Before(l.readAt) {
		return false
	}
	// What waits for its turn in memory must not keep other keys from being read.
	if room := l.room(); room <= 0 || room+l.order.chained < l.window()/2 {
		return false
	}
	return l.due(now) || len(l.order.resumes) > 0 || l.order.sweeping || l.behind && l.settled() && !l.barred()
}

// barred says that a bar keeps what is ready from being read.
func (l *lane) barred() bool { return len(l.bars) > 0 && l.from.Seq >= l.readable() }

// due says whether the wait of a delivery on disk is over, or longer than any is.
func (l *lane) due(now time.Time) bool {
	return !l.nextDue.IsZero() && (!l.nextDue.After(now) || l.nextDue.After(l.r.longestDue(now)))
}

// settled says whether readers may go past from. If not, the lane looks again
// when they may.
func (l *lane) settled() bool {
	if l.awaits { // which may be for a later place
		return l.from.Seq < l.r.journal.Stable()
	}
	l.awaits = l.r.journal.Await(l.from.Seq, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.awaits = false
		l.dispatch()
	})
	return !l.awaits
}

// setAlarm makes the lane look for work when time alone will have made some.
func (l *lane) setAlarm(now time.Time) {
	var at time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	sooner(l.nextDue)
	if len(l.queue) > 0 {
		sooner(l.paceAt)
		sooner(l.circuit.quiet)
		sooner(l.gathered())
	}
	if l.circuit.state != CircuitClosed {
		sooner(l.circuit.until)
		sooner(l.circuit.sweepAt)
	}
	sooner(l.readAt)
	if at.IsZero() || at.Equal(l.alarmAt) {
		return
	}
	l.alarmAt = at
	if l.alarm == nil {
		l.alarm = time.AfterFunc(at.Sub(now), l.ring)
		return
	}
	l.alarm.Reset(at.Sub(now))
}

func (l *lane) ring() {
	l.mu.Lock()
	l.alarmAt = time.Time{}
	l.mu.Unlock()
	l.poke()
}

func (l *lane) concurrency() int {
	if l.handle == nil {
		return 1 // all that is left to do is to write
	}
	if l.paused != nil {
		return 0
	}
	return l.circuit.workers(max(1, l.handle.cfg.Concurrency))
}

// work attempts one delivery, or batch, after another until none is left or may
// be sent now.
func (l *lane) work() {
	var buffer []*item
	for first := true; ; first = false {
		items, h := l.next(first, buffer[:0])
		if len(items) == 0 {
			return
		}
		l.attemptAll(items, h)
		clear(items)
		buffer = items
		if h != nil {
			h.users.Done()
		}
	}
}

// next appends the next delivery of the queue, or those of the next batch. The
// worker ends where there is none: next has then counted it out.
func (l *lane) next(first bool, into []*item) ([]*item, *handle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first {
		l.starting--
	}
	n := 0
	if len(l.queue) > 0 && (!l.halted || l.flushing) && l.active <= l.concurrency() {
		n = l.upNext()
	}
	if n == 0 || !l.allowed(n) {
		l.active--
		return nil, nil
	}
	l.flushing = false
	into = append(into, l.queue[:n]...)
	clear(l.queue[:n])
	l.queue = l.queue[n:]
	if l.handle != nil {
		l.handle.users.Add(1)
	}
	return into, l.handle
}

// upNext says how many deliveries go next: one, or a batch; none where a batch is
// still being gathered, and the alarm is set for its end.
func (l *lane) upNext() int {
	b := l.batch()
	if b == nil {
		return 1
	}
	if now := time.Now(); !l.flushing && !l.ripe(b, 0, now) {
		l.setAlarm(now)
		return 0
	}
	n := l.fill(b)
	if l.limiter != nil {
		n = min(n, l.limiter.Burst())
	}
	return n
}

// allowed asks the target's wish for quiet, and the rate limit, for n deliveries;
// where they say no, the alarm is set for when they will say yes.
func (l *lane) allowed(n int) bool {
	if !l.circuit.quiet.IsZero() {
		now := time.Now()
		if l.circuit.hushed(now) {
			l.setAlarm(now)
			return false
		}
		l.circuit.quiet = time.Time{}
	}
	if l.limiter == nil {
		return true
	}
	now := time.Now()
	r := l.limiter.ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return true
	}
	r.CancelAt(now)
	l.paceAt = now.Add(wait)
	l.setAlarm(now)
	return false
}

// settle writes a delivery's next state or its end, and then gives up its place
// in the window.
func (l *lane) settle(it *item, to *journal.Delivery, end journal.End) {
	m := journal.Move{From: it.delivery, To: to, End: end, Answered: it.answered}
	if to != nil && to.State == journal.Dead {
		m.Record = it.record()
	}
	if it.order != nil {
		l.settleInOrder(it, m)
		return
	}
	if it.run != nil {
		it.run.add(it, m)
		return
	}
	m.Applied = func() { l.release(it, to); l.tellRedrive(it, to, end) }
	l.move(m)
}

// tellRedrive tells the redrive that sent a delivery of its next state, or end.
func (l *lane) tellRedrive(it *item, to *journal.Delivery, end journal.End) {
	if it.delivery.Redriven() {
		l.r.DeadLetters.Settled(it.delivery, to, end)
	}
}

// release forgets an item whose move can be seen on disk.
func (l *lane) release(it *item, to *journal.Delivery) {
	l.mu.Lock()
	l.releaseOne(it, to)
	l.dispatch()
	l.mu.Unlock()
	l.tellHeld(to)
}

// releaseOne is called with the lock held.
func (l *lane) releaseOne(it *item, to *journal.Delivery) {
	l.letGo(it)
	if to != nil && to.State == journal.Waiting {
		l.waits(*to)
	}
}

// letGo gives up an item's place in the window.
func (l *lane) letGo(it *item) {
	l.bytes -= it.size()
	if l.reading {
		l.ended = append(l.ended, it)
	} else {
		l.forget(it)
	}
	l.checkDrained()
}

// forget takes an item out of what is held, unless a later state of the same
// delivery has taken its place.
func (l *lane) forget(it *item) {
	if l.held[it.key()] == it {
		delete(l.held, it.key())
	}
}

// waits notes a delivery that waits on disk until it is due.
func (l *lane) waits(d journal.Delivery) {
	at := journal.CursorOf(&d)
	if l.nextDue.IsZero() || at.Compare(l.waitFrom) < 0 {
		l.waitFrom = at
	}
	if l.nextDue.IsZero() || d.Due.Before(l.nextDue) {
		l.nextDue = d.Due
	}
}

// inUse says whether the lane has a target.
func (l *lane) inUse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handle != nil
}

// use gives the lane's target, which is not closed until its user is done with
// it; nil if there is none.
func (l *lane) use() *handle {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handle != nil {
		l.handle.users.Add(1)
	}
	return l.handle
}
