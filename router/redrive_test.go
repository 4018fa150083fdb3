package router

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/targets"
)

// redrive begins a redrive and waits for its end.
func (b *bench) redrive(o dlq.Redrive) dlq.Job {
	b.t.Helper()
	j, err := b.router.DeadLetters.Redrive(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.ended(j.ID)
}

// ended waits for the end of a redrive, in fake time.
func (b *bench) ended(id string) dlq.Job {
	b.t.Helper()
	for range 100_000 {
		j, err := b.router.DeadLetters.Job(id)
		if err != nil {
			b.t.Fatal(err)
		}
		if j.State != jobs.Running {
			b.settled()
			return j
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("redrive %s does not end", id)
	return dlq.Job{}
}

func (b *bench) letters(f dlq.Filter) []*dlq.Letter {
	b.t.Helper()
	page, err := b.router.DeadLetters.List(f, "", 10_000)
	if err != nil {
		b.t.Fatal(err)
	}
	return page.Letters
}

// die sends n orders to a target that is down, and waits until they rest dead.
func (b *bench) die(n int) {
	b.t.Helper()
	b.fakes["a"].say(down)
	for i := range n {
		b.send(order(i))
	}
	time.Sleep(time.Hour)
	b.settled()
	if got := len(b.letters(dlq.Filter{})); got != n {
		b.t.Fatalf("%d letters, want %d", got, n)
	}
}

// dead runs a test on a router whose queue holds n letters to the target a.
func dead(t *testing.T, n int, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.disk = journaltest.Crashable()
		b.start()
		defer func() { b.stop() }()
		b.die(n)
		test(t, b)
	})
}

func TestARedriveSendsEveryLetterOnce(t *testing.T) {
	dead(t, 700, func(t *testing.T, b *bench) {
		b.fakes["a"].say(nil)
		before := len(b.fakes["a"].deliveries())
		j := b.redrive(dlq.Redrive{})
		if want := (dlq.Tally{Total: 700, Delivered: 700}); j.State != jobs.Finished || j.Tally != want {
			t.Errorf("got %+v", j)
		}
		if got := len(b.fakes["a"].deliveries()) - before; got != 700 {
			t.Errorf("%d deliveries", got)
		}
		if got := b.counts(); got != (journal.Counts{Planned: 700, Delivered: 700}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestARedriveStopsItselfAndPutsTheRestBackAsItWas(t *testing.T) {
	dead(t, 300, func(t *testing.T, b *bench) {
		old := map[string]*dlq.Letter{}
		for _, l := range b.letters(dlq.Filter{}) {
			old[l.ID] = l
		}
		began := time.Now()
		j := b.redrive(dlq.Redrive{})
		if j.State != jobs.Stopped || !strings.Contains(j.Reason, `target "a": 10 attempts in a row failed, the last with CONNECTION_FAILURE: connection refused`) {
			t.Fatalf("got %+v", j)
		}
		if j.DiedAgain == 0 || j.DiedAgain > 5 || j.Left != 300-j.DiedAgain || j.Total != 300 || j.InFlight != 0 {
			t.Errorf("got %+v", j.Tally)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("stopped after %v", took)
		}
		again := 0
		for _, l := range b.letters(dlq.Filter{}) {
			if l.Redriven == 0 {
				was := old[l.ID]
				if !l.DiedAt.Equal(was.DiedAt) || l.RetryAttempts != was.RetryAttempts || l.Attempts != was.Attempts || len(l.History) != len(was.History) {
					t.Errorf("letter %s was %+v and is %+v", l.ID, was, l)
				}
				continue
			}
			again++
			r := l.Redrives[0]
			if l.Redriven != 1 || r.Job != j.ID || r.As != dlq.Stored || r.Code != targets.CodeConnectionFailure || r.Attempts != 3 || l.Attempts <= 3 || !l.DiedAt.After(r.DiedAt) {
				t.Errorf("letter %s: %+v", l.ID, l)
			}
		}
		if got := b.counts(); again != j.DiedAgain || got != (journal.Counts{Planned: 300, Dead: 300}) {
			t.Errorf("%d letters died again, %+v", again, got)
		}

		b.fakes["a"].say(nil)
		if _, err := b.router.DeadLetters.Resume(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		if j = b.ended(j.ID); j.State != jobs.Finished || j.Delivered != 300 || j.Reason != "" {
			t.Errorf("resumed: %+v", j)
		}
	})
}

// A target that fails in the middle of a redrive has many letters on their way:
// those that wait in the lane go back untouched.
func TestAFailureInTheMiddleCallsTheRestBack(t *testing.T) {
	dead(t, 600, func(t *testing.T, b *bench) {
		n := 0
		b.fakes["a"].say(func(ctx context.Context, d *targets.Delivery) error {
			b.fakes["a"].mu.Lock()
			n++
			fails := n > 200
			b.fakes["a"].mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			if fails {
				return down(ctx, d)
			}
			return nil
		})
		j := b.redrive(dlq.Redrive{})
		if j.State != jobs.Stopped || j.Delivered != 200 || j.InFlight != 0 || j.Left+j.DiedAgain != 400 || j.DiedAgain > 150 {
			t.Errorf("got %+v", j)
		}
		if got := b.counts(); got != (journal.Counts{Planned: 600, Delivered: 200, Dead: 400}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestALetterThatFailsAloneGoesBackAndTheOthersGoOn(t *testing.T) {
	dead(t, 50, func(t *testing.T, b *bench) {
		poison := b.letters(dlq.Filter{})[20].ID
		b.fakes["a"].say(func(ctx context.Context, d *targets.Delivery) error {
			if d.ID == poison {
				return down(ctx, d)
			}
			return nil
		})
		j := b.redrive(dlq.Redrive{Attempts: 2})
		if want := (dlq.Tally{Total: 50, Delivered: 49, DiedAgain: 1}); j.State != jobs.Finished || j.Tally != want {
			t.Errorf("got %+v", j)
		}
		left := b.letters(dlq.Filter{})
		if len(left) != 1 || left[0].ID != poison || left[0].Attempts != 5 || left[0].Condition != delivery.ConditionAttempts {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestARedriveKeepsItsRate(t *testing.T) {
	dead(t, 60, func(t *testing.T, b *bench) {
		b.fakes["a"].say(nil)
		began := time.Now()
		b.redrive(dlq.Redrive{Rate: 10})
		if took := time.Since(began); took < 5*time.Second || took > 8*time.Second {
			t.Errorf("60 letters at 10/s took %v", took)
		}
	})
}

func TestACancelledRedriveLeavesTheRest(t *testing.T) {
	dead(t, 60, func(t *testing.T, b *bench) {
		b.fakes["a"].say(nil)
		j, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{Rate: 10})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := b.router.DeadLetters.Cancel(j.ID); err != nil {
			t.Fatal(err)
		}
		j = b.ended(j.ID)
		if j.State != jobs.Cancelled || j.Delivered < 15 || j.Delivered > 25 || j.Left != 60-j.Delivered {
			t.Errorf("got %+v", j)
		}
		if got := len(b.letters(dlq.Filter{})); got != j.Left {
			t.Errorf("%d letters are left", got)
		}
	})
}

func TestTwoRedrivesAndAPurgeTakeALetterOnce(t *testing.T) {
	dead(t, 500, func(t *testing.T, b *bench) {
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error { time.Sleep(time.Millisecond); return nil })
		before := len(b.fakes["a"].deliveries())
		one, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{})
		if err != nil {
			t.Fatal(err)
		}
		two, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{})
		if err != nil {
			t.Fatal(err)
		}
		purged, err := b.router.DeadLetters.Purge(t.Context(), dlq.Filter{}, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		one, two = b.ended(one.ID), b.ended(two.ID)
		if sum := one.Delivered + two.Delivered + purged.Done; sum != 500 || one.Ended() != one.Total || two.Ended() != two.Total {
			t.Errorf("%+v, %+v and %+v", one.Tally, two.Tally, purged)
		}
		if got := len(b.fakes["a"].deliveries()) - before; got != one.Delivered+two.Delivered {
			t.Errorf("%d deliveries", got)
		}
	})
}

// A redrive continues after a crash, from what is on disk.
func TestARedriveGoesOnAfterACrash(t *testing.T) {
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("waiting=%v", waits), func(t *testing.T) {
			dead(t, 200, func(t *testing.T, b *bench) {
				slow := func(ctx context.Context, d *targets.Delivery) error {
					time.Sleep(100 * time.Millisecond)
					if waits && d.Attempt == 4 && len(d.Envelope)%2 == 0 {
						return down(ctx, d)
					}
					return nil
				}
				b.fakes["a"].say(slow)
				j, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{StopAfter: 1000})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(650 * time.Millisecond)
				b.crash()
				j = b.ended(j.ID)
				if want := (dlq.Tally{Total: 200, Delivered: 200}); j.State != jobs.Finished || j.Tally != want {
					t.Errorf("got %+v", j)
				}
				if got := b.counts(); got != (journal.Counts{Planned: 200, Delivered: 200}) {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

// crash cuts the power and starts again.
func (b *bench) crash() {
	b.t.Helper()
	fs := journaltest.Crash(b.disk, 0, nil)
	b.router.Stop(b.t.Context())
	if err := b.journal.Close(); err != nil {
		b.t.Error(err)
	}
	b.disk = fs
	b.start()
}

func TestALetterOfARedriveThatIsGoneGoesBack(t *testing.T) {
	dead(t, 20, func(t *testing.T, b *bench) {
		b.fakes["a"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		j, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{})
		if err != nil {
			t.Fatal(err)
		}
		b.settled()
		if err := b.journal.MoveJob(nil, j.ID, func() []byte { return nil }); err != nil {
			t.Fatal(err)
		}
		b.crash()
		time.Sleep(time.Minute)
		b.settled()
		if got := b.counts(); got != (journal.Counts{Planned: 20, Dead: 20}) {
			t.Errorf("got %+v", got)
		}
	})
}

const transformed = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 1}, breaker: off}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [{id: one, target: a, input: '"old"'}]}
`

func TestCurrentSendsWhatTodaysRulesSay(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(transformed, old, new, 1) }
	for name, tc := range map[string]struct {
		rules, to string
		skip      string
		body      string
	}{
		"as it was":          {rules: transformed, body: `"old"`},
		"rendered anew":      {rules: edit(`"old"`, `"new"`), body: `"new"`},
		"the event itself":   {rules: edit(`, input: '"old"'`, ""), body: "event"},
		"a notification":     {rules: strings.Replace(edit(`, input: '"old"'`, ""), "breaker: off", "breaker: off, carry: reference", 1), body: "notice"},
		"the rule is gone":   {rules: edit("name: orders", "name: others"), skip: dlq.SkipRuleGone},
		"the rule is off":    {rules: edit("name: orders", "name: orders, state: disabled"), skip: dlq.SkipRuleOff},
		"no match any more":  {rules: edit("shop.orders", "shop.bills"), skip: dlq.SkipNoMatch},
		"the entry is gone":  {rules: edit("id: one", "id: two"), skip: dlq.SkipEntryGone},
		"another target":     {rules: edit("target: a", "target: b"), skip: dlq.SkipTargetChanged},
		"to another target":  {rules: edit("target: a", "target: b"), to: "b", body: `"old"`},
		"can't be rendered":  {rules: edit(`input: '"old"'`, `transform: 'detail.none.none'`), skip: dlq.SkipUnrendered},
		"the target is gone": {rules: "rules: []\n", skip: dlq.SkipTargetGone},
		"only a part of it":  {rules: edit(`input: '"old"'`, "input_path: $.detail.id"), body: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, transformed)
				b.start()
				defer b.stop()
				b.fakes["a"].say(down)
				b.send(order(1))
				b.settled()
				b.fakes["a"].say(nil)
				b.write(tc.rules)
				b.swap()
				o := dlq.Redrive{As: dlq.Current, To: tc.to}
				p, err := b.router.DeadLetters.Preview(t.Context(), o, 10)
				if err != nil || p.Total != 1 || len(p.Letters) != 1 {
					t.Fatalf("preview: %+v, %v", p, err)
				}
				j := b.redrive(o)
				if tc.skip != "" {
					if j.Skips[tc.skip] != 1 || j.Skipped != 1 || len(b.letters(dlq.Filter{})) != 1 || p.Skips[tc.skip] != 1 || p.Letters[0].Skip == nil {
						t.Errorf("got %+v, preview %+v", j, p)
					}
					return
				}
				target := b.fakes[map[bool]string{true: "b", false: "a"}[tc.to != ""]]
				got := target.deliveries()
				last := got[len(got)-1]
				body := string(last.Body)
				switch {
				case strings.Contains(string(last.Envelope), `"href"`):
					body = "notice"
				case last.Body == nil:
					body = "event"
				}
				if body != tc.body || j.Delivered != 1 {
					t.Errorf("sent %q, want %q; %+v", body, tc.body, j)
				}
			})
		})
	}
}

// The rule of a letter may be on a bus that its event bubbled up to.
func TestCurrentFindsTheRuleOfAnEventThatBubbled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
buses: {shop: {}, shop.eu: {bubble: true}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 1}}
rules:
  - {name: orders, bus: shop, pattern: {source: [shop.orders]}, targets: [a]}
`)
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		e := order(1)
		e.Meta.Bus = "shop.eu"
		b.send(e)
		b.settled()
		b.fakes["a"].say(nil)
		if j := b.redrive(dlq.Redrive{As: dlq.Current}); j.Delivered != 1 {
			t.Errorf("got %+v", j)
		}
		if got := b.fakes["a"].deliveries(); len(got) != 2 || got[0].ID != got[1].ID {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAFailureOfCurrentLeavesTheLetterAsItWasRendered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transformed)
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(order(1))
		b.settled()
		b.write(strings.Replace(transformed, `"old"`, `"new"`, 1))
		b.swap()
		p, err := b.router.DeadLetters.Preview(t.Context(), dlq.Redrive{As: dlq.Current}, 10)
		if err != nil || p.Send != 1 || p.Changed != 1 || len(p.Letters) != 1 {
			t.Fatalf("preview: %+v, %v", p, err)
		}
		if got := p.Letters[0].Changes; len(got) != 1 || got[0] != (dlq.Change{Field: "body", Was: `"old"`, Now: `"new"`}) {
			t.Errorf("changes: %+v", got)
		}
		if j := b.redrive(dlq.Redrive{As: dlq.Current}); j.DiedAgain != 1 {
			t.Fatalf("got %+v", j)
		}
		l := b.letters(dlq.Filter{})[0]
		if *l.Body != `"old"` || !strings.Contains(string(l.Request), `\"new\"`) || l.Redrives[0].As != dlq.Current {
			t.Errorf("got %+v", l)
		}
	})
}

func TestARedriveToAnotherTargetThatStopsGivesLettersBackToTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "rules:", `  b: {type: http, url: "http://127.0.0.1:1/", rate_limit: 1/s}`+"\nrules:", 1))
		b.start()
		defer b.stop()
		b.die(40)
		b.fakes["b"].say(down)
		j := b.redrive(dlq.Redrive{To: "b", StopAfter: 2, Attempts: 1})
		if j.State != jobs.Stopped || j.DiedAgain != 2 {
			t.Errorf("got %+v", j)
		}
		if n := len(b.letters(dlq.Filter{Target: "a"})); n != 38 {
			t.Errorf("%d letters are left to a", n)
		}
	})
}

func TestARedriveHeedsTheCircuitBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "breaker: off", "breaker: {failures: 3, open_for: 30s}", 1))
		b.start()
		defer b.stop()
		b.die(10)
		j := b.redrive(dlq.Redrive{StopAfter: 100})
		if j.State != jobs.Stopped || !strings.Contains(j.Reason, "its circuit breaker is open: CONNECTION_FAILURE: connection refused") || j.DiedAgain != 1 || j.Left != 9 {
			t.Errorf("while the target is down: %+v", j)
		}
		if !b.router.Lanes.BreakerOpen("a") {
			t.Fatal("the circuit is closed")
		}
		b.fakes["a"].say(nil)
		if _, err := b.router.DeadLetters.Resume(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		if j = b.ended(j.ID); j.State != jobs.Finished || j.Delivered != 10 {
			t.Errorf("once the target is back, by way of a probe: %+v", j)
		}
	})
}

func TestARedriveThatCantBegin(t *testing.T) {
	dead(t, 1, func(t *testing.T, b *bench) {
		q := b.router.DeadLetters
		var bad *dlq.BadRequest
		for name, o := range map[string]dlq.Redrive{
			"as":         {As: "new"},
			"rate":       {Rate: -1},
			"limit":      {Limit: -1},
			"attempts":   {Attempts: -1},
			"stop_after": {StopAfter: -1},
			"to":         {To: "nope"},
			"pattern":    {Filter: dlq.Filter{Pattern: []byte(`{"a":1}`)}},
		} {
			if _, err := q.Redrive(t.Context(), o); !errors.As(err, &bad) || !strings.HasPrefix(bad.Reason, name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var conflict *jobs.Conflict
		j := b.redrive(dlq.Redrive{Filter: dlq.Filter{Bus: "none"}})
		if _, err := q.Cancel(j.ID); !errors.As(err, &conflict) {
			t.Errorf("cancel: %v", err)
		}
		if _, err := q.Resume(t.Context(), j.ID); !errors.As(err, &conflict) {
			t.Errorf("resume: %v", err)
		}
		if _, err := q.Job("none"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
	})
}
