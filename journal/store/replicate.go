package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/journal"
)

// Log is what the nodes of a cluster make their stores of: groups of writes, one after another.
type Log interface {
	// Append adds a group, and returns its place once it can't be lost any more. The error is
	// journal.ErrNotLeading if another node leads, or if none can be reached for too long. Appends come one
	// after the other.
	Append(group []byte) (journal.Position, error)
}

// ErrOfCluster is the error of a store that belongs to a cluster, where none is configured.
var ErrOfCluster = errors.New("the store belongs to a cluster, whose other nodes would not know what is written here: " +
	"configure the cluster, or leave it by signalbox backup and signalbox restore into another data directory")

// replicate adds a group to the log, and then writes it here, without an fsync: what a crash
// undoes is read from the log again.
func (j *Journal) replicate(f *flight) error {
	if f.batch.Empty() {
		return nil
	}
	at, err := j.replicas.Append(f.batch.Repr())
	if err != nil {
		return err
	}
	return j.applyAt(f.batch, at)
}

// applyAt writes a group of the log.
func (j *Journal) applyAt(group *pebble.Batch, at journal.Position) error {
	if err := group.Set(journal.PositionKey, at.AppendValue(nil), nil); err != nil {
		return err
	}
	if err := j.write(group); err != nil {
		return err
	}
	j.at.Store(&at)
	return nil
}

// write writes a batch without an fsync. Where its log can't be written to, as on a full disk, Pebble panics with a
// lock in its hands, so that the store can't be closed any more: that is told before anybody tries.
func (j *Journal) write(b *pebble.Batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("journal: a write failed: %v", p)
			j.fatal(err)
		}
	}()
	return j.db.Apply(b, pebble.NoSync)
}

// At is how far the store has got in the log of its cluster; false if it is of none.
func (j *Journal) At() (journal.Position, bool) {
	if at := j.at.Load(); at != nil {
		return *at, true
	}
	return journal.Position{}, false
}

// Empty reports whether there is nothing in the store.
func (j *Journal) Empty() (empty bool, err error) {
	empty = true
	err = journal.Scan(j.db, nil, nil, func(_, _ []byte) (bool, error) {
		empty = false
		return false, nil
	})
	return empty, err
}

// Apply writes a group of the leader's, which is at a place of the log, to a store that follows.
// Calls come one after the other.
func (j *Journal) Apply(group []byte, at journal.Position) error {
	b := j.db.NewBatch()
	defer b.Close()
	seen, err := readGroup(b, group)
	if err != nil {
		return fmt.Errorf("message %d of the log: %w", at.Seq, err)
	}
	if err := j.applyAt(b, at); err != nil {
		return err
	}
	return j.notice(seen)
}

// seen is what a group changes of what is kept in memory.
type seen struct {
	counts map[journal.LaneID]journal.Counts
	events *journal.EventCounts
	held   map[journal.HoldID]int64
	// lanes are new ones; ended are the names of those that are gone.
	lanes map[string]journal.LaneID
	ended []string
	// first and last are the numbers of its events; 0 where it has none.
	first, last journal.Seq
	meta        bool
}

// readGroup reads a group into a batch. The error is that of one that is not whole, at which the store's
// own reader may panic.
func readGroup(b *pebble.Batch, group []byte) (s seen, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = journal.ErrCorrupt
		}
	}()
	if err := b.SetRepr(group); err != nil {
		return s, err
	}
	s = seen{counts: map[journal.LaneID]journal.Counts{}, held: map[journal.HoldID]int64{}, lanes: map[string]journal.LaneID{}}
	n := uint32(0)
	for r := b.Reader(); ; n++ {
		kind, key, value, ok, err := r.Next()
		if err != nil {
			return s, err
		}
		if !ok {
			break
		}
		if len(key) == 0 {
			return s, journal.ErrCorrupt
		}
		set := kind == pebble.InternalKeyKindSet
		gone := kind == pebble.InternalKeyKindDelete || kind == pebble.InternalKeyKindSingleDelete
		switch {
		case key[0] == journal.TableEvent && set && len(key) == journal.EventKeySize:
			seq := journal.Seq(binary.BigEndian.Uint64(key[1:]))
			if s.last = max(s.last, seq); s.first == 0 || seq < s.first {
				s.first = seq
			}
		case key[0] == journal.TableCount:
			err = s.count(key, value, set)
		case key[0] == journal.TableHeld && (set || gone):
			d, ok := journal.PlaceOf(key)
			if !ok {
				return s, journal.ErrCorrupt
			}
			if set {
				s.held[d.Hold]++
			} else {
				s.held[d.Hold]--
			}
		case key[0] == journal.TableLane && set:
			if len(value) != 4 {
				return s, journal.ErrCorrupt
			}
			s.lanes[string(key[1:])] = journal.LaneID(binary.BigEndian.Uint32(value))
		case key[0] == journal.TableLane && gone:
			s.ended = append(s.ended, string(key[1:]))
		case key[0] == journal.TableMeta:
			s.meta = true
		}
		if err != nil {
			return s, err
		}
	}
	if n != b.Count() {
		return s, journal.ErrCorrupt
	}
	return s, nil
}

// count reads a row of the accounts.
func (s *seen) count(key, value []byte, set bool) error {
	if len(key) != 5 {
		return journal.ErrCorrupt
	}
	l := journal.LaneID(binary.BigEndian.Uint32(key[1:]))
	if l == journal.EventsLane {
		s.events = new(journal.EventCounts)
		s.events.ReadValue(value)
		return nil
	}
	var c journal.Counts
	if set {
		if err := c.ReadValue(value); err != nil {
			return err
		}
	}
	s.counts[l] = c
	return nil
}

// notice brings what is kept in memory up to date.
func (j *Journal) notice(s seen) error {
	j.Lanes.mu.Lock()
	for _, name := range s.ended {
		delete(j.Lanes.ids, name)
	}
	for name, id := range s.lanes {
		j.Lanes.ids[name] = id
	}
	j.Lanes.mu.Unlock()
	j.Counters.notice(s)
	if s.last > 0 {
		j.Seqs.Pass(s.last + 1)
		if uint64(s.first) < j.Seqs.oldest.Load() { // a store that was empty begins with what comes first, and not now
			j.Seqs.oldest.Store(uint64(s.first))
		}
	}
	if !s.meta {
		return nil
	}
	if err := j.identify(); err != nil {
		return err
	}
	horizon, err := j.Meta.Horizon()
	if err != nil {
		return err
	}
	j.Seqs.oldest.Store(max(j.Seqs.oldest.Load(), uint64(horizon)))
	return nil
}

// notice takes over the accounts that a group of the leader's has changed.
func (n *Counters) notice(s seen) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l, c := range s.counts {
		n.set(l, c)
		if c == (journal.Counts{}) {
			delete(n.lanes, l)
		}
	}
	for h, by := range s.held {
		if n.held[h] += uint64(by); n.held[h] == 0 {
			delete(n.held, h)
		}
	}
	if s.events != nil {
		n.events = *s.events
	}
}
