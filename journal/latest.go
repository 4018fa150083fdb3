package journal

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Latest calls fn with events, the last one first, down to those accepted at since,
// until fn says stop. It reads no more than fn asks for.
func (j *Journal) Latest(since Seq, fn func(Record) bool) error {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(since), UpperBound: []byte{tableEvent + 1}})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		r, err := readRecord(Seq(binary.BigEndian.Uint64(it.Key()[1:])), append([]byte(nil), v...))
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(r) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}
