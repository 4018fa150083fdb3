package store

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// touched opens a journal that keeps touches, with a clock of its own.
func touched(t *testing.T) (j *Journal, clock *time.Time) {
	j = open(t, vfs.NewMem())
	j.Traces.Keep(true)
	now := time.Now()
	j.Seqs.now = func() time.Time { return now }
	return j, &now
}

func touchesOf(t *testing.T, j *Journal, s journal.Seq) []journal.Touch {
	t.Helper()
	all, _, err := j.Traces.Touches(s)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestATouchFollowsItsDelivery(t *testing.T) {
	j, clock := touched(t)
	l := lane(t, j, "a")
	e := appendOne(t, j, l)
	s := e.Record.Seq
	ready := e.Deliveries[0]
	want := func(state journal.TouchState, d journal.Delivery, redriven int) journal.Touch {
		t.Helper()
		all := touchesOf(t, j, s)
		if len(all) != 1 || all[0].State != state || len(all[0].Redriven) != redriven {
			t.Fatalf("got %+v, want one in state %s, redriven %d times", all, state, redriven)
		}
		if !reflect.DeepEqual(all[0].Delivery, d) {
			t.Errorf("in state %s got %+v\nwant %+v", state, all[0].Delivery, d)
		}
		return all[0]
	}
	want(journal.TouchReady, ready, 0)

	waiting := ready
	waiting.State, waiting.Attempts, waiting.Due = journal.Waiting, 1, clock.Add(time.Minute).UTC()
	waiting.Remember(journal.Attempt{At: clock.UTC().Round(0), Attempt: 1, Code: "TIMEOUT", TookMS: 1.5})
	move(t, j, journal.Move{From: ready, To: &waiting})
	want(journal.TouchWaiting, waiting, 0)

	dead := waiting
	dead.State, dead.Due, dead.Death = journal.Dead, time.Time{}, &journal.Death{Code: "UNKNOWN"}
	move(t, j, journal.Move{From: waiting, To: &dead, Record: &e.Record})
	want(journal.TouchDead, dead, 0)

	again := dead
	again.State, again.Death, again.Spent, again.Since = journal.Ready, nil, 1, clock.UTC().Round(0)
	if err := j.MoveSync([]journal.Move{{From: dead, To: &again, Record: &e.Record}}); err != nil {
		t.Fatal(err)
	}
	want(journal.TouchReady, again, 1)

	answered := journal.Answered{At: s.Time().Add(time.Second), Took: 3 * time.Millisecond, Status: 204, Derived: []journal.Seq{s + 7}}
	move(t, j, journal.Move{From: again, End: journal.Delivered, Answered: answered})
	again.Attempts, again.State = 2, journal.Ready
	if got := want(journal.TouchDelivered, again, 1); !reflect.DeepEqual(got.Answered, answered) {
		t.Errorf("got %+v, want %+v", got.Answered, answered)
	}
}

func TestWhatRulesSaidIsKept(t *testing.T) {
	j, _ := touched(t)
	r := j.Seqs.Reserve(1)
	e := entryOf(r.At(0))
	e.Said = []journal.Said{{Rule: "watch", State: "shadow"}, {Bus: "shop", Rule: "odd", Error: "no number"}}
	if err := j.Append([]journal.Entry{e}); err != nil {
		t.Fatal(err)
	}
	r.Release()
	if _, said, err := j.Traces.Touches(e.Record.Seq); err != nil || !slices.Equal(said, e.Said) {
		t.Errorf("got %+v (%v)", said, err)
	}
}

func TestEventsAreFoundByWhatJoinsThem(t *testing.T) {
	j, clock := touched(t)
	var seqs []journal.Seq
	for i := range 6 {
		*clock = clock.Add(time.Duration(i) * 50 * time.Minute)
		r := j.Seqs.Reserve(1)
		e := entryOf(r.At(0))
		e.Story = journal.Story{Correlation: fmt.Sprint(i % 2), Causation: "cause"}
		if err := j.Append([]journal.Entry{e}); err != nil {
			t.Fatal(err)
		}
		r.Release()
		seqs = append(seqs, e.Record.Seq)
	}
	list := func(find func(string, journal.Seq, func(journal.Seq) bool) error, id string, from journal.Seq, most int) (found []journal.Seq) {
		if err := find(id, from, func(s journal.Seq) bool { found = append(found, s); return len(found) < most }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	for name, test := range map[string]struct{ got, want []journal.Seq }{
		"correlated":    {list(j.Events.Correlated, "1", 0, 9), []journal.Seq{seqs[1], seqs[3], seqs[5]}},
		"from a place":  {list(j.Events.Correlated, "1", seqs[1]+1, 9), []journal.Seq{seqs[3], seqs[5]}},
		"some of them":  {list(j.Events.Correlated, "1", 0, 2), []journal.Seq{seqs[1], seqs[3]}},
		"caused":        {list(j.Events.Caused, "cause", 0, 9), seqs},
		"of no cause":   {list(j.Events.Caused, "1", 0, 9), nil},
		"not one of us": {list(j.Events.Correlated, "cause", 0, 9), nil},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

func TestTracesGoWithTheirEvents(t *testing.T) {
	j, clock := touched(t)
	l := lane(t, j, "a")
	put := func() journal.Seq {
		*clock = clock.Add(2 * time.Hour)
		r := j.Seqs.Reserve(1)
		e := entryOf(r.At(0), l)
		e.Story = journal.Story{Correlation: "story"}
		if err := j.Append([]journal.Entry{e}); err != nil {
			t.Fatal(err)
		}
		r.Release()
		move(t, j, journal.Move{From: e.Deliveries[0], End: journal.Delivered})
		return e.Record.Seq
	}
	old, young := put(), put()
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if n := len(touchesOf(t, j, old)); n != 0 {
		t.Errorf("%d touches of a dropped event are left", n)
	}
	if n := len(touchesOf(t, j, young)); n != 1 {
		t.Errorf("%d touches of a kept event, want 1", n)
	}
	if n := keysIn(t, j, journal.TableStory); n != 1 {
		t.Errorf("%d keys in the index, want that of the kept event", n)
	}
}

func keysIn(t *testing.T, j *Journal, table byte) (n int) {
	t.Helper()
	if err := journal.Scan(j.db, []byte{table}, []byte{table + 1}, func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWithoutTouchesNothingIsWritten(t *testing.T) {
	j, _ := touched(t)
	j.Traces.Keep(false)
	l := lane(t, j, "a")
	e := appendOne(t, j, l)
	move(t, j, journal.Move{From: e.Deliveries[0], End: journal.Delivered})
	if n := keysIn(t, j, journal.TableTouch) + keysIn(t, j, journal.TableStory); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}
