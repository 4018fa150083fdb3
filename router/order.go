package router

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/targets"
)

// laneOrder keeps the deliveries of each order key of a lane in order, one at a
// time. Only the first of a key, its head, is ever queued. Those behind it wait
// in memory while there is room for them (the chain), and else parked on disk; a
// head that waits on disk, is held back, or has stopped its key, has all of them
// parked. Memory
// knows the keys that it holds a delivery of, and those whose parked deliveries
// are to be read next; of all others the journal's record says how they stand.
//
// Two things hold on disk at every moment, so that a crash finds the order again:
// a key with parked deliveries, or with a head that waits, is held back or has
// stopped it, has a record; and apart from the head, which the record names, none of its ready
// deliveries is older than a parked one.
type laneOrder struct {
	// moving is held from a decision over a key until the journal has its moves, so
	// that they are written in the order of the decisions. It is taken before the
	// lane's lock, under which all else is.
	moving sync.Mutex

	keys map[journal.KeyHash]*orderKey
	// chained counts the deliveries in chains, records the keys that have a record
	// on disk, or one on its way there.
	chained, records int
	// resumes are keys whose next delivery is to be read from disk.
	resumes []*orderKey
	// idle are keys that ended during a read, which must not miss what it knows.
	idle []*orderKey
	// sweeping says that records from sweepFrom on may have nobody who goes on with
	// them: after a start, and where what stops a key has changed.
	sweeping  bool
	sweepFrom journal.KeyHash
}

// orderKey is what memory knows of one order key.
type orderKey struct {
	hash journal.KeyHash
	text string
	// items counts the deliveries of the key that the lane holds, and the changes
	// of its record that are on their way.
	items int
	// head is queued or under way; nil if none is.
	head  *item
	chain []*item
	// parking are on their way to the parked ones, parks counts all that went.
	parking []*item
	parks   int
	// onDisk says that deliveries may be parked that memory does not hold; none of
	// them lies before next.
	onDisk bool
	next   journal.Cursor
	// blocked says that the head, by, lies on disk and nothing may pass it.
	blocked bool
	by      key
	// recorded says that there is a record: its state and head are as below.
	recorded bool
	state    journal.KeyState
	recHead  key
	// resuming says that the key is among the resumes, or that they are being read.
	resuming bool
}

// free says that a delivery of the key may be sent at once.
func (k *orderKey) free() bool {
	return k.head == nil && len(k.chain) == 0 && !k.blocked && !k.onDisk && len(k.parking) == 0
}

// chainable says that a delivery may wait in memory for its turn.
func (l *lane) chainable(k *orderKey) bool {
	return !k.blocked && !k.onDisk && len(k.parking) == 0 && l.order.chained < l.maxChained()
}

// maxChained bounds the deliveries in chains: the window must keep room for other
// keys.
func (l *lane) maxChained() int { return l.window() / 4 }

// orderKeyOf gives what memory knows of a key; nil is nothing.
func (l *lane) orderKeyOf(h journal.KeyHash) *orderKey { return l.order.keys[h] }

func (l *lane) newOrderKey(h journal.KeyHash, text string) *orderKey {
	k := &orderKey{hash: h, text: text}
	if l.order.keys == nil {
		l.order.keys = map[journal.KeyHash]*orderKey{}
	}
	l.order.keys[h] = k
	return k
}

// recordedKey is a key that has a record, and maybe parked deliveries.
func (l *lane) recordedKey(r *journal.KeyRecord) *orderKey {
	k := l.newOrderKey(r.Hash, r.Key)
	k.recorded, k.state, k.recHead, k.onDisk = true, r.State, key{r.Seq, r.N}, true
	return k
}

// offerInOrder takes a new delivery if its key is free, or its turn can be waited
// for in memory. Else it is left to the reader, who may ask the disk.
func (l *lane) offerInOrder(it *item) bool {
	if l.room() <= len(l.order.resumes) {
		return false
	}
	h := journal.HashKey(it.delivery.Key)
	k := l.orderKeyOf(h)
	switch {
	case k == nil && l.order.records > 0:
		return false
	case k == nil:
		l.lead(l.newOrderKey(h, it.delivery.Key), it)
	case k.free():
		l.lead(k, it)
	case l.chainable(k):
		l.follow(k, it)
	default:
		return false
	}
	return true
}

// lead makes a delivery the head of its key, and queues it.
func (l *lane) lead(k *orderKey, it *item) {
	k.begin(it)
	l.hold(it)
}

