package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// full appends an event that has a row in every table of stories, and a delivery.
func full(t *testing.T, j *Journal, l journal.LaneID, key string) journal.Entry {
	t.Helper()
	r := j.Seqs.Reserve(1)
	defer r.Release()
	e := entryOf(r.At(0), l)
	e.Said = []journal.Said{{Rule: "watch", State: "shadow"}}
	e.Story = journal.Story{Correlation: "story", Causation: "cause"}
	e.Object = &journal.Object{Type: "customer", Key: key}
	e.Works = []journal.Work{{Seq: e.Record.Seq, Value: []byte("open")}}
	if err := j.Append([]journal.Entry{e}); err != nil {
		t.Fatal(err)
	}
	return e
}

// worksOf lists the work requests before a number.
func worksOf(t *testing.T, j *Journal, before journal.Seq) (seqs []journal.Seq) {
	t.Helper()
	if err := j.Works.Before(before, func(w journal.Work) bool { seqs = append(seqs, w.Seq); return true }); err != nil {
		t.Fatal(err)
	}
	return seqs
}

// TestRetentionDropsAllThatTellsOfAnEvent but the latest state of its object, which is
// kept as long as no later one comes; and so it is after a restart.
func TestRetentionDropsAllThatTellsOfAnEvent(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	j.Traces.Keep(true)
	now := time.Now()
	clock := func() time.Time { return now }
	j.Seqs.now = clock
	l := lane(t, j, "a")
	old := full(t, j, l, "1")
	move(t, j, journal.Move{From: old.Deliveries[0], End: journal.Delivered})
	now = now.Add(3 * time.Hour)
	young := full(t, j, l, "2")
	move(t, j, journal.Move{From: young.Deliveries[0], End: journal.Delivered})

	if oldest, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil || oldest <= old.Record.Seq || oldest > young.Record.Seq {
		t.Fatalf("kept since %d, %v", oldest, err)
	}
	for range 2 {
		s, y := old.Record.Seq, young.Record.Seq
		if _, err := j.Works.Work(s); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("the old work request: %v", err)
		}
		if got := worksOf(t, j, ^journal.Seq(0)); !slices.Equal(got, []journal.Seq{y}) {
			t.Errorf("work requests %v, want %d", got, y)
		}
		if got := worksOf(t, j, s); len(got) != 0 { // a page that continues before what is kept
			t.Errorf("work requests before what is kept: %v", got)
		}
		if touches, said, err := j.Traces.Touches(s); err != nil || len(touches)+len(said) != 0 {
			t.Errorf("of the old event are left %v, %v (%v)", touches, said, err)
		}
		if touches, said, err := j.Traces.Touches(y); err != nil || len(touches) != 1 || len(said) != 1 {
			t.Errorf("of the young event are left %v, %v (%v)", touches, said, err)
		}
		for id, find := range map[string]func(string, journal.Seq, func(journal.Seq) bool) error{"story": j.Events.Correlated, "cause": j.Events.Caused} {
			var found []journal.Seq
			if err := find(id, 0, func(s journal.Seq) bool { found = append(found, s); return true }); err != nil || !slices.Equal(found, []journal.Seq{y}) {
				t.Errorf("%s joins %v (%v), want %d", id, found, err, y)
			}
		}
		for key, version := range map[string]journal.Seq{"1": s, "2": y} {
			if state, err := j.Objects.State("customer", key); err != nil || state.Version != version || len(state.Record.Envelope) == 0 {
				t.Errorf("the state of %s is %+v, %v", key, state, err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, fs)
		j.Traces.Keep(true)
		j.Seqs.now = clock
	}
}

// TestRetentionWaitsForDeliveries: an event that a delivery waits for keeps its work
// request and its trace.
func TestRetentionWaitsForDeliveries(t *testing.T) {
	j, clock := touched(t)
	e := full(t, j, lane(t, j, "a"), "1")
	*clock = clock.Add(3 * time.Hour)
	for range 2 {
		if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if got := worksOf(t, j, ^journal.Seq(0)); !slices.Equal(got, []journal.Seq{e.Record.Seq}) {
			t.Errorf("work requests %v", got)
		}
		if _, said, err := j.Traces.Touches(e.Record.Seq); err != nil || len(said) != 1 {
			t.Errorf("the rules said %v (%v)", said, err)
		}
	}
	move(t, j, journal.Move{From: e.Deliveries[0], End: journal.Delivered})
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if n := len(worksOf(t, j, ^journal.Seq(0))) + keysIn(t, j, journal.TableTouch) + keysIn(t, j, journal.TableWork); n != 0 {
		t.Errorf("%d rows are left of what nothing waits for", n)
	}
}

// TestEventsThatWerePutBack stay as long as their deliveries need them, do not stop retention,
// and go again. They don't change what the store says to have, also after a restart.
func TestEventsThatWerePutBack(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	j.Traces.Keep(true)
	now := time.Now()
	clock := func() time.Time { return now }
	j.Seqs.now = clock
	l := lane(t, j, "a")
	var old []journal.Entry
	for range 6 {
		e := full(t, j, l, "1")
		move(t, j, journal.Move{From: e.Deliveries[0], End: journal.Delivered})
		old = append(old, e)
	}
	trim := func(kept ...journal.Seq) {
		t.Helper()
		now = now.Add(3 * time.Hour)
		young := full(t, j, l, "2")
		move(t, j, journal.Move{From: young.Deliveries[0], End: journal.Delivered})
		before := j.Seqs.Oldest()
		oldest, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour})
		if err != nil || oldest <= before || oldest > young.Record.Seq {
			t.Errorf("kept since %d, before since %d: %v", oldest, before, err)
		}
		var rows []journal.Seq
		if err := j.Events.Between(0, 1<<63, func(r journal.Record) bool { rows = append(rows, r.Seq); return true }); err != nil {
			t.Fatal(err)
		}
		if want := append(kept, young.Record.Seq); !slices.Equal(rows, want) {
			t.Errorf("the store has %v, want %v", rows, want)
		}
	}
	trim()
	var past []journal.Past
	for i := range old {
		d := journal.Delivery{Seq: old[i].Record.Seq, N: journal.FirstReplayed, Lane: l, Rule: "r", RuleTarget: "t", Replay: &journal.Replay{Name: "again", Lane: l}}
		if i == 4 {
			d.State, d.Due = journal.Waiting, now
		}
		past = append(past, journal.Past{Delivery: d, Record: &old[i].Record})
	}
	if err := j.PlanJob(past, journal.JobReplay.ID("again"), func() []byte { return []byte("{}") }); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2, 3} {
		move(t, j, journal.Move{From: past[i].Delivery, End: journal.Delivered})
	}
	seq := func(i int) journal.Seq { return old[i].Record.Seq }
	if n := len(touchesOf(t, j, seq(2))); n != 1 {
		t.Errorf("%d records of the delivery", n)
	}
	trim(seq(1), seq(4), seq(5))
	if n := len(touchesOf(t, j, seq(2))); n != 0 {
		t.Errorf("%d records are left of an event that is gone", n)
	}
	oldest := j.Seqs.Oldest()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs)
	j.Traces.Keep(true)
	j.Seqs.now = clock
	if got := j.Seqs.Oldest(); got != oldest {
		t.Errorf("after a restart it has all events since %d, before since %d", got, oldest)
	}
	for _, i := range []int{1, 4} {
		move(t, j, journal.Move{From: past[i].Delivery, End: journal.Delivered})
	}
	trim(seq(5))
	move(t, j, journal.Move{From: past[5].Delivery, End: journal.Delivered})
	trim()
}
