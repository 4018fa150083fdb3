package schedule

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"signalbox/event"
)

// store is what a runner writes to; it outlives runs.
type store struct {
	mu      sync.Mutex
	events  []*event.Event
	ids     map[string]bool
	marks   map[string][]byte
	busy    error // of Accept
	refuse  bool  // all events
	noMarks error // of Put
}

func newStore() *store { return &store{ids: map[string]bool{}, marks: map[string][]byte{}} }

func (s *store) accept(_ context.Context, events []*event.Event) ([]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy != nil {
		return nil, s.busy
	}
	errs := make([]error, len(events))
	for i, e := range events {
		if s.refuse {
			errs[i] = errors.New("refused")
			continue
		}
		s.events = append(s.events, e)
		s.ids[e.ID] = true
	}
	return errs, nil
}

func (s *store) All(fn func(string, []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(s.marks)) {
		if err := fn(key, s.marks[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Put(key string, state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noMarks == nil {
		s.marks[key] = state
	}
	return s.noMarks
}

func (s *store) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.marks, key)
	return nil
}

// with changes the store while a runner uses it.
func (s *store) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *store) known(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

// taken returns which rules have fired at which times, and forgets it.
func (s *store) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.events {
		_, name, _ := strings.Cut(e.Resources[0], "rule/")
		all = append(all, name+" "+e.Time.Format("15:04"))
	}
	s.events = nil
	return strings.Join(all, ", ")
}

func rule(t *testing.T, name, text string, c CatchUp) Rule {
	t.Helper()
	s, err := Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return Rule{Bus: "default", Name: name, ARN: "arn:aws:events:local:000000000000:rule/" + name, Schedule: s, CatchUp: c}
}

// run starts a runner of rules; the result stops it.
func run(t *testing.T, s *store, all ...Rule) (*Runner, func()) {
	t.Helper()
	r, err := NewRunner(Options{Accept: s.accept, Known: s.known, Marks: s})
	if err != nil {
		t.Fatal(err)
	}
	r.Set(all)
	r.Start()
	synctest.Wait()
	return r, func() {
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// pass lets time pass. The clock of a bubble begins at midnight UTC.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantFired(t *testing.T, s *store, want string) {
	t.Helper()
	if got := s.taken(); got != want {
		t.Errorf("fired: %s, want %s", got, want)
	}
}

func TestARunnerFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r, stop := run(t, s, rule(t, "tick", "rate(5 minutes)", CatchUpNone), rule(t, "once", "cron(7 0 * * ? *)", CatchUpNone))
		defer stop()
		pass(4*time.Minute + 59*time.Second)
		wantFired(t, s, "")
		pass(time.Second)
		e := s.events[0]
		if e.Source != "aws.events" || e.DetailType != "Scheduled Event" || string(e.Detail) != "{}" || !e.Meta.Scheduled || e.Meta.Bus != "default" {
			t.Errorf("the event is %+v", e)
		}
		wantFired(t, s, "tick 00:05")
		pass(10 * time.Minute)
		wantFired(t, s, "once 00:07, tick 00:10, tick 00:15")
		if at, ok := r.Last("default", "tick"); !ok || at.Format("15:04") != "00:15" {
			t.Errorf("it fired last at %v, %v", at, ok)
		}
		if _, ok := r.Last("default", "other"); ok {
			t.Error("a rule that there is not has fired")
		}
		if fired := testutil.ToFloat64(r.fired); fired != 4 {
			t.Errorf("%v are counted, want 4", fired)
		}
	})
}

func TestARunnerTakesOtherRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		tick := rule(t, "tick", "rate(5 minutes)", CatchUpAll)
		r, stop := run(t, s, tick, rule(t, "gone", "rate(1 minute)", CatchUpAll))
		defer stop()
		pass(time.Minute)
		wantFired(t, s, "gone 00:01")
		r.Set([]Rule{tick})
		pass(3 * time.Minute)
		if s.marks["default/gone"] != nil {
			t.Error("what is known of a rule that is gone is still there")
		}
		r.Set([]Rule{tick, rule(t, "gone", "rate(1 minute)", CatchUpAll)})
		pass(time.Minute)
		wantFired(t, s, "gone 00:05, tick 00:05")
		r.Set([]Rule{rule(t, "tick", "rate(2 minutes)", CatchUpAll)})
		pass(3 * time.Minute)
		wantFired(t, s, "tick 00:06, tick 00:08")
	})
}

