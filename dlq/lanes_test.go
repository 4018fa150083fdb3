package dlq

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
	"signalbox/targets"
)

// lanes stands for the delivery side: it attempts what redrives send, a few at a
// time, and writes what comes of it as the real lanes do. Its funcs are what a test
// may replace.
type lanes struct {
	// attempt makes an attempt; nil delivers.
	attempt func(*journal.Delivery) *targets.Error
	open    func(target string) bool
	gone    func(target string) bool
	render  func(bus, rule, entry string) (Rendering, error)

	t       *testing.T
	journal *store.Journal
	queue   *Queue
	slots   chan struct{}
	workers sync.WaitGroup
	stopped chan struct{}

	mu sync.Mutex
	// rests are the deliveries that are not under way: they may be recalled.
	rests map[place]journal.Delivery
	// sent are those that were delivered, in this order.
	sent []journal.Delivery
}

// down is the failure of a target that can't be reached.
func down(*journal.Delivery) *targets.Error {
	return &targets.Error{Code: targets.CodeConnectionFailure, Err: errors.New("connection refused")}
}

func (l *lanes) LaneID(target string) (journal.LaneID, bool) {
	id, ok := l.journal.Lanes.All()[target]
	return id, ok && (l.gone == nil || !l.gone(target))
}

func (l *lanes) TargetName(id journal.LaneID) string {
	for name, known := range l.journal.Lanes.All() {
		if known == id {
			return name
		}
	}
	return ""
}

func (l *lanes) BreakerOpen(target string) bool { return l.open != nil && l.open(target) }

// say makes the targets answer otherwise.
func (l *lanes) say(attempt func(*journal.Delivery) *targets.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempt = attempt
}

func (l *lanes) Requeue(d journal.Delivery) {
	// Under mu, so that no worker starts once stop waits for them.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rests[placeOf(&d)] = d
	select {
	case <-l.stopped:
		return
	default:
	}
	l.workers.Go(func() {
		select {
		case <-time.After(time.Until(d.Due)):
		case <-l.stopped:
			return
		}
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
		case <-l.stopped:
			return
		}
		if l.take(&d) {
			l.deliver(&d)
		}
	})
}

// take makes a delivery that rests one that is under way.
func (l *lanes) take(d *journal.Delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.rests[placeOf(d)]
	delete(l.rests, placeOf(d))
	return ok
}

func (l *lanes) Recall(d journal.Delivery) {
	l.mu.Lock()
	d, ok := l.rests[placeOf(&d)]
	delete(l.rests, placeOf(&d))
	l.mu.Unlock()
	if ok {
		l.putBack(&d)
	}
}

func (l *lanes) putBack(d *journal.Delivery) {
	back := l.queue.Returned(*d)
	l.settle(d, &back, journal.NotEnded)
}

func (l *lanes) deliver(d *journal.Delivery) {
	if !l.queue.Redriving(d) {
		l.putBack(d)
		return
	}
	l.mu.Lock()
	attempt := l.attempt
	l.mu.Unlock()
	var failure *targets.Error
	if attempt != nil {
		failure = attempt(d)
	}
	if failure == nil {
		l.mu.Lock()
		l.sent = append(l.sent, *d)
		l.mu.Unlock()
		l.settle(d, nil, journal.Delivered)
		return
	}
	next := *d
	next.Attempts++
	next.Remember(journal.Attempt{At: time.Now().UTC(), Attempt: next.Attempts, Code: failure.Code, Message: failure.Error()})
	if giveUp := l.queue.Failed(&next, failure); giveUp || failure.Final || next.Attempts-next.Spent >= next.Lineage.Out.Attempts {
		next.State, next.Death = journal.Dead, &journal.Death{At: time.Now().UTC(), Code: failure.Code, Message: failure.Error()}
		l.queue.DiedAgain(&next)
	} else {
		next.State, next.Due = journal.Waiting, time.Now().Add(time.Second).UTC()
	}
	l.settle(d, &next, journal.NotEnded)
}

// settle writes a delivery's next state, or its end, and tells the queue of it.
func (l *lanes) settle(d, to *journal.Delivery, end journal.End) {
	m := journal.Move{From: *d, To: to, End: end, Applied: func() {
		l.queue.Settled(*d, to, end)
		if to != nil && to.State == journal.Waiting {
			l.Requeue(*to)
		}
	}}
	if to != nil && to.State == journal.Dead {
		found, err := l.journal.Deliveries.Find(*d)
		if err != nil {
			l.t.Error(err)
			return
		}
		m.Record = &found.Record
	}
	if err := l.journal.MoveAll([]journal.Move{m}); err != nil && !errors.Is(err, store.ErrClosed) {
		l.t.Error(err)
	}
}

// start continues with what is on disk, as lanes do.
func (l *lanes) start() {
	for _, id := range l.journal.Lanes.All() {
		var all []journal.Delivery
		take := func(d journal.Delivery, _ journal.Record) bool { all = append(all, d); return true }
		err := errors.Join(
			l.journal.Deliveries.Ready(id, journal.Cursor{}, ^journal.Seq(0), nil, take),
			l.journal.Deliveries.Waiting(id, journal.Cursor{}, time.Now().Add(time.Hour), take))
		if err != nil {
			l.t.Fatal(err)
		}
		for _, d := range all {
			l.Requeue(d)
		}
	}
}

