package queue

import (
	"time"

	"signalbox/journal"
)

// order keeps the deliveries of each ordering key of a lane in order, one at a time.
// Only the first of a key, its head, is ever queued. Those behind it wait in memory
// while there is room for them (the chain), and else parked on disk; a head that
// waits on disk, is suspended, or has stopped its key, has all of them parked. Memory
// knows the keys that it has a delivery of, and those whose parked deliveries are to
// be read next; of all others the journal's record tells how they stand.
//
// Two things are so on disk at every moment, so that a crash finds the order again:
// a key with parked deliveries, or with a head that waits, is suspended or has
// stopped it, has a record; and apart from the head, which the record names, none of
// its ready deliveries is older than a parked one.
type order struct {
	lane   journal.LaneID
	window *window
	// stops means that a dead letter stops its key.
	stops bool
	// parked and unrecorded return what is to be done once a delivery's parking, or
	// the end of a key's record, can be seen on disk.
	parked     func(*Item, *journal.Delivery, journal.End, *journal.KeyChange) func()
	unrecorded func(*orderingKey, *journal.KeyChange) func()

	keys map[journal.KeyHash]*orderingKey
	// chained counts the deliveries in chains, records the keys that have a record
	// on disk, or one on its way there.
	chained, records int
	// resumes are keys whose next delivery is to be read from disk.
	resumes []*orderingKey
	// idle are keys that ended during a read, which must not miss what it knows.
	idle []*orderingKey
	// sweeping means that records from sweepFrom on may have nobody who continues with
	// them: after a start, and where what stops a key has changed.
	sweeping  bool
	sweepFrom journal.KeyHash
}

// chainable reports whether a delivery may wait in memory for its turn.
func (o *order) chainable(k *orderingKey) bool {
	return !k.blocked && !k.onDisk && len(k.parking) == 0 && o.chained < o.maxChained()
}

// maxChained bounds the deliveries in chains: the window must keep room for other
// keys.
func (o *order) maxChained() int {
	most, _ := o.window.bounds(false)
	return most / 4
}

func (o *order) newKey(h journal.KeyHash, text string) *orderingKey {
	k := &orderingKey{hash: h, text: text}
	if o.keys == nil {
		o.keys = map[journal.KeyHash]*orderingKey{}
	}
	o.keys[h] = k
	return k
}

// recordedKey is a key that has a record, and maybe parked deliveries.
func (o *order) recordedKey(r *journal.KeyRecord) *orderingKey {
	k := o.newKey(r.Hash, r.Key)
	k.recorded, k.state, k.recHead, k.onDisk = true, r.State, key{r.Seq, r.N}, true
	return k
}

// offer takes a new delivery if its key is free, or its turn can be waited
// for in memory. Else it is left to the reader, who may ask the disk.
func (o *order) offer(it *Item) bool {
	if o.window.room(false) <= len(o.resumes) {
		return false
	}
	h := journal.HashKey(it.Delivery.Key)
	k := o.keys[h]
	switch {
	case k == nil && o.records > 0:
		return false
	case k == nil:
		o.lead(o.newKey(h, it.Delivery.Key), it)
	case k.free():
		o.lead(k, it)
	case o.chainable(k):
		o.follow(k, it)
	default:
		return false
	}
	return true
}

// lead makes a delivery the head of its key, and queues it.
func (o *order) lead(k *orderingKey, it *Item) {
	k.begin(it)
	o.window.add(it)
}

// follow lets a delivery wait in memory for its turn.
func (o *order) follow(k *orderingKey, it *Item) {
	it.order = k
	k.items++
	k.chain = append(k.chain, it)
	o.chained++
	o.window.keep(it)
}

// park lets a delivery wait on disk for its turn, behind what waits in memory.
func (o *order) park(k *orderingKey, it *Item) []journal.Move {
	moves := o.unchain(k)
	it.order = k
	k.items++
	o.window.keep(it)
	return append(moves, o.parking(k, it))
}

// unchain takes the key's deliveries out of memory: to the parked ones, where
// those are that came from there.
func (o *order) unchain(k *orderingKey) (moves []journal.Move) {
	chain := k.chain
	k.chain = nil
	for _, it := range chain {
		if it.Delivery.State == journal.Parked && !k.blocked {
			k.chain = append(k.chain, it) // older than all that is parked meanwhile
			continue
		}
		o.chained--
		if it.Delivery.State != journal.Parked {
			moves = append(moves, o.parking(k, it))
			continue
		}
		if at := journal.CursorOf(&it.Delivery); !k.onDisk || at.Compare(k.next) < 0 {
			k.next = at
		}
		k.onDisk = true
		o.window.drop(it)
		k.items--
	}
	return moves
}

