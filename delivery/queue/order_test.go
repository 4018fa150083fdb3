package queue

import (
	"testing"

	"signalbox/journal"
)

func newOrder(most int) *order {
	w := newWindow(most, 1<<20)
	return &order{
		lane: 7, window: w,
		parked:     func(*Item, *journal.Delivery, journal.End, *journal.KeyChange) func() { return nil },
		unrecorded: func(*orderingKey, *journal.KeyChange) func() { return nil },
	}
}

func keyed(seq journal.Seq, text string) *Item {
	it := item(seq, 1)
	it.Delivery.Key, it.Delivery.Lane = text, 7
	return it
}

// passOn ends the head with a next state, nil for an end, and notes that it is on disk.
func (o *order) passOnTo(it *Item, state journal.State) (m journal.Move, follow []journal.Move) {
	m = journal.Move{From: it.Delivery, End: journal.Delivered}
	if state != journal.Ready {
		to := it.Delivery
		to.State = state
		m = journal.Move{From: it.Delivery, To: &to}
	}
	o.window.take(1, nil)
	follow = o.passOn(it, &m)
	o.window.drop(it)
	o.written(it, m.Key)
	for i := range follow {
		o.rest(o.keys[journal.HashKey(it.Delivery.Key)], follow[i].Key)
	}
	return m, follow
}

func queued(o *order) (seqs []journal.Seq) {
	for _, it := range o.window.queue {
		seqs = append(seqs, it.Delivery.Seq)
	}
	return seqs
}

func equal(got []journal.Seq, want ...journal.Seq) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestOneDeliveryOfAKeyIsQueued(t *testing.T) {
	o := newOrder(40)
	a1, a2, b1 := keyed(1, "a"), keyed(2, "a"), keyed(3, "b")
	for _, it := range []*Item{a1, a2, b1} {
		if !o.offer(it) {
			t.Fatalf("%d is not taken", it.Delivery.Seq)
		}
	}
	if !equal(queued(o), 1, 3) || o.chained != 1 {
		t.Fatalf("queued %v, %d behind them", queued(o), o.chained)
	}
	if m, follow := o.passOnTo(a1, journal.Ready); m.Key != nil || len(follow) != 0 {
		t.Errorf("the end of a head writes a record: %+v, %v", m.Key, follow)
	}
	if !equal(queued(o), 3, 2) || o.chained != 0 {
		t.Errorf("queued %v, want the next of the key behind the other", queued(o))
	}
	o.passOnTo(o.window.queue[0], journal.Ready)
	o.passOnTo(o.window.queue[0], journal.Ready)
	if len(o.keys) != 0 || o.records != 0 || len(o.window.all) != 0 {
		t.Errorf("%d keys, %d records and %d deliveries are left", len(o.keys), o.records, len(o.window.all))
	}
}

func TestAHeadThatWaitsBlocksItsKeyAlone(t *testing.T) {
	for state, want := range map[journal.State]journal.KeyState{journal.Waiting: journal.KeyWaits, journal.Held: journal.KeyHeld} {
		o := newOrder(40)
		a1, a2 := keyed(1, "a"), keyed(2, "a")
		o.offer(a1)
		o.offer(a2)
		m, follow := o.passOnTo(a1, state)
		if m.Key == nil || m.Key.Record.State != want || m.Key.Record.Seq != 1 || !m.Key.New {
			t.Fatalf("state %v: the record is %+v", state, m.Key)
		}
		if len(follow) != 1 || follow[0].To.State != journal.Parked || follow[0].From.Seq != 2 {
			t.Fatalf("state %v: what was behind it moves as %+v, want it parked", state, follow)
		}
		if o.offer(keyed(3, "a")) {
			t.Error("another delivery passes the one that waits")
		}
		if o.records != 1 {
			t.Errorf("%d records", o.records)
		}
	}
}

func TestADeadHeadStopsItsKeyWhereTheTargetWantsIt(t *testing.T) {
	for _, stops := range []bool{false, true} {
		o := newOrder(40)
		o.stops = stops
		a1, a2 := keyed(1, "a"), keyed(2, "a")
		o.offer(a1)
		o.offer(a2)
		m, follow := o.passOnTo(a1, journal.Dead)
		if stopped := m.Key != nil && m.Key.Record.State == journal.KeyStopped && len(follow) == 1; stopped != stops {
			t.Errorf("stops %t: record %+v, %d moves follow", stops, m.Key, len(follow))
		}
		if !stops && !equal(queued(o), 2) {
			t.Errorf("queued %v, want the next of the key", queued(o))
		}
	}
}

// Chains leave room for other keys: a key with very many deliveries can't fill the window.
func TestChainsAreBounded(t *testing.T) {
	o := newOrder(40)
	for i := range 30 {
		o.offer(keyed(journal.Seq(i+1), "a"))
	}
	if o.chained != 10 || len(o.window.all) != 11 {
		t.Errorf("%d in the chain, %d in the window, want a quarter of it", o.chained, len(o.window.all))
	}
	if !o.offer(keyed(99, "b")) || !equal(queued(o), 1, 99) {
		t.Errorf("queued %v, want another key beside the long one", queued(o))
	}
}
