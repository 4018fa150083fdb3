package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"signalbox/archive/archiver"
	"signalbox/catalog"
	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a target whose answers the test chooses.
type fake struct {
	mu     sync.Mutex
	answer func(ctx context.Context, d *targets.Delivery) error
	got    []targets.Delivery
	times  []time.Time
	closed bool
	// whole decides about a batch before answer does about each of it.
	whole   func(context.Context, []*targets.Delivery) error
	batches [][]string // the ids of each batch
}

// batchFake is a fake that takes batches.
type batchFake struct{ *fake }

func (f batchFake) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	f.mu.Lock()
	var ids []string
	for _, d := range batch {
		ids = append(ids, d.ID)
	}
	f.batches = append(f.batches, ids)
	decide := f.whole
	f.mu.Unlock()
	if decide != nil {
		if err := decide(ctx, batch); err != nil {
			return nil, err
		}
	}
	each = make([]error, len(batch))
	for i, d := range batch {
		each[i] = f.Deliver(ctx, d)
	}
	return each, nil
}

func (f *fake) Deliver(ctx context.Context, d *targets.Delivery) error {
	f.mu.Lock()
	f.got = append(f.got, *d)
	f.times = append(f.times, time.Now())
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, d)
}

func (f *fake) Preview(d *targets.Delivery) (targets.Request, error) {
	body := d.Envelope
	if d.Body != nil {
		body = d.Body
	}
	return targets.Request{Method: "FAKE", Address: d.Target, Body: string(body)}, nil
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fake) say(answer func(context.Context, *targets.Delivery) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) deliveries() []targets.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// bench is a router under test, its rule file and its targets.
type bench struct {
	naming  *catalog.Naming
	t       *testing.T
	disk    *store.Disk
	dir     string
	journal *store.Journal
	router  *Router
	// archiver writes the archives of the rule file that the bench started with; nil for none.
	archiver *archiver.Archiver
	fakes    map[string]*fake
	opts     Options
	// replace makes targets that are no fakes; it may be nil, or give nil.
	replace func(targets.Config) targets.Target
	// real makes the targets of the rule file in place of fakes.
	real bool
}

func newBench(t *testing.T, text string) *bench {
	b := &bench{t: t, disk: store.InMemory(), dir: t.TempDir(), fakes: map[string]*fake{}}
	b.write(text)
	return b
}

func (b *bench) write(text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "rules.yaml"), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) load() *rules.Set {
	b.t.Helper()
	set, err := rules.Load(rules.Source{Globs: []string{"rules.yaml"}, Dir: b.dir, Naming: b.naming})
	if err != nil {
		b.t.Fatal(err)
	}
	return set
}

// start opens the journal and starts a router on the rule file.
func (b *bench) start() {
	b.t.Helper()
	var err error
	if b.journal, err = store.Open("data", store.Options{Disk: b.disk}); err != nil {
		b.t.Fatal(err)
	}
	opts := b.opts
	opts.Journal = b.journal
	opts.NewTarget = func(c targets.Config, env targets.Env) (targets.Target, error) {
		if c.Traits().Forwards || b.real {
			return targets.New(c, env)
		}
		if b.replace != nil {
			if t := b.replace(c); t != nil {
				return t, nil
			}
		}
		if b.fakes[c.Name] == nil {
			b.fakes[c.Name] = &fake{}
		}
		if c.Batch != nil {
			return batchFake{b.fakes[c.Name]}, nil
		}
		return b.fakes[c.Name], nil
	}
	set := b.load()
	if len(set.Archives) > 0 {
		b.archive(set)
		opts.Past = b.archiver.Reader()
	}
	if b.router, err = New(opts, set); err != nil {
		b.t.Fatal(err)
	}
	b.router.Start()
}

// archive begins to write the archives of a set.
func (b *bench) archive(set *rules.Set) {
	b.t.Helper()
	var err error
	if b.archiver, err = archiver.New(archiver.Options{Journal: b.journal}); err != nil {
		b.t.Fatal(err)
	}
	b.archiver.Set(set.Archives)
	b.journal.Trimmer.Keep(b.archiver.Owed)
}

