package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Object names a thing whose states audit messages tell.
type Object struct {
	Type, Key string
	// Gone means that the object is no more.
	Gone bool
}

// ObjectState is the latest known state of an object: the event that told it, which is
// kept as long as no later one comes, whatever retention says.
type ObjectState struct {
	Object
	// Version is that of the event, and grows from each state to the next.
	Version Seq
	Record  Record
	// Folded is what a snapshot knows of the state besides its event; nil where the event
	// tells all of it.
	Folded []byte
}

// MaxObjectName bounds an object's type and its key, in bytes each.
const MaxObjectName = 1024

// Check refuses a name that the store has no key for.
func (o *Object) Check() error {
	if len(o.Type) > MaxObjectName || len(o.Key) > MaxObjectName {
		return fmt.Errorf("the type or the key of an object is longer than %d bytes", MaxObjectName)
	}
	return nil
}

// StateKey leads to an object's state. The type's length comes first, so that
// any text may be a type and any text a key.
func StateKey(kind, key string) []byte {
	return append(stateTypeKey(kind), key...)
}

func stateTypeKey(kind string) []byte {
	k := binary.BigEndian.AppendUint16([]byte{tableState}, uint16(len(kind)))
	return append(k, kind...)
}

// objectOf is the object that a key of the table leads to.
func objectOf(k []byte) (o Object, ok bool) {
	if len(k) < 3 {
		return o, false
	}
	n := int(binary.BigEndian.Uint16(k[1:]))
	if len(k) < 3+n {
		return o, false
	}
	return Object{Type: string(k[3 : 3+n]), Key: string(k[3+n:])}, true
}

const (
	stateGone = 1 << iota
	stateFolded
)

// AppendState appends the state of an object that an event tells.
func AppendState(dst []byte, o *Object, r *Record) []byte {
	return (&ObjectState{Object: *o, Version: r.Seq, Record: *r}).appendValue(dst)
}

func (s *ObjectState) appendValue(dst []byte) []byte {
	var flags byte
	if s.Gone {
		flags |= stateGone
	}
	if s.Folded != nil {
		flags |= stateFolded
	}
	dst = binary.BigEndian.AppendUint64(append(dst, RecordV1, flags), uint64(s.Version))
	if s.Folded != nil {
		dst = appendString(dst, string(s.Folded))
	}
	return s.Record.AppendValue(dst)
}

// Objects are the latest states of objects, the index of the events that told them, and
// snapshots of earlier states.
type Objects struct {
	db      *pebble.DB
	numbers Numbers
	commit  Committer
}

// Version is the version of the state on disk, 0 if there is none.
func (s *Objects) Version(k []byte) (Seq, error) {
	v, closer, err := s.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	state, err := readState(k, v)
	return state.Version, err
}

// readState reads a row of the latest states; it shares v's memory.
func readState(k, v []byte) (ObjectState, error) {
	o, ok := objectOf(k)
	if !ok {
		return ObjectState{}, fmt.Errorf("state %q: %w", k, ErrCorrupt)
	}
	return stateOf(o, v)
}

// stateOf reads the state of an object; it shares v's memory.
func stateOf(o Object, v []byte) (s ObjectState, err error) {
	if len(v) < 10 || v[0] != RecordV1 {
		return s, fmt.Errorf("state of %s %q: %w", o.Type, o.Key, ErrCorrupt)
	}
	o.Gone = v[1]&stateGone != 0
	s = ObjectState{Object: o, Version: Seq(binary.BigEndian.Uint64(v[2:]))}
	rest := reader{rest: v[10:]}
	if v[1]&stateFolded != 0 {
		if s.Folded = rest.bytes(); rest.broken {
			return s, fmt.Errorf("state of %s %q: %w", o.Type, o.Key, ErrCorrupt)
		}
	}
	s.Record, err = readRecord(s.Version, rest.rest)
	return s, err
}

// State returns the latest state of an object, or ErrNotFound. Of an object that
// is gone, it gives the last one with Gone set.
func (s *Objects) State(kind, key string) (ObjectState, error) {
	k := StateKey(kind, key)
	v, err := value(s.db, k)
	if err != nil {
		return ObjectState{}, fmt.Errorf("state of %s %q: %w", kind, key, err)
	}
	return readState(k, v)
}

// States calls fn with the states of a type whose keys begin with prefix and
// come after a key, in the order of their keys, until fn says stop. Each is
// given memory of its own.
func (s *Objects) States(kind, prefix, after string, fn func(ObjectState) bool) error {
	lower := StateKey(kind, max(prefix, after))
	if after >= prefix && after != "" {
		lower = append(lower, 0) // the first key behind it
	}
	return Scan(s.db, lower, behind(StateKey(kind, prefix)), func(k, v []byte) (bool, error) {
		s, err := readState(k, append([]byte(nil), v...))
		if err != nil {
			return false, err
		}
		return fn(s), nil
	})
}

// Types returns up to limit types of the objects whose state is known, those behind one of
// them, or from the first on where after is empty.
func (s *Objects) Types(after string, limit int) ([]string, error) {
	lower := []byte{tableState}
	if after != "" {
		lower = behind(stateTypeKey(after))
	}
	var types []string
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{tableState + 1}})
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok && len(types) < limit; {
		o, valid := objectOf(it.Key())
		if !valid {
			return nil, errors.Join(ErrCorrupt, it.Close())
		}
		types = append(types, o.Type)
		ok = it.SeekGE(behind(stateTypeKey(o.Type)))
	}
	return types, errors.Join(it.Error(), it.Close())
}

// behind is the first key that does not begin with prefix.
func behind(prefix []byte) []byte {
	k := append([]byte(nil), prefix...)
	for i := len(k) - 1; i >= 0; i-- {
		if k[i]++; k[i] != 0 {
			return k[:i+1]
		}
	}
	return nil
}

// verifyState checks a row of its table.
func verifyState(v *verifier, k, value []byte) {
	s, err := readState(k, value)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		v.fault("state %q: %v", k[1:], err)
		return
	}
	e := v.content("state", &s.Record)
	switch {
	case v.lacks(s.Version):
		v.fault("state of %s %q: its event %d is not there", s.Type, s.Key, s.Version)
	case e != nil && e.Meta.TellsState && s.Version >= v.horizon:
		if there, err := Has(v.view, changeKey(&s.Object, s.Version)); err != nil || !there {
			v.fault("state of %s %q: its event %d is not in the index of changes: %v", s.Type, s.Key, s.Version, err)
		}
	}
}
