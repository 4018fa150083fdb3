package state_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/journal/store"
	"signalbox/state"
)

const undeclared = `types: [{name: OrderCreated, kind: event}]`

// TestRebuildFindsWhatCameBefore a fold was declared, and the command says so until then.
func TestRebuildFindsWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, undeclared)
		defer s.close()
		created := s.send("OrderCreated", `{"id":"1","a":1}`)
		s.send("OrderCreated", `{"id":"3","a":3}`)
		time.Sleep(time.Hour)
		s.declare(orders)
		declared := time.Now()
		time.Sleep(time.Hour)
		s.send("OrderChanged", `{"id":"1","b":2}`)
		o, err := s.Get("order", "1", "")
		if s.want(o, err, `{"b":2,"id":"1"}`); !o.KnownSince.Equal(declared) {
			t.Errorf("known since %s, want %s", o.KnownSince, declared)
		}
		var lost *state.NotKept
		if _, err := s.At("order", "1", created.Meta.Received); !errors.As(err, &lost) || !strings.Contains(lost.Hint, "signalbox state rebuild order") {
			t.Errorf("a moment before: %v", err)
		}
		if _, err := s.At("order", "1", declared.Add(time.Minute)); !errors.As(err, &lost) {
			t.Errorf("a moment between: %v", err)
		}
		if job := s.rebuild(); job.Events != 3 || job.Indexed != 3 || job.Objects != 2 {
			t.Errorf("rebuilt %+v", job)
		}
		o, err = s.Get("order", "1", "")
		if s.want(o, err, `{"a":1,"b":2,"id":"1"}`); !o.KnownSince.IsZero() {
			t.Errorf("known since %s", o.KnownSince)
		}
		s.at(declared, `{"id":"1","a":1}`)
		o, err = s.Get("order", "3", "")
		s.want(o, err, `{"id":"3","a":3}`)
	})
}

// TestAFoldThatChanges holds from then on for all that is kept, and what retention has dropped stays as
// it was folded.
func TestAFoldThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adds := func(by string) string {
			return fmt.Sprintf(`types: [{name: Added, kind: event, object: order, key: detail.id, fold: '{"sum": (state?.sum ?? 0) + %s * event.detail.n}'}]`, by)
		}
		s := newShelf(t, adds("1"))
		defer s.close()
		s.send("Added", `{"id":"1","n":1}`)
		time.Sleep(2 * time.Hour)
		if _, err := s.journal.Trimmer.Trim(store.Retention{MaxAge: time.Hour}); err != nil {
			t.Fatal(err)
		}
		s.send("Added", `{"id":"1","n":2}`)
		if err := s.Flush(nil); err != nil {
			t.Fatal(err)
		}
		s.now(`{"sum":3}`)
		if changed := s.declare(adds("10")); len(changed) != 1 {
			t.Errorf("changed are %v", changed)
		}
		s.now(`{"sum":21}`)
		s.rebuild()
		s.now(`{"sum":21}`)
		if changed := s.declare(adds("10")); len(changed) != 0 {
			t.Errorf("after the rebuild, changed are %v", changed)
		}
	})
}

// TestARebuildThatIsBrokenOff continues after the restart, and counts each event once. What comes
// meanwhile is part of the states.
func TestARebuildThatIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, undeclared)
		defer s.close()
		const objects, rounds = 30, 800
		for range rounds {
			details := make([]string, objects)
			for i := range details {
				details[i] = fmt.Sprintf(`{"id":"%d","item":1}`, i)
			}
			s.send("ItemAdded", details...)
		}
		s.declare(`types: [{name: ItemAdded, kind: event, object: order, key: detail.id, fold: '{"n": (state?.n ?? 0) + 1}'}]`)
		if _, err := s.Rebuild("order"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			stop, ended := make(chan struct{}), make(chan struct{})
			go func() { defer close(ended); s.RunRebuilds(stop) }()
			s.send("ItemAdded", `{"id":"1"}`)
			close(stop) // in the middle of whatever step
			<-ended
			s.close()
			s.open()
		}
		job := s.run()
		if job.Events != objects*rounds || job.Indexed != job.Events || job.Objects != objects {
			t.Errorf("rebuilt %+v", job)
		}
		s.now(fmt.Sprintf(`{"n":%d}`, rounds+20))
		o, err := s.Get("order", "2", "")
		s.want(o, err, fmt.Sprintf(`{"n":%d}`, rounds))
	})
}

func TestNothingToRebuild(t *testing.T) {
	s := newShelf(t, orders)
	defer s.close()
	var untold *state.Untold
	if _, err := s.Rebuild("nothing"); !errors.As(err, &untold) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkRebuildOne makes the state of one object of 10,000 events, by merges of 300 bytes: as a
// question for it does that finds no snapshot.
func BenchmarkRebuildOne(b *testing.B) {
	s := newShelf(b, orders)
	for i := range 100 {
		details := make([]string, 100)
		for k := range details {
			details[k] = fmt.Sprintf(`{"id":"1","total":%d,"k%d":%q}`, k, (i+k)%20, strings.Repeat("x", 250))
		}
		s.send("OrderChanged", details...)
	}
	for b.Loop() {
		if o, err := s.Get("order", "1", ""); err != nil || len(o.State) < 5000 {
			b.Fatal(err)
		}
	}
}
