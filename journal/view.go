package journal

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNotFound is the error of what the journal does not hold, or no longer.
var ErrNotFound = errors.New("not found")

// Numbers tell where the log of events stands.
type Numbers interface {
	// Oldest is the least number whose event may still be kept.
	Oldest() Seq
	// Stable is the bound below which every event is on disk and known to its lanes.
	Stable() Seq
	// Clock is the time that numbers go by.
	Clock() Seq
}

// Committer makes a change of the store durable.
type Committer func(write func(*pebble.Batch) error) error

// Scan calls fn with the rows from lower up to upper, until it says stop. Key and value are
// valid only during the call.
func Scan(view pebble.Reader, lower, upper []byte, fn func(k, v []byte) (bool, error)) (err error) {
	it, err := view.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if more, err := fn(it.Key(), v); err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// get reads a value, and returns a copy of what read leaves of it; ErrNotFound where there
// is no row.
func get(view pebble.Reader, key []byte, read func([]byte) ([]byte, error)) ([]byte, error) {
	v, closer, err := view.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	rest, err := read(v)
	return append([]byte(nil), rest...), err
}

// value returns a copy of a row's value, or ErrNotFound.
func value(view pebble.Reader, key []byte) ([]byte, error) {
	return get(view, key, func(v []byte) ([]byte, error) { return v, nil })
}

// Has reports whether there is a row.
func Has(view pebble.Reader, key []byte) (bool, error) {
	_, err := get(view, key, func([]byte) ([]byte, error) { return nil, nil })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