// parking is the move that parks a delivery, with what it does to the record.
func (o *order) parking(k *orderingKey, it *Item) journal.Move {
	to := it.Delivery
	to.State, to.Due = journal.Parked, time.Time{}
	m := journal.Move{From: it.Delivery, To: &to}
	if at := journal.CursorOf(&to); !k.onDisk || at.Compare(k.next) < 0 {
		k.next = at
	}
	k.onDisk = true
	k.parking = append(k.parking, it)
	k.parks++
	switch {
	case k.head != nil && k.head.Delivery.State == journal.Ready && (!k.recorded || k.recHead != k.head.key()):
		m.Key = o.recordAs(k, journal.KeyGoesOn, k.head)
	case !k.recorded:
		m.Key = o.recordAs(k, journal.KeyGoesOn, nil)
	}
	m.Applied = o.parked(it, m.To, m.End, m.Key)
	return m
}

// recordAs changes the state and the head of a key's record; the head may be none.
func (o *order) recordAs(k *orderingKey, s journal.KeyState, head *Item) *journal.KeyChange {
	c := &journal.KeyChange{New: !k.recorded, Record: journal.KeyRecord{
		Lane: o.lane, Hash: k.hash, Key: k.text, State: s, Since: time.Now().UTC(),
	}}
	if c.New {
		o.records++
	}
	k.recorded, k.state, k.recHead = true, s, key{}
	if head != nil {
		k.recHead = head.key()
		c.Record.Seq, c.Record.N = head.Delivery.Seq, head.Delivery.N
		c.Record.Head = head.ID()
	}
	return c
}

// unrecord removes a key's record.
func (o *order) unrecord(k *orderingKey) *journal.KeyChange {
	k.recorded, k.state, k.recHead = false, journal.KeyGoesOn, key{}
	return &journal.KeyChange{Gone: true, Record: journal.KeyRecord{Lane: o.lane, Hash: k.hash}}
}

// passOn decides what comes after a head: the next of its key, or, where it
// blocks that, the parking of what waits in memory.
func (o *order) passOn(it *Item, m *journal.Move) []journal.Move {
	k := it.order
	k.head = nil
	if s, blocks := o.blocks(m.To); blocks {
		k.blocked, k.by = true, it.key()
		if !k.recorded || k.state != s {
			m.Key = o.recordAs(k, s, it)
		}
		return o.unchain(k)
	}
	switch {
	case len(k.chain) > 0:
		o.promote(k)
	case k.onDisk:
		o.resume(k)
	case k.recorded:
		m.Key = o.unrecord(k)
		return nil
	}
	if k.recorded && k.state != journal.KeyGoesOn {
		m.Key = o.recordAs(k, journal.KeyGoesOn, nil)
	}
	return nil
}

// blocks reports whether a head's next state keeps its key from going on.
func (o *order) blocks(to *journal.Delivery) (journal.KeyState, bool) {
	switch {
	case to == nil || to.Lane != o.lane:
		return 0, false
	case to.State == journal.Waiting:
		return journal.KeyWaits, true
	case to.State == journal.Held:
		return journal.KeyHeld, true
	default:
		return journal.KeyStopped, o.stops
	}
}

// promote makes the first of the chain the head.
func (o *order) promote(k *orderingKey) {
	k.head = k.chain[0]
	k.chain[0] = nil
	k.chain = k.chain[1:]
	o.chained--
	o.window.enqueue(k.head)
}

// resume has the key's next delivery read from disk.
func (o *order) resume(k *orderingKey) {
	if !k.resuming {
		k.resuming = true
		o.resumes = append(o.resumes, k)
	}
}

// rest notes that something of a key is on disk, and forgets the key where
// nothing is left of it in memory.
func (o *order) rest(k *orderingKey, c *journal.KeyChange) {
	if c != nil && c.Gone {
		o.records--
	}
	k.items--
	if k.onDisk && k.head == nil && len(k.chain) == 0 && !k.blocked {
		o.resume(k)
	}
	o.dropIdle(k)
}

func (o *order) dropIdle(k *orderingKey) {
	switch {
	case k.items > 0 || k.resuming:
	case o.window.reading:
		o.idle = append(o.idle, k)
	default:
		delete(o.keys, k.hash)
	}
}

// sweepKeys makes the lane look through the records for keys that nobody continues
// with.
func (o *order) sweepKeys() {
	if o.records > 0 {
		o.sweeping, o.sweepFrom = true, 0
	}
}

// written notes that the move of a key's delivery can be seen on disk.
func (o *order) written(it *Item, c *journal.KeyChange) {
	k := it.order
	if len(k.parking) > 0 && k.parking[0] == it { // they are applied in their order
		k.parking[0] = nil
		k.parking = k.parking[1:]
	}
	o.rest(k, c)
}