// adopt makes a delivery that was taken from disk by itself the head of its key,
// if it is that, so that the key goes on after its end.
func (l *lane) adopt(it *item) error {
	if it.delivery.Key == "" {
		return nil
	}
	h := journal.HashKey(it.delivery.Key)
	k := l.orderKeyOf(h)
	if k == nil && l.order.records > 0 {
		rec, err := l.r.journal.Key(l.id, h)
		if errors.Is(err, journal.ErrNotFound) || err == nil && (key{rec.Seq, rec.N}) != it.key() {
			return nil
		}
		if err != nil {
			return err
		}
		k = l.recordedKey(&rec)
		k.blocked, k.by = true, it.key()
	}
	if k != nil && k.waitsFor(it) {
		k.begin(it)
	}
	return nil
}

// waitsFor says that a delivery is the head that lies on disk.
func (k *orderKey) waitsFor(it *item) bool { return k.head == nil && k.blocked && k.by == it.key() }

// begin makes a delivery the head.
func (k *orderKey) begin(it *item) {
	it.order, k.head, k.blocked, k.text = k, it, false, it.delivery.Key
	k.items++
	if k.state == journal.KeyStopped { // redriven: the record was changed with it
		k.state, k.recHead = journal.KeyGoesOn, it.key()
	}
}

// follow lets a delivery wait in memory for its turn.
func (l *lane) follow(k *orderKey, it *item) {
	it.order = k
	k.items++
	k.chain = append(k.chain, it)
	l.order.chained++
	l.keep(it)
}

// park lets a delivery wait on disk for its turn, behind what waits in memory.
func (l *lane) park(k *orderKey, it *item) []journal.Move {
	moves := l.unchain(k)
	it.order = k
	k.items++
	l.keep(it)
	return append(moves, l.parking(k, it))
}

// unchain takes the key's deliveries out of memory: to the parked ones, where
// those are that came from there.
func (l *lane) unchain(k *orderKey) (moves []journal.Move) {
	chain := k.chain
	k.chain = nil
	for _, it := range chain {
		if it.delivery.State == journal.Parked && !k.blocked {
			k.chain = append(k.chain, it) // older than all that is parked meanwhile
			continue
		}
		l.order.chained--
		if it.delivery.State != journal.Parked {
			moves = append(moves, l.parking(k, it))
			continue
		}
		if at := journal.CursorOf(&it.delivery); !k.onDisk || at.Compare(k.next) < 0 {
			k.next = at
		}
		k.onDisk = true
		l.letGo(it)
		k.items--
	}
	return moves
}

// parking is the move that parks a delivery, with what it does to the record.
func (l *lane) parking(k *orderKey, it *item) journal.Move {
	to := it.delivery
	to.State, to.Due = journal.Parked, time.Time{}
	m := journal.Move{From: it.delivery, To: &to}
	if at := journal.CursorOf(&to); !k.onDisk || at.Compare(k.next) < 0 {
		k.next = at
	}
	k.onDisk = true
	k.parking = append(k.parking, it)
	k.parks++
	switch {
	case k.head != nil && k.head.delivery.State == journal.Ready && (!k.recorded || k.recHead != k.head.key()):
		m.Key = l.recordAs(k, journal.KeyGoesOn, k.head)
	case !k.recorded:
		m.Key = l.recordAs(k, journal.KeyGoesOn, nil)
	}
	m.Applied = func() { l.released(it, m.To, m.Key); l.tellRedrive(it, m.To, m.End) }
	return m
}

// recordAs gives a key's record another state and head, which may be none.
func (l *lane) recordAs(k *orderKey, s journal.KeyState, head *item) *journal.KeyChange {
	c := &journal.KeyChange{New: !k.recorded, Record: journal.KeyRecord{
		Lane: l.id, Hash: k.hash, Key: k.text, State: s, Since: time.Now().UTC(),
	}}
	if c.New {
		l.order.records++
	}
	k.recorded, k.state, k.recHead = true, s, key{}
	if head != nil {
		k.recHead = head.key()
		c.Record.Seq, c.Record.N = head.delivery.Seq, head.delivery.N
		c.Record.Head = l.delivery(head).ID
	}
	return c
}

// unrecord removes a key's record.
func (l *lane) unrecord(k *orderKey) *journal.KeyChange {
	k.recorded, k.state, k.recHead = false, journal.KeyGoesOn, key{}
	return &journal.KeyChange{Gone: true, Record: journal.KeyRecord{Lane: l.id, Hash: k.hash}}
}