// stop stops the router and closes the journal, whose accounts must balance.
func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if b.archiver != nil {
		if err := b.archiver.Stop(ctx); err != nil {
			b.t.Error(err)
		}
	}
	if err := b.router.Stop(ctx); err != nil {
		b.t.Error(err)
	}
	if c, _ := b.journal.Counters.Totals(); !c.Balanced() {
		b.t.Errorf("the accounts do not balance: %+v", c)
	}
	if err := b.journal.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) swap() {
	b.t.Helper()
	if err := b.router.Swap(b.load()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) send(evs ...*event.Event) {
	b.t.Helper()
	errs, err := b.router.Accept(context.Background(), evs)
	if err = errors.Join(append(errs, err)...); err != nil {
		b.t.Fatal(err)
	}
}

// settled waits until nothing continues but clocks.
func (b *bench) settled() {
	synctest.Wait()
	time.Sleep(10 * time.Millisecond) // fake time: the journal gathers moves
	synctest.Wait()
}

func (b *bench) counts() journal.Counts {
	c, _ := b.journal.Counters.Totals()
	return c
}

func order(id int) *event.Event {
	return &event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: fmt.Appendf(nil, `{"id":%d}`, id)}
}

const toA = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 3, max_age: 1h, min_backoff: 1s, max_backoff: 10s}, breaker: off, retry_budget: off}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
`

var down = func(context.Context, *targets.Delivery) error {
	return &targets.Error{Code: targets.CodeConnectionFailure, Err: errors.New("connection refused")}
}

func TestAnEventReachesTheTargetsOfItsRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, {target: b, input_path: $.detail.id}]}
  - {name: shadow, state: shadow, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: disabled, state: disabled, pattern: {source: [shop.orders]}, targets: [a]}
`)
		b.start()
		defer b.stop()
		e := order(7)
		b.send(e, &event.Event{Source: "other", DetailType: "T", Detail: []byte("{}")})
		b.settled()
		got := b.fakes["a"].deliveries()
		if len(got) != 1 || got[0].Rule != "orders" || got[0].EventID != e.ID || got[0].Attempt != 1 || got[0].Body != nil {
			t.Fatalf("a got %+v", got)
		}
		want := `{"version":"0","id":"` + e.ID + `","detail-type":"OrderCreated","source":"shop.orders","account":"000000000000","time":"2000-01-01T00:00:00Z","region":"local","resources":[],"detail":{"id":7}}`
		if string(got[0].Envelope) != want {
			t.Errorf("got  %s\nwant %s", got[0].Envelope, want)
		}
		if got := b.fakes["b"].deliveries(); len(got) != 1 || string(got[0].Body) != "7" {
			t.Errorf("b got %+v", got)
		}
		accounts := b.router.Accounts()
		if want := (journal.EventCounts{Accepted: 2, Unmatched: 1}); accounts.Events != want {
			t.Errorf("events: got %+v, want %+v", accounts.Events, want)
		}
		if want := (journal.Counts{Planned: 2, Delivered: 2}); accounts.Deliveries != want {
			t.Errorf("deliveries: got %+v, want %+v", accounts.Deliveries, want)
		}
		if stored, err := b.router.Traces.Event(e.ID); err != nil || string(stored.Event) != want {
			t.Errorf("stored: %+v, %v", stored, err)
		}
	})
}

func TestUnknownBusIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		e := order(1)
		e.Meta.Bus = "ordres"
		errs, err := b.router.Accept(t.Context(), []*event.Event{e, order(2)})
		var refused *event.Error
		if err != nil || !errors.As(errs[0], &refused) || refused.Code != event.CodeNotFound || !strings.Contains(refused.Message, "ordres") || errs[1] != nil {
			t.Errorf("got %v, %v", errs, err)
		}
		b.settled()
		if got := b.counts(); got != (journal.Counts{Planned: 1, Delivered: 1}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAFailingTargetIsTriedAgainAndThenTheEventRestsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		e := order(1)
		b.send(e)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := b.fakes["a"].deliveries()
		if len(got) != 3 {
			t.Fatalf("%d attempts, want 3", len(got))
		}
		for i, d := range got {
			if d.ID != got[0].ID || d.Attempt != i+1 {
				t.Errorf("attempt %d: id %s, number %d", i+1, d.ID, d.Attempt)
			}
		}
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 {
			t.Fatalf("got %+v, %v", page, err)
		}
		l := page.Letters[0]
		if l.ID != got[0].ID || l.EventID != e.ID || l.Target != "a" || l.Rule != "orders" || l.ErrorCode != targets.CodeConnectionFailure ||
			l.Condition != delivery.ConditionAttempts || l.Attempts != 3 || l.RetryAttempts != 2 || len(l.History) != 3 || string(l.Event) != string(got[0].Envelope) {
			t.Errorf("got %+v", l)
		}

		b.fakes["a"].say(nil)
		if j := b.redrive(dlq.Redrive{}); j.State != jobs.Finished || j.Delivered != 1 {
			t.Fatalf("redrive: %+v", j)
		}
		if got := b.fakes["a"].deliveries(); len(got) != 4 || got[3].ID != l.ID || got[3].Attempt != 4 {
			t.Errorf("after the redrive: %+v", got)
		}
		if got := b.counts(); got != (journal.Counts{Planned: 1, Delivered: 1}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAPermanentFaultIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
			return &targets.Error{Code: targets.CodeErrorFromTarget, Status: 400, Final: true, Snippet: "no such order", Err: errors.New("answered 400")}
		})
		b.send(order(1))
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{Code: targets.CodeErrorFromTarget, Target: "a"}, "", 10)
		if err != nil || len(page.Letters) != 1 || page.Letters[0].Attempts != 1 || page.Letters[0].Condition != "" ||
			page.Letters[0].Status != 400 || page.Letters[0].Snippet != "no such order" {
			t.Errorf("got %+v, %v", page, err)
		}
	})
}

func TestATooOldEventRestsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "max_attempts: 3", "max_attempts: 100000", 1))
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		began := time.Now()
		b.send(order(1))
		time.Sleep(2 * time.Hour)
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 || page.Letters[0].Condition != delivery.ConditionAge || page.Letters[0].ErrorCode != targets.CodeConnectionFailure {
			t.Fatalf("got %+v, %v", page, err)
		}
		if age := page.Letters[0].DiedAt.Sub(began); age < time.Hour || age > time.Hour+time.Minute {
			t.Errorf("died after %v, want an hour", age)
		}
	})
}

func TestRetryAfterIsHonouredAndCapped(t *testing.T) {
	for _, tc := range []struct{ asked, least, most time.Duration }{
		{asked: 8 * time.Second, least: 8 * time.Second, most: 8*time.Second + 20*time.Millisecond},
		{asked: time.Hour, least: 10 * time.Second, most: 10*time.Second + 20*time.Millisecond},
	} {
		t.Run(tc.asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toA)
				b.start()
				defer b.stop()
				b.fakes["a"].say(func(_ context.Context, d *targets.Delivery) error {
					if d.Attempt > 1 {
						return nil
					}
					return &targets.Error{Code: targets.CodeThrottling, Status: 429, RetryAfter: tc.asked, Err: errors.New("answered 429")}
				})
				b.send(order(1))
				time.Sleep(time.Minute)
				b.settled()
				times := b.fakes["a"].times
				if len(times) != 2 {
					t.Fatalf("%d attempts, want 2", len(times))
				}
				if wait := times[1].Sub(times[0]); wait < tc.least || wait > tc.most {
					t.Errorf("waited %v, want %v", wait, tc.least)
				}
			})
		})
	}
}

func TestWaitsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
			return &targets.Error{Code: targets.CodeThrottling, RetryAfter: 5 * time.Second, Err: errors.New("busy")}
		})
		b.send(order(1))
		b.settled()
		if c := b.counts(); c.Waiting != 1 {
			t.Fatalf("got %+v", c)
		}
		b.stop()
		b.fakes["a"].say(nil)
		b.start()
		defer b.stop()
		b.settled()
		if n := len(b.fakes["a"].deliveries()); n != 1 {
			t.Errorf("%d attempts before the wait is over, want 1", n)
		}
		time.Sleep(10 * time.Second)
		b.settled()
		got := b.fakes["a"].deliveries()
		if len(got) != 2 || got[1].ID != got[0].ID || got[1].Attempt != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhatDoesNotFitWaitsOnDiskInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, concurrency: 1,", 1))
		b.opts.Window = 8
		b.start()
		defer b.stop()
		var mu sync.Mutex
		most := 0
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
			l := b.router.Lanes.byName["a"]
			held := l.Memory().Deliveries
			mu.Lock()
			most = max(most, held)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			return nil
		})
		const n = 500
		for i := range n / 10 {
			var evs []*event.Event
			for k := range 10 {
				evs = append(evs, order(i*10+k))
			}
			b.send(evs...)
		}
		time.Sleep(10 * time.Second)
		b.settled()
		got := b.fakes["a"].deliveries()
		if len(got) != n {
			t.Fatalf("%d deliveries, want %d", len(got), n)
		}
		if most > 8 {
			t.Errorf("%d deliveries held in memory, want at most 8", most)
		}
		seen := map[string]bool{}
		for i, d := range got {
			if seen[d.ID] {
				t.Errorf("delivery %d comes twice", i)
			}
			seen[d.ID] = true
			if want := fmt.Sprintf(`"detail":{"id":%d}`, i); !strings.Contains(string(d.Envelope), want) {
				t.Errorf("place %d: got %s", i, d.Envelope)
			}
		}
	})
}

func TestAHungTargetHoldsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  hung: {type: http, url: "http://127.0.0.1:1/", timeout: 30s}
  fast: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [hung, fast]}
`)
		b.opts.Window = 16
		b.start()
		b.fakes["hung"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		for i := range 200 {
			b.send(order(i))
		}
		time.Sleep(time.Second) // what the window has no room for is read in rounds
		b.settled()
		f := b.fakes["fast"]
		if n := len(f.deliveries()); n != 200 {
			t.Fatalf("%d of 200 reached the fast target", n)
		}
		if last := f.times[199].Sub(began); last > time.Second {
			t.Errorf("the last came after %v", last)
		}
		if c := b.router.Lanes.Targets(); c[1].Name != "hung" || c[1].Pending() != 200 || c[0].Pending() != 0 {
			t.Errorf("got %+v", c)
		}
		b.fakes["hung"].say(nil)
		time.Sleep(time.Hour)
		b.settled()
		if c := b.counts(); c.Delivered != 400 {
			t.Errorf("got %+v", c)
		}
		b.stop()
	})
}

func TestARemovedTargetsDeliveriesRestDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(order(1))
		b.settled()
		b.write("rules: []\n")
		b.swap()
		time.Sleep(20 * time.Second)
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 || page.Letters[0].ErrorCode != targets.CodeNoResource || page.Letters[0].Target != "a" {
			t.Fatalf("got %+v, %v", page, err)
		}
		if !b.fakes["a"].closed {
			t.Error("the removed target was not closed")
		}
		if j := b.redrive(dlq.Redrive{}); j.Delivered != 0 || !maps.Equal(j.Skips, map[string]int{dlq.SkipTargetGone: 1}) {
			t.Errorf("redrive without the target: %+v", j)
		}
	})
}

func TestWhatIsPlannedStaysAsItWasPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with := func(body string) string {
			return strings.Replace(toA, "targets: [a]", `targets: [{target: a, input: '"`+body+`"'}]`, 1)
		}
		b := newBench(t, with("old"))
		b.start()
		defer b.stop()
		b.fakes["a"].say(func(_ context.Context, d *targets.Delivery) error {
			if d.Attempt == 1 {
				return down(nil, nil)
			}
			return nil
		})
		b.send(order(1))
		b.settled()
		b.write(with("new"))
		b.swap()
		time.Sleep(time.Minute)
		b.send(order(2))
		time.Sleep(time.Minute)
		b.settled()
		var bodies []string
		for _, d := range b.fakes["a"].deliveries() {
			bodies = append(bodies, string(d.Body))
		}
		if want := []string{`"old"`, `"old"`, `"new"`, `"new"`}; !slices.Equal(bodies, want) {
			t.Errorf("got %q, want %q", bodies, want)
		}
	})
}

func TestSyntheticEventsActOnlyWhereATargetAllowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  deliver: {type: http, url: "http://127.0.0.1:1/", synthetic: deliver}
  drop: {type: http, url: "http://127.0.0.1:1/", synthetic: drop}
  log: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [deliver, drop, log]}
`)
		b.opts.Trace = true
		b.start()
		defer b.stop()
		e := order(1)
		e.Meta.Synthetic = true
		b.send(e)
		b.settled()
		for name, want := range map[string]int{"deliver": 1, "drop": 0, "log": 0} {
			got := b.fakes[name].deliveries()
			if len(got) != want {
				t.Errorf("%s: %d deliveries, want %d", name, len(got), want)
			}
			if len(got) > 0 && !got[0].Meta.Synthetic {
				t.Errorf("%s: the mark is lost", name)
			}
		}
		if got, want := b.counts(), (journal.Counts{Planned: 3, Delivered: 1, Dropped: 1, Logged: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		states := map[string]journal.TouchState{}
		for _, d := range b.trace(e.ID).Roots[0].Deliveries {
			states[d.Target] = d.State
		}
		if want := (map[string]journal.TouchState{"deliver": "delivered", "drop": "dropped", "log": "logged (synthetic)"}); !maps.Equal(states, want) {
			t.Errorf("the trace has %v, want %v", states, want)
		}
	})
}

