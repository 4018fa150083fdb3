package store

import (
	"errors"
	"testing"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestCountsOfAnOlderStoreAreRead(t *testing.T) {
	old := []byte{7, 1, 2, 1, 2, 1} // the six accounts there were
	var c journal.Counts
	if err := c.ReadValue(old); err != nil {
		t.Fatal(err)
	}
	if want := (journal.Counts{Planned: 7, Ready: 1, Waiting: 2, Dead: 1, Delivered: 2, Dropped: 1}); c != want || !c.Balanced() {
		t.Errorf("got %+v, want %+v", c, want)
	}
	var again journal.Counts
	c.Parked, c.BlockedKeys, c.Planned = 3, 2, 10
	if err := again.ReadValue(c.AppendValue(nil)); err != nil || again != c {
		t.Errorf("got %+v, %v, want %+v", again, err, c)
	}
}

func TestHashesOfOrderKeysStayAsTheyAre(t *testing.T) { // they are part of keys on disk
	for key, want := range map[string]journal.KeyHash{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := journal.HashKey(key); got != want {
			t.Errorf("HashKey(%q) = %x, want %x", key, got, want)
		}
	}
}

// keyedOne appends one event with a delivery of an ordering key.
func keyedOne(t *testing.T, j *Journal, l journal.LaneID, key string) journal.Delivery {
	t.Helper()
	r := j.Seqs.Reserve(1)
	defer r.Release()
	e := entryOf(r.At(0), l)
	e.Deliveries[0].Key = key
	if err := j.Append([]journal.Entry{e}); err != nil {
		t.Fatal(err)
	}
	return e.Deliveries[0]
}

func TestParkedDeliveriesAndTheirKey(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	clock := time.Now()
	j.Seqs.now = func() time.Time { return clock }
	l := lane(t, j, "a")
	h := journal.HashKey("k")
	head, follower := keyedOne(t, j, l, "k"), keyedOne(t, j, l, "k")
	rec, err := j.Events.Event(head.Seq)
	if err != nil {
		t.Fatal(err)
	}
	waiting := head
	waiting.State, waiting.Due = journal.Waiting, clock.Add(time.Hour).UTC()
	move(t, j, journal.Move{From: head, To: &waiting, Key: &journal.KeyChange{New: true, Record: journal.KeyRecord{Lane: l, Hash: h, Key: "k", State: journal.KeyWaits, Seq: head.Seq, N: head.N}}})
	parked := follower
	parked.State = journal.Parked
	move(t, j, journal.Move{From: follower, To: &parked})
	want := journal.Counts{Planned: 2, Waiting: 1, Parked: 1, BlockedKeys: 1}
	if c := j.Counters.LaneCounts(l); c != want || c.Pending() != 2 {
		t.Errorf("got %+v, want %+v", c, want)
	}

	clock = clock.Add(24 * time.Hour)
	stopped := journal.KeyRecord{Lane: l, Hash: h, Key: "k", State: journal.KeyStopped, Seq: head.Seq, N: head.N}
	dead := waiting
	dead.State, dead.Due, dead.Death = journal.Dead, time.Time{}, &journal.Death{Code: "UNKNOWN"}
	move(t, j, journal.Move{From: waiting, To: &dead, Record: &rec, Key: &journal.KeyChange{Record: stopped}})
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Events.Event(follower.Seq); err != nil {
		t.Errorf("the event of a parked delivery: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, fs)
	var behind []journal.Delivery
	if err := j.Keys.ParkedBehind(l, h, journal.Cursor{}, func(d journal.Delivery, _ journal.Record) bool { behind = append(behind, d); return true }); err != nil {
		t.Fatal(err)
	}
	if len(behind) != 1 || behind[0].Seq != follower.Seq || behind[0].State != journal.Parked || behind[0].Key != "k" || behind[0].Lane != l {
		t.Errorf("got %+v", behind)
	}
	if r, err := j.Keys.Key(l, h); err != nil || r != stopped {
		t.Errorf("got %+v, %v, want %+v", r, err, stopped)
	}
	freed := make(chan journal.KeyHash, 2)
	j.OnFreed(func(_ journal.LaneID, h journal.KeyHash) { freed <- h })
	letter := deadLetters(t, j)[0]
	again := letter.Delivery
	again.State, again.Death = journal.Ready, nil
	if err := j.MoveSync([]journal.Move{{From: letter.Delivery, To: &again, Record: &letter.Record}}); err != nil {
		t.Fatal(err)
	}
	if r, err := j.Keys.Key(l, h); err != nil || r.State != journal.KeyGoesOn || r.Seq != head.Seq {
		t.Errorf("a redriven head is not its key's: %+v, %v", r, err)
	}
	move(t, j, journal.Move{From: again, To: &dead, Record: &rec, Key: &journal.KeyChange{Record: stopped}})
	letter = deadLetters(t, j)[0]
	if err := j.MoveSync([]journal.Move{{From: letter.Delivery, End: journal.Dropped}}); err != nil {
		t.Fatal(err)
	}
	if got := <-freed; got != h || len(freed) != 0 {
		t.Errorf("freed %x and %d more, want %x alone", got, len(freed), h)
	}
	if r, err := j.Keys.Key(l, h); err != nil || r.State != journal.KeyGoesOn || r.Seq != 0 {
		t.Errorf("a purged head is still its key's: %+v, %v", r, err)
	}
	if n, err := j.FreeKeys(l, h, journal.HashKey("other")); n != 0 || err != nil {
		t.Errorf("%d keys freed that are not stopped, %v", n, err)
	}
	move(t, j, journal.Move{From: parked, End: journal.Delivered, Key: &journal.KeyChange{Gone: true, Record: journal.KeyRecord{Lane: l, Hash: h}}})
	if _, err := j.Keys.Key(l, h); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the key is remembered: %v", err)
	}
	if c, want := j.Counters.LaneCounts(l), (journal.Counts{Planned: 2, Delivered: 1, Dropped: 1}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}
