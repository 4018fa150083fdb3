package router

import (
	"errors"

	"signalbox/journal"
)

// orderReading is what a read of the disk does and finds for order keys.
type orderReading struct {
	// ask says that some keys have records, which must be asked for.
	ask bool
	// spare is how many more deliveries chains have room for.
	spare   int
	resumes []resumption
	// found counts the deliveries in resumes.
	found int
	// known holds the records of the keys that were met.
	known map[journal.KeyHash]knownKey
	// sweeping, from and to are the part of the records that is looked through;
	// swept says that it was the last. Orphans are those that nobody goes on with.
	sweeping, swept bool
	from, to        journal.KeyHash
	orphans         []journal.KeyRecord
}

// resumption is the reading of what is parked behind one key.
type resumption struct {
	key  *orderKey
	next journal.Cursor
	// before bounds what may be read: what is on its way to the parked ones comes
	// after it. Parks is how many were parked when the reading began, of which
	// settled says that all can be read.
	before  journal.Cursor
	parks   int
	settled bool
	found   []*item
	// done says that it was read, all that nothing is left.
	done, all bool
}

// knownKey is what the disk says of an order key.
type knownKey struct {
	record *journal.KeyRecord // nil is none
	// headReady says that its head lies among the ready deliveries.
	headReady bool
}

const (
	// resumeAtOnce bounds the parked deliveries of one key that are read at once.
	resumeAtOnce = 32
	// sweepAtOnce bounds the records that are looked through at once.
	sweepAtOnce = 4096
)

// beginOrder notes what a read is to do for order keys. It is called with the
// lane's lock held.
func (l *lane) beginOrder(r *reading) {
	o := &l.order
	r.order.ask = o.records > 0
	r.order.spare = l.maxChained() - o.chained
	for _, k := range o.resumes {
		s := resumption{key: k, next: k.next, before: lastReady, parks: k.parks, settled: len(k.parking) == 0}
		for _, it := range k.parking {
			s.before = first(s.before, journal.Cursor{Seq: it.delivery.Seq, N: it.delivery.N})
		}
		r.order.resumes = append(r.order.resumes, s)
	}
	clear(o.resumes)
	o.resumes = o.resumes[:0]
	r.order.sweeping, r.order.from, r.order.to = o.sweeping, o.sweepFrom, o.sweepFrom
	o.sweeping = false // unless another begins meanwhile
}

// readOrder reads what is next of the keys that may go on.
func (r *reading) readOrder() error {
	for i := range r.order.resumes {
		if r.full() {
			break
		}
		if err := r.resume(&r.order.resumes[i], 1+max(0, min(resumeAtOnce, r.order.spare)-1)); err != nil {
			return err
		}
	}
	if r.order.sweeping && !r.full() {
		return r.sweep()
	}
	return nil
}

// resume reads some of what is parked behind a key.
func (r *reading) resume(s *resumption, limit int) error {
	l := r.lane
	var bad error
	more := false
	err := l.r.journal.ParkedBehind(l.id, s.key.hash, s.next, func(d journal.Delivery, rec journal.Record) bool {
		more = len(s.found) == limit || r.full() || journal.CursorOf(&d).Compare(s.before) >= 0
		if more {
			return false
		}
		s.next = after(&d)
		if l.holds(d) { // its end is on its way
			return true
		}
		it, err := newItem(d, rec)
		if bad = err; bad != nil {
			return false
		}
		s.found = append(s.found, it)
		r.order.found++
		r.bytes += it.size()
		return true
	})
	if err = errors.Join(bad, err); err != nil { // what lies behind it is not known: read again
		r.order.found -= len(s.found)
		s.found = nil
		return err
	}
	s.done, s.all = true, !more
	r.order.spare -= max(0, len(s.found)-1)
	return nil
}

// sweep looks through records for keys that nobody goes on with.
func (r *reading) sweep() error {
	l := r.lane
	l.mu.Lock()
	stops := l.stops()
	l.mu.Unlock()
	var stopped []journal.KeyHash
	seen := 0
	r.order.swept = true
	err := l.r.journal.Keys(l.id, r.order.from, func(rec journal.KeyRecord) bool {
		r.order.to = rec.Hash
		if seen++; seen > sweepAtOnce || len(r.found)+r.order.found+len(r.order.orphans) >= r.room {
			r.order.swept = false
			return false
		}
		switch {
		case rec.State == journal.KeyGoesOn:
			r.order.orphans = append(r.order.orphans, rec)
		case rec.State == journal.KeyStopped && !stops:
			stopped = append(stopped, rec.Hash)
		}
		return true
	})
	if err == nil && len(stopped) > 0 {
		_, err = l.r.journal.FreeKeys(l.id, stopped...)
	}
	if err = errors.Join(err, r.orphaned()); err != nil {
		r.order.swept, r.order.to = false, r.order.from
	}
	return err
}