// settleInOrder is settle for the head of an order key: its move, and all that
// follows from it, reach the journal in this order.
func (l *lane) settleInOrder(it *item, m journal.Move) {
	l.order.moving.Lock()
	defer l.order.moving.Unlock()
	l.mu.Lock()
	follow := l.passOn(it, &m)
	l.dispatch()
	l.mu.Unlock()
	m.Applied = func() { l.released(it, m.To, m.Key); l.tellRedrive(it, m.To, m.End) }
	l.move(append([]journal.Move{m}, follow...)...)
}

// passOn decides what comes after a head: the next of its key, or, where it
// blocks that, the parking of what waits in memory.
func (l *lane) passOn(it *item, m *journal.Move) []journal.Move {
	k := it.order
	k.head = nil
	if s, blocks := l.blocks(m.To); blocks {
		k.blocked, k.by = true, it.key()
		if !k.recorded || k.state != s {
			m.Key = l.recordAs(k, s, it)
		}
		return l.unchain(k)
	}
	switch {
	case len(k.chain) > 0:
		l.promote(k)
	case k.onDisk:
		l.resume(k)
	case k.recorded:
		m.Key = l.unrecord(k)
		return nil
	}
	if k.recorded && k.state != journal.KeyGoesOn {
		m.Key = l.recordAs(k, journal.KeyGoesOn, nil)
	}
	return nil
}

// blocks says whether a head's next state keeps its key from going on.
func (l *lane) blocks(to *journal.Delivery) (journal.KeyState, bool) {
	switch {
	case to == nil || to.Lane != l.id:
		return 0, false
	case to.State == journal.Waiting:
		return journal.KeyWaits, true
	case to.State == journal.Held:
		return journal.KeyHeld, true
	default:
		return journal.KeyStopped, l.stops()
	}
}

// stops says whether a dead letter stops its key.
func (l *lane) stops() bool {
	return l.handle != nil && l.handle.cfg.OnDeadLetter == targets.OnDeadLetterStop
}

// promote makes the first of the chain the head.
func (l *lane) promote(k *orderKey) {
	k.head = k.chain[0]
	k.chain[0] = nil
	k.chain = k.chain[1:]
	l.order.chained--
	l.enqueue(k.head)
}

// resume has the key's next delivery read from disk.
func (l *lane) resume(k *orderKey) {
	if !k.resuming {
		k.resuming = true
		l.order.resumes = append(l.order.resumes, k)
	}
}

// released is release for a delivery with an order key.
func (l *lane) released(it *item, to *journal.Delivery, c *journal.KeyChange) {
	l.mu.Lock()
	l.letGo(it)
	if to != nil && to.State == journal.Waiting {
		l.waits(*to)
	}
	k := it.order
	if len(k.parking) > 0 && k.parking[0] == it { // they are applied in their order
		k.parking[0] = nil
		k.parking = k.parking[1:]
	}
	l.rest(k, c)
	l.dispatch()
	l.mu.Unlock()
	l.tellHeld(to)
}

// rest notes that something of a key is on disk, and forgets the key where
// nothing is left of it in memory.
func (l *lane) rest(k *orderKey, c *journal.KeyChange) {
	if c != nil && c.Gone {
		l.order.records--
	}
	k.items--
	if k.onDisk && k.head == nil && len(k.chain) == 0 && !k.blocked {
		l.resume(k)
	}
	l.dropIdle(k)
}

func (l *lane) dropIdle(k *orderKey) {
	switch {
	case k.items > 0 || k.resuming:
	case l.reading:
		l.order.idle = append(l.order.idle, k)
	default:
		delete(l.order.keys, k.hash)
	}
}

// freed lets a key go on that a dead letter had stopped.
func (l *lane) freed(h journal.KeyHash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.orderKeyOf(h)
	switch {
	case k != nil && k.state == journal.KeyStopped:
		k.blocked, k.state, k.recHead = false, journal.KeyGoesOn, key{}
	case k != nil:
		return
	case len(l.order.resumes) >= l.window():
		l.sweepKeys()
		l.dispatch()
		return
	default:
		k = l.recordedKey(&journal.KeyRecord{Hash: h})
	}
	l.resume(k)
	l.dispatch()
}

// sweepKeys makes the lane look through the records for keys that nobody goes on
// with.
func (l *lane) sweepKeys() {
	if l.order.records > 0 {
		l.order.sweeping, l.order.sweepFrom = true, 0
	}
}

// move hands moves to the journal.
func (l *lane) move(moves ...journal.Move) {
	if len(moves) == 0 {
		return
	}
	if err := l.r.journal.MoveAll(moves); err != nil && !errors.Is(err, journal.ErrClosed) {
		l.r.log.Error("delivery's state can't be written; it will be attempted again after a restart", zap.String("target", l.name), zap.Error(err))
	}
}