// bench is a queue with its journal, which a test can start and stop.
type bench struct {
	*Queue
	*lanes
	t    *testing.T
	disk *store.Disk
}

// fill starts a queue of n dead letters to "here", and one to "gone".
func fill(t *testing.T, n int) *bench {
	t.Helper()
	b := &bench{t: t, disk: journaltest.Crashable()}
	b.open()
	for _, name := range []string{"here", "gone", "other"} {
		if _, err := b.lanes.journal.Lanes.Lane(name); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		b.die(i, "here", "TIMEOUT", nil)
	}
	b.die(n, "gone", "NO_RESOURCE", nil)
	b.start()
	t.Cleanup(func() {
		if c, _ := b.lanes.journal.Counters.Totals(); !c.Balanced() {
			t.Errorf("the counters do not balance: %+v", c)
		}
		b.stop()
	})
	return b
}

func (b *bench) open() {
	j, err := store.Open("data", store.Options{Disk: b.disk})
	if err != nil {
		b.t.Fatal(err)
	}
	l := &lanes{
		t: b.t, journal: j, slots: make(chan struct{}, 8), stopped: make(chan struct{}), rests: map[place]journal.Delivery{},
		gone: func(target string) bool { return target == "gone" },
	}
	if b.lanes != nil { // as it was before the crash
		l.attempt, l.open, l.render = b.attempt, b.lanes.open, b.lanes.render
	}
	b.lanes = l
	b.Queue = New(Options{
		Journal: j, Lanes: l,
		Render: func(_ *event.Event, _ *journal.Record, bus, rule, entry string) (Rendering, error) {
			return l.render(bus, rule, entry)
		},
		Request: func(target string, d *targets.Delivery) (targets.Request, error) {
			if string(d.Body) == "bad" {
				return targets.Request{}, errors.New("no JSON")
			}
			r := targets.Request{Method: "POST", Address: "http://" + target + "/", Body: string(d.Envelope)}
			if d.Body != nil {
				r.Body = string(d.Body)
			}
			return r, nil
		},
	})
	l.queue = b.Queue
}

func (b *bench) start() {
	if err := b.Queue.Start(); err != nil {
		b.t.Error(err)
	}
	b.lanes.start()
}

func (b *bench) stop() {
	b.lanes.mu.Lock()
	close(b.lanes.stopped)
	b.lanes.mu.Unlock()
	b.Queue.Stop()
	b.workers.Wait()
	if err := b.lanes.journal.Close(); err != nil {
		b.t.Error(err)
	}
}

// crash cuts the power, and starts again with what was on disk.
func (b *bench) crash() {
	b.t.Helper()
	fs := journaltest.Crash(b.disk, 0, nil)
	b.stop()
	b.disk = fs
	b.open()
	b.start()
}

var died = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

// die puts the i-th dead letter into the queue.
func (b *bench) die(i int, target, code string, change func(*journal.Delivery)) {
	b.t.Helper()
	j := b.lanes.journal
	s := j.Seqs.Reserve(1)
	defer s.Release()
	e := event.Event{ID: fmt.Sprint(i), Source: "shop", DetailType: "T", Detail: fmt.Appendf(nil, `{"n":%d}`, i), Meta: event.Metadata{Bus: "default"}}
	meta, err := e.Meta.AppendBinary(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	d := journal.Delivery{
		Seq: s.At(0), Lane: j.Lanes.All()[target], State: journal.Dead, Rule: fmt.Sprint("rule", i%2), RuleTarget: target, Attempts: 3,
		Death: &journal.Death{At: died.Add(time.Duration(i) * time.Minute), Code: code, Message: "why", Status: 500 + i},
	}
	if change != nil {
		change(&d)
	}
	entry := journal.Entry{Record: journal.Record{Seq: d.Seq, Meta: meta, Envelope: e.AppendEnvelope(nil)}, Deliveries: []journal.Delivery{d}}
	if err := j.Append([]journal.Entry{entry}); err != nil {
		b.t.Fatal(err)
	}
}

// begin begins a redrive.
func (b *bench) begin(o Redrive) Job {
	b.t.Helper()
	j, err := b.Redrive(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

// ended waits for the end of a redrive, in fake time.
func (b *bench) ended(id string) Job {
	b.t.Helper()
	for range 10_000 {
		j, err := b.Job(id)
		if err != nil {
			b.t.Fatal(err)
		}
		if j.State != jobs.Running {
			return j
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("redrive %s does not end", id)
	return Job{}
}

func (b *bench) list(f Filter) []*Letter {
	b.t.Helper()
	page, err := b.List(f, "", 10_000)
	if err != nil {
		b.t.Fatal(err)
	}
	return page.Letters
}

func eventIDs(letters []*Letter) (ids []string) {
	for _, l := range letters {
		ids = append(ids, l.EventID)
	}
	return ids
}

// sentIDs are the ids of the deliveries that were made, sorted.
func (b *bench) sentPlaces() (all []place) {
	b.lanes.mu.Lock()
	defer b.lanes.mu.Unlock()
	for i := range b.sent {
		all = append(all, placeOf(&b.sent[i]))
	}
	slices.SortFunc(all, place.compare)
	return all
}
