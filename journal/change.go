package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// The index of changes leads from an object to the events that changed it. As in the index of
// ids, the hour of acceptance comes first, so that old entries can be dropped as a range.

const (
	changePrefixLen = 1 + 4 + 8
	changeKeyLen    = changePrefixLen + 8
)

func changeKey(o *Object, s Seq) []byte {
	return binary.BigEndian.AppendUint64(changePrefix(HourOf(s), o), uint64(s))
}

// changePrefix begins the keys of the changes of an object within an hour.
func changePrefix(hour uint32, o *Object) []byte {
	h := fnv.New64a()
	h.Write([]byte(o.Type))
	h.Write([]byte{0})
	h.Write([]byte(o.Key))
	return h.Sum(binary.BigEndian.AppendUint32([]byte{tableChange}, hour))
}

// changesTo returns the end of the rows whose events were accepted in hours that are gone.
func changesTo(oldest Seq) []byte {
	return binary.BigEndian.AppendUint32([]byte{tableChange}, HourOf(oldest))
}

// Change is an event that changed an object.
type Change struct {
	Object
	Seq Seq
	// Added means that the event was found to be one after it was accepted.
	Added bool
}

const (
	changeGone = 1 << iota
	changeAdded
)

// Row returns the row of the index.
func (c *Change) Row() (key, value []byte) {
	var flags byte
	if c.Gone {
		flags |= changeGone
	}
	if c.Added {
		flags |= changeAdded
	}
	return changeKey(&c.Object, c.Seq), append(stateTypeKey(c.Type)[1:], append([]byte(c.Key), flags)...)
}

// readChange reads a row of the index.
func readChange(k, v []byte) (c Change, err error) {
	if len(k) != changeKeyLen || len(v) < 3 {
		return c, fmt.Errorf("change %x: %w", k, ErrCorrupt)
	}
	last := len(v) - 1
	o, ok := objectOf(append([]byte{tableState}, v[:last]...))
	if !ok {
		return c, fmt.Errorf("change %x: %w", k, ErrCorrupt)
	}
	o.Gone = v[last]&changeGone != 0
	return Change{Object: o, Seq: Seq(binary.BigEndian.Uint64(k[changePrefixLen:])), Added: v[last]&changeAdded != 0}, nil
}

// Changes calls fn with the changes of an object by the events from a number on, up to but
// without that at before, in their order, until fn says stop.
func (s *Objects) Changes(o Object, from, before Seq, fn func(Change) (bool, error)) error {
	return s.changes(&o, from, before, func(it *pebble.Iterator, from, before Seq) error {
		for hour, last := HourOf(from), HourOf(before); hour <= last; hour++ {
			prefix := changePrefix(hour, &o)
			ok := it.SeekGE(binary.BigEndian.AppendUint64(slices.Clone(prefix), uint64(from)))
			for ; ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
				if more, err := visit(it, &o, from, before, fn); err != nil || !more {
					return err
				}
			}
			if !ok {
				return nil // nothing lies behind
			}
			hour = max(hour, binary.BigEndian.Uint32(it.Key()[1:])-1) // hours without any change are passed over
		}
		return nil
	})
}

// LatestChanges is Changes, the latest first.
func (s *Objects) LatestChanges(o Object, from, before Seq, fn func(Change) (bool, error)) error {
	return s.changes(&o, from, before, func(it *pebble.Iterator, from, before Seq) error {
		for hour, first := HourOf(before), HourOf(from); hour >= first; hour-- {
			prefix := changePrefix(hour, &o)
			ok := it.SeekLT(binary.BigEndian.AppendUint64(slices.Clone(prefix), uint64(before)))
			for ; ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Prev() {
				if more, err := visit(it, &o, from, before, fn); err != nil || !more {
					return err
				}
			}
			if !ok || hour == 0 {
				return nil
			}
			hour = min(hour, binary.BigEndian.Uint32(it.Key()[1:])+1)
		}
		return nil
	})
}

// changes gives walk an iterator over the index, and the bounds of what is kept of it.
func (s *Objects) changes(o *Object, from, before Seq, walk func(it *pebble.Iterator, from, before Seq) error) error {
	from = max(from, s.numbers.Oldest())
	if before = min(before, s.numbers.Clock()+1); before <= from {
		return nil
	}
	lower := binary.BigEndian.AppendUint32([]byte{tableChange}, HourOf(from))
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{tableChange + 1}})
	if err == nil {
		err = errors.Join(walk(it, from, before), it.Error(), it.Close())
	}
	if err != nil {
		return fmt.Errorf("changes of %s %q: %w", o.Type, o.Key, err)
	}
	return nil
}

// visit calls fn with the change that an iterator is at, if it is of an object and within
// bounds: a hash may stand for several objects.
func visit(it *pebble.Iterator, o *Object, from, before Seq, fn func(Change) (bool, error)) (more bool, err error) {
	c, err := readChange(it.Key(), it.Value())
	switch {
	case err != nil:
		return false, err
	case c.Seq < from || c.Seq >= before:
		return false, nil
	case c.Type != o.Type || c.Key != o.Key:
		return true, nil
	}
	return fn(c)
}

// AllChanges calls fn with the changes of all objects by the events from a number on, up to
// but without that at before: hour by hour, and within an hour those of an object in their
// order.
func (s *Objects) AllChanges(from, before Seq, fn func(Change) error) error {
	return Scan(s.db, changesTo(from), changesTo(before+Seq(time.Hour)), func(k, v []byte) (bool, error) {
		c, err := readChange(k, v)
		if err != nil || c.Seq < from || c.Seq >= before {
			return true, err
		}
		return true, fn(c)
	})
}

// verifyChange checks a row of its table.
func verifyChange(v *verifier, k, value []byte) {
	c, err := readChange(k, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	v.indexed("change", k)
	if own := changeKey(&c.Object, c.Seq); !bytes.Equal(own, k) {
		v.fault("change %x: it is of %s %q, whose key is another", k, c.Type, c.Key)
	}
	if !c.Added && v.own(c.Seq) {
		v.changed[HourOf(c.Seq)] = v.changed[HourOf(c.Seq)].plus(c.Seq, -1)
	}
}

// tally sums up the events of an hour, so that two sets of them can be compared.
type tally struct {
	events int
	sum    uint64
}

func (t tally) plus(s Seq, by int) tally {
	x := uint64(s) * 0x9e3779b97f4a7c15 // so that sums of different sets differ
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return tally{t.events + by, t.sum + uint64(by)*(x^x>>32)}
}

// compareChanges compares the events that say to have changed an object with the index.
func (v *verifier) compareChanges() {
	for _, hour := range slices.Sorted(maps.Keys(v.changed)) {
		if t := v.changed[hour]; t != (tally{}) && !v.opaque {
			v.fault("changes of objects: in the hour from %s the events and their index differ, by %d", time.Unix(int64(hour)*3600, 0).UTC().Format(time.RFC3339), t.events)
		}
	}
}
