package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Work is the latest state of a work request, which belongs to the event of the
// command that asked for the work. What the state says is its writer's affair.
type Work struct {
	// Seq is that of the command's event.
	Seq   Seq
	Value []byte
}

// WorkKey returns the key of the work request of a command.
func WorkKey(s Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{TableWork}, uint64(s))
}

// Works are the latest states of work requests.
type Works struct {
	db      *pebble.DB
	numbers Numbers
}

// Work returns the latest state of the work request of a command, or ErrNotFound.
func (t *Works) Work(s Seq) (Work, error) {
	v, err := value(t.db, WorkKey(s))
	if err != nil {
		return Work{}, fmt.Errorf("work request of event %d: %w", s, err)
	}
	return Work{Seq: s, Value: v}, nil
}

// Before calls fn with the work requests of commands before a sequence number,
// the latest command first, until fn says stop. It is given memory of its own.
func (t *Works) Before(before Seq, fn func(Work) bool) error {
	it, err := t.db.NewIter(&pebble.IterOptions{LowerBound: WorkKey(t.numbers.Oldest()), UpperBound: WorkKey(before)})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		w := Work{Seq: Seq(binary.BigEndian.Uint64(it.Key()[1:])), Value: append([]byte(nil), v...)}
		if !fn(w) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// verifyWork checks a row of its table.
func verifyWork(v *verifier, k, value []byte) {
	if len(k) != 9 {
		v.fault("work request %x: the key is not valid", k)
		return
	}
	w := Work{Seq: Seq(binary.BigEndian.Uint64(k[1:])), Value: value}
	if v.lacks(w.Seq) {
		v.fault("work request of event %d: the event is not there", w.Seq)
	}
	if v.readers.Work == nil {
		return
	}
	if err := v.readers.Work(w); err != nil {
		v.fault("%v", err)
	}
}