// orphaned leaves of the orphans those whose head is not ready: such a one is met
// on its own.
func (r *reading) orphaned() error {
	kept := r.order.orphans[:0]
	for _, rec := range r.order.orphans {
		ready, err := r.headReady(&rec)
		if err != nil {
			return err
		}
		if !ready {
			kept = append(kept, rec)
		}
	}
	r.order.orphans = kept
	return nil
}

func (r *reading) headReady(rec *journal.KeyRecord) (bool, error) {
	if rec.State != journal.KeyGoesOn || rec.Seq == 0 {
		return false, nil
	}
	return r.lane.r.journal.IsReady(r.lane.id, rec.Seq, rec.N)
}

// lookUp asks the disk for the record of a delivery's order key.
func (r *reading) lookUp(d *journal.Delivery) error {
	if d.Key == "" || !r.order.ask {
		return nil
	}
	h := journal.HashKey(d.Key)
	if _, ok := r.order.known[h]; ok {
		return nil
	}
	if r.order.known == nil {
		r.order.known = map[journal.KeyHash]knownKey{}
	}
	rec, err := r.lane.r.journal.Key(r.lane.id, h)
	if errors.Is(err, journal.ErrNotFound) {
		r.order.known[h] = knownKey{}
		return nil
	}
	if err != nil {
		return err
	}
	ready, err := r.headReady(&rec)
	r.order.known[h] = knownKey{record: &rec, headReady: ready}
	return err
}

// endOrder takes what a read has found of parked deliveries. It is called with
// the lane's lock held.
func (l *lane) endOrder(r *reading) (moves []journal.Move) {
	o := &l.order
	for i := range r.order.resumes {
		if m := l.resumed(&r.order.resumes[i]); m != nil {
			moves = append(moves, *m)
		}
	}
	for i := range r.order.orphans {
		rec := &r.order.orphans[i]
		if l.orderKeyOf(rec.Hash) == nil { // else somebody goes on with it
			l.resume(l.recordedKey(rec))
		}
	}
	if r.order.sweeping && !o.sweeping {
		o.sweeping, o.sweepFrom = !r.order.swept, r.order.to
	}
	return moves
}

// resumed goes on with a key whose parked deliveries have been read. Where
// nothing is left of them, its record goes.
func (l *lane) resumed(s *resumption) *journal.Move {
	k := s.key
	k.resuming = false
	if !s.done { // there was no room
		l.resume(k)
		return nil
	}
	k.next = s.next
	k.onDisk = !s.all || !s.settled || s.parks != k.parks
	for i, it := range s.found {
		if i == 0 {
			l.lead(k, it)
		} else {
			l.follow(k, it)
		}
	}
	switch {
	case len(s.found) > 0:
	case k.onDisk && len(k.parking) == 0:
		l.resume(k)
	case !k.onDisk && k.recorded:
		k.items++
		c := l.unrecord(k)
		return &journal.Move{Key: c, KeyAlone: true, Applied: func() { l.unrecorded(k, c) }}
	default:
		l.order.idle = append(l.order.idle, k)
	}
	return nil
}

// unrecorded notes that a key's record is gone from the disk.
func (l *lane) unrecorded(k *orderKey, c *journal.KeyChange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest(k, c)
	l.dispatch()
}

// meet takes a delivery that was read from disk to its place in the order of its
// key.
func (l *lane) meet(it *item, r *reading) []journal.Move {
	h := journal.HashKey(it.delivery.Key)
	k := l.orderKeyOf(h)
	if k == nil {
		k = l.known(h, it, r)
	}
	switch {
	case k.free(), k.waitsFor(it):
		l.lead(k, it)
	case l.chainable(k) && it.delivery.State == journal.Ready:
		l.follow(k, it)
	default:
		return l.park(k, it)
	}
	return nil
}

// known brings a key into memory as the disk knows it.
func (l *lane) known(h journal.KeyHash, it *item, r *reading) *orderKey {
	found := r.order.known[h]
	switch {
	case it.delivery.State == journal.Waiting: // the head of its key
		rec := journal.KeyRecord{Hash: h, Key: it.delivery.Key, State: journal.KeyWaits, Seq: it.delivery.Seq, N: it.delivery.N}
		k := l.recordedKey(&rec)
		k.blocked, k.by = true, it.key()
		return k
	case found.record == nil:
		return l.newOrderKey(h, it.delivery.Key)
	}
	k := l.recordedKey(found.record)
	if k.state != journal.KeyGoesOn || found.headReady {
		k.blocked, k.by = true, k.recHead
	} else {
		l.resume(k)
	}
	return k
}

// dropIdles forgets the keys of which nothing was left during a read.
func (l *lane) dropIdles() {
	for _, k := range l.order.idle {
		if l.order.keys[k.hash] == k {
			l.dropIdle(k)
		}
	}
	clear(l.order.idle)
	l.order.idle = l.order.idle[:0]
}