func TestARunnerCatchesUp(t *testing.T) {
	for _, test := range []struct {
		catchUp CatchUp
		want    string
		missed  float64
	}{
		{CatchUpNone, "", 0},
		{CatchUpLast, "tick 01:00", 10},
		{CatchUpAll, "tick 00:10, tick 00:15, tick 00:20, tick 00:25, tick 00:30, tick 00:35, tick 00:40, tick 00:45, tick 00:50, tick 00:55, tick 01:00", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			tick := rule(t, "tick", "rate(5 minutes)", test.catchUp)
			_, stop := run(t, s, tick)
			pass(6 * time.Minute)
			wantFired(t, s, "tick 00:05")
			stop()
			pass(56 * time.Minute)
			r, stop := run(t, s, tick)
			wantFired(t, s, test.want)
			if missed := testutil.ToFloat64(r.missed); missed != test.missed {
				t.Errorf("%s: %v are counted as missed, want %v", test.catchUp, missed, test.missed)
			}
			pass(3 * time.Minute)
			wantFired(t, s, "tick 01:05")
			stop()

			// A crash after an event is on disk, and before its mark is.
			s.noMarks = errors.New("no disk")
			_, stop = run(t, s, tick)
			pass(5 * time.Minute)
			wantFired(t, s, "tick 01:10")
			stop()
			s.noMarks = nil
			_, stop = run(t, s, tick)
			wantFired(t, s, "")
			stop()

			_, stop = run(t, s, rule(t, "tick", "rate(1 minute)", test.catchUp))
			defer stop()
			wantFired(t, s, "") // it has changed while it did not run
		})
	}
}

func TestARunnerCatchesUpBeforeItEverFired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		daily := rule(t, "daily", "cron(0 8 * * ? *)", CatchUpLast)
		_, stop := run(t, s, daily)
		stop()
		pass(9 * time.Hour)
		_, stop = run(t, s, daily)
		defer stop()
		wantFired(t, s, "daily 08:00")
	})
}

func TestARunnerBoundsWhatItCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		tick := rule(t, "tick", "rate(1 minute)", CatchUpAll)
		_, stop := run(t, s, tick)
		stop()
		pass(30 * 24 * time.Hour)
		r, stop := run(t, s, tick)
		defer stop()
		if n := len(s.events); n != MaxCatchUp || testutil.ToFloat64(r.missed) != 30*24*60-MaxCatchUp {
			t.Errorf("%d fired and %v are missed", n, testutil.ToFloat64(r.missed))
		}
		if first := s.events[0].Time.Format("15:04"); first != "22:21" {
			t.Errorf("the first is that of %s", first)
		}
	})
}

func TestARunnerFiresLaterWhatIsNotTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r, stop := run(t, s, rule(t, "tick", "rate(1 minute)", CatchUpNone), rule(t, "other", "rate(2 minutes)", CatchUpNone))
		defer stop()
		s.with(func() { s.busy = errors.New("busy") })
		pass(5 * time.Minute)
		wantFired(t, s, "")
		s.with(func() { s.busy = nil })
		pass(2 * time.Second)
		wantFired(t, s, "other 00:02, other 00:04, tick 00:01, tick 00:02, tick 00:03, tick 00:04, tick 00:05")
		s.with(func() { s.refuse = true })
		pass(time.Minute)
		s.with(func() { s.refuse = false })
		pass(time.Minute)
		wantFired(t, s, "tick 00:07")
		if refused := testutil.ToFloat64(r.refused); refused != 2 {
			t.Errorf("%v are counted as refused, want 2", refused)
		}
	})
}