// TestASyntheticEventThatCannotBeShown: its dead letter has the code of any other event's.
func TestASyntheticEventThatCannotBeShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets: {other: {type: bus, bus: other, synthetic: log}}
buses: {other: {}}
rules: [{name: orders, pattern: {source: [shop.orders]}, targets: [{target: other, transform: '"text"'}]}]
`)
		b.start()
		defer b.stop()
		e := order(1)
		e.Meta.Synthetic = true
		b.send(e)
		b.settled()
		if l := b.letters(dlq.Filter{}); len(l) != 1 || l[0].ErrorCode != targets.CodeInvalidJSON {
			t.Errorf("got %+v, want a letter of %s", l, targets.CodeInvalidJSON)
		}
	})
}

func TestAPlanShowsWhatWouldBeSentAndSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "targets: [a]", `targets: [{target: a, input: '{"x":1}'}]`, 1))
		b.start()
		defer b.stop()
		p, err := b.router.Plan(t.Context(), order(1))
		if err != nil {
			t.Fatal(err)
		}
		b.settled()
		if len(p.Rules) != 1 || p.Rules[0].Name != "orders" || p.Deliveries != 1 || p.Rules[0].Targets[0].Request.Body != `{"x":1}` {
			t.Errorf("got %+v", p)
		}
		if n := len(b.fakes["a"].deliveries()); n != 0 {
			t.Errorf("%d deliveries of a dry run", n)
		}
		if got := b.router.Accounts(); got != (Accounts{}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestABodyThatCannotBeRenderedRestsDeadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "targets: [a]", `targets: [{target: a, transform: 'detail.id + detail.missing.deep'}]`, 1))
		b.start()
		defer b.stop()
		b.send(order(1))
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 || page.Letters[0].ErrorCode != targets.CodeInvalidJSON || page.Letters[0].Attempts != 0 {
			t.Fatalf("got %+v, %v", page, err)
		}
	})
}

func TestTheRateLimitIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, rate_limit: 10/s,", 1))
		b.start()
		defer b.stop()
		began := time.Now()
		for i := range 50 {
			b.send(order(i))
		}
		time.Sleep(time.Minute)
		b.settled()
		times := b.fakes["a"].times
		if len(times) != 50 {
			t.Fatalf("%d deliveries, want 50", len(times))
		}
		if took := times[49].Sub(began); took < 4500*time.Millisecond || took > 6*time.Second {
			t.Errorf("50 deliveries at 10/s took %v", took)
		}
	})
}

func TestABusTargetPutsTheEventOnAnotherBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
buses: {other: {}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  to-other: {type: bus, bus: other}
  to-default: {type: bus, bus: default, max_hops: 4}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [to-other]}
  - {name: back, bus: other, pattern: {source: [shop.orders]}, targets: [a, to-default]}
`)
		b.start()
		defer b.stop()
		b.send(order(1))
		time.Sleep(time.Second)
		b.settled()
		// Deliveries of different events are in no order.
		var hops []int
		for _, d := range b.fakes["a"].deliveries() {
			if d.Bus != "other" {
				t.Errorf("delivered from bus %q", d.Bus)
			}
			hops = append(hops, d.Meta.Hops)
		}
		slices.Sort(hops)
		if want := []int{1, 3, 5}; !slices.Equal(hops, want) {
			t.Errorf("delivered after %v hops, want %v", hops, want)
		}
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 || !strings.Contains(page.Letters[0].ErrorMessage, "hop") {
			t.Errorf("the circle: got %+v, %v", page, err)
		}
	})
}

func TestBacklogLimitAnswersBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.MaxPending = 2
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(order(1), order(2))
		_, err := b.router.Accept(t.Context(), []*event.Event{order(3)})
		var busy *Busy
		if !errors.As(err, &busy) || busy.RetryAfter() <= 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestAStopBreaksOffWhatHangsAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, timeout: 1h,", 1))
		b.start()
		b.fakes["a"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		b.send(order(1))
		b.settled()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.router.Stop(ctx); err == nil || !strings.Contains(err.Error(), "broken off") {
			t.Errorf("got %v", err)
		}
		if err := b.router.Stop(t.Context()); err != nil {
			t.Errorf("second stop: %v", err)
		}
		if _, err := b.router.Accept(t.Context(), []*event.Event{order(2)}); !errors.Is(err, ErrStopping) {
			t.Errorf("accept after stop: %v", err)
		}
		if err := b.journal.Close(); err != nil {
			t.Fatal(err)
		}
		b.fakes["a"].say(nil)
		b.start()
		defer b.stop()
		b.settled()
		if got := b.fakes["a"].deliveries(); len(got) != 2 || got[0].ID != got[1].ID {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAWaitIsNoLongerThanTheLongestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Replace(toA, "max_age: 1h, min_backoff: 1s, max_backoff: 10s", "max_age: 9h, min_backoff: 1s, max_backoff: 3h", 1)
		b := newBench(t, long)
		b.opts.Window = 2
		b.start()
		defer func() { b.stop() }()
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
			return &targets.Error{Code: targets.CodeErrorFromTarget, Status: 500, RetryAfter: 3 * time.Hour, Err: errors.New("later")}
		})
		for i := range 6 {
			b.send(order(i))
		}
		b.settled()
		if c := b.counts(); c.Waiting != 6 {
			t.Fatalf("got %+v", c)
		}
		b.fakes["a"].say(nil)
		b.write(toA)
		b.restart() // as if the clock had been set back by hours
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 6 {
			t.Errorf("got %+v, want all attempted", c)
		}
	})
}

// TestAttemptsEndWhileEventsAreTakenIn: before a router leaves its place to another.
func TestAttemptsEndWhileEventsAreTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		end := make(chan struct{})
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error { <-end; return nil })
		b.send(order(1))
		b.settled()
		ended := make(chan struct{})
		go func() { defer close(ended); b.router.LetEnd(t.Context()) }()
		synctest.Wait()
		b.send(order(2))
		b.settled()
		select {
		case <-ended:
			t.Error("an attempt is under way")
		default:
		}
		close(end)
		<-ended
		b.settled()
		if got := len(b.fakes["a"].deliveries()); got != 1 {
			t.Errorf("%d deliveries began", got)
		}
	})
}

// TestAttemptsThatHangAreNotWaitedForLonger than they may take.
func TestAttemptsThatHangAreNotWaitedForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, timeout: 1h,", 1))
		b.start()
		b.fakes["a"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		b.send(order(1))
		b.settled()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.router.LetEnd(ctx)
		if err := b.router.Stop(ctx); err == nil || !strings.Contains(err.Error(), "1 attempts under way were broken off") {
			t.Errorf("got %v", err)
		}
		if err := b.journal.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
