package queue

import (
	"errors"

	"signalbox/journal"
)

// orderReading is what a read of the disk does and finds for ordering keys.
type orderReading struct {
	// ask means that some keys have records, which must be asked for.
	ask bool
	// spare is how many more deliveries chains have room for.
	spare   int
	resumes []resumption
	// found counts the deliveries in resumes.
	found int
	// known holds the records of the keys that were met.
	known map[journal.KeyHash]knownKey
	// sweeping, from and to are the part of the records that is looked through;
	// swept says that it was the last. Orphans are those that nobody continues with.
	sweeping, swept bool
	from, to        journal.KeyHash
	// stops means that dead letters stop their keys.
	stops   bool
	orphans []journal.KeyRecord
}

// resumption is the reading of what is parked behind one key.
type resumption struct {
	key  *orderingKey
	next journal.Cursor
	// before bounds what may be read: what is on its way to the parked ones comes
	// after it. Parks is how many were parked when the reading began, of which
	// settled says that all can be read.
	before  journal.Cursor
	parks   int
	settled bool
	found   []*Item
	// done means that it was read, all that nothing is left.
	done, all bool
}

// knownKey is what is on disk of an ordering key.
type knownKey struct {
	record *journal.KeyRecord // nil is none
	// headReady means that its head is among the ready deliveries.
	headReady bool
}

const (
	// resumeAtOnce bounds the parked deliveries of one key that are read at once.
	resumeAtOnce = 32
	// sweepAtOnce bounds the records that are looked through at once.
	sweepAtOnce = 4096
)

// beginRead notes what a read is to do for ordering keys. It is called with the
// lane's lock.
func (o *order) beginRead(r *reading) {
	r.order.ask, r.order.stops = o.records > 0, o.stops
	r.order.spare = o.maxChained() - o.chained
	for _, k := range o.resumes {
		s := resumption{key: k, next: k.next, before: lastReady, parks: k.parks, settled: len(k.parking) == 0}
		for _, it := range k.parking {
			s.before = first(s.before, journal.Cursor{Seq: it.Delivery.Seq, N: it.Delivery.N})
		}
		r.order.resumes = append(r.order.resumes, s)
	}
	clear(o.resumes)
	o.resumes = o.resumes[:0]
	r.order.sweeping, r.order.from, r.order.to = o.sweeping, o.sweepFrom, o.sweepFrom
	o.sweeping = false // unless another begins meanwhile
}

// readOrder reads what is next of the keys that may continue.
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
	l := &r.q.lane
	var bad error
	more := false
	err := l.Store.ParkedBehind(l.ID, s.key.hash, s.next, func(d journal.Delivery, rec journal.Record) bool {
		more = len(s.found) == limit || r.full() || journal.CursorOf(&d).Compare(s.before) >= 0
		if more {
			return false
		}
		s.next = journal.CursorAfter(&d)
		if r.has(&d) { // its end is on its way
			return true
		}
		it, err := readItem(d, rec)
		if bad = err; bad != nil {
			return false
		}
		l.Memory.hold(it)
		s.found = append(s.found, it)
		r.order.found++
		r.bytes += it.size()
		return true
	})
	if err = errors.Join(bad, err); err != nil { // what lies behind it is not known: read again
		r.order.found -= len(s.found)
		for _, it := range s.found {
			l.Memory.release(it)
		}
		s.found = nil
		return err
	}
	s.done, s.all = true, !more
	r.order.spare -= max(0, len(s.found)-1)
	return nil
}

// sweep looks through records for keys that nobody continues with.
func (r *reading) sweep() error {
	l := &r.q.lane
	var stopped []journal.KeyHash
	seen := 0
	r.order.swept = true
	err := l.Store.Blocked(l.ID, r.order.from, func(rec journal.KeyRecord) bool {
		r.order.to = rec.Hash
		if seen++; seen > sweepAtOnce || len(r.found)+r.order.found+len(r.order.orphans) >= r.room {
			r.order.swept = false
			return false
		}
		switch {
		case rec.State == journal.KeyGoesOn:
			r.order.orphans = append(r.order.orphans, rec)
		case rec.State == journal.KeyStopped && !r.order.stops:
			stopped = append(stopped, rec.Hash)
		}
		return true
	})
	if err == nil && len(stopped) > 0 {
		_, err = l.Store.FreeKeys(l.ID, stopped...)
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
	return r.q.lane.Store.IsReady(r.q.lane.ID, rec.Seq, rec.N)
}

// lookUp asks the disk for the record of a delivery's ordering key.
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
	rec, err := r.q.lane.Store.Key(r.q.lane.ID, h)
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

// endRead takes what a read has found of parked deliveries. It is called with the
// lane's lock.
func (o *order) endRead(r *reading) (moves []journal.Move) {
	for i := range r.order.resumes {
		if m := o.resumed(&r.order.resumes[i]); m != nil {
			moves = append(moves, *m)
		}
	}
	for i := range r.order.orphans {
		rec := &r.order.orphans[i]
		if o.keys[rec.Hash] == nil { // else somebody continues with it
			o.resume(o.recordedKey(rec))
		}
	}
	if r.order.sweeping && !o.sweeping {
		o.sweeping, o.sweepFrom = !r.order.swept, r.order.to
	}
	return moves
}

// resumed continues with a key whose parked deliveries have been read. Where
// nothing is left of them, its record goes.
func (o *order) resumed(s *resumption) *journal.Move {
	k := s.key
	k.resuming = false
	if !s.done { // there was no room
		o.resume(k)
		return nil
	}
	k.next = s.next
	k.onDisk = !s.all || !s.settled || s.parks != k.parks
	for i, it := range s.found {
		if i == 0 {
			o.lead(k, it)
		} else {
			o.follow(k, it)
		}
	}
	switch {
	case len(s.found) > 0:
	case k.onDisk && len(k.parking) == 0:
		o.resume(k)
	case !k.onDisk && k.recorded:
		k.items++
		c := o.unrecord(k)
		return &journal.Move{Key: c, KeyAlone: true, Applied: o.unrecorded(k, c)}
	default:
		o.idle = append(o.idle, k)
	}
	return nil
}

// meet takes a delivery that was read from disk to its place in the order of its
// key.
func (o *order) meet(it *Item, r *reading) []journal.Move {
	h := journal.HashKey(it.Delivery.Key)
	k := o.keys[h]
	if k == nil {
		k = o.known(h, it, r)
	}
	switch {
	case k.free(), k.waitsFor(it):
		o.lead(k, it)
	case o.chainable(k) && it.Delivery.State == journal.Ready:
		o.follow(k, it)
	default:
		return o.park(k, it)
	}
	return nil
}

// known brings a key into memory as the disk knows it.
func (o *order) known(h journal.KeyHash, it *Item, r *reading) *orderingKey {
	found := r.order.known[h]
	switch {
	case it.Delivery.State == journal.Waiting: // the head of its key
		rec := journal.KeyRecord{Hash: h, Key: it.Delivery.Key, State: journal.KeyWaits, Seq: it.Delivery.Seq, N: it.Delivery.N}
		k := o.recordedKey(&rec)
		k.blocked, k.by = true, it.key()
		return k
	case found.record == nil:
		return o.newKey(h, it.Delivery.Key)
	}
	k := o.recordedKey(found.record)
	if k.state != journal.KeyGoesOn || found.headReady {
		k.blocked, k.by = true, k.recHead
	} else {
		o.resume(k)
	}
	return k
}

// dropIdles forgets the keys of which nothing was left during a read.
func (o *order) dropIdles() {
	for _, k := range o.idle {
		if o.keys[k.hash] == k {
			o.dropIdle(k)
		}
	}
	clear(o.idle)
	o.idle = o.idle[:0]
}
