package journal

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// derivedKeyLen is the length of a DerivedKey in bytes.
const derivedKeyLen = 1 + 8 + 4

// DerivedKey is there where there is an event which is the n-th that has come of a first one by
// replies and buses.
func DerivedKey(root Seq, n int) []byte {
	k := binary.BigEndian.AppendUint64([]byte{tableDerived}, uint64(root))
	return binary.BigEndian.AppendUint32(k, uint32(n))
}

// derivedTo returns the end of the rows whose first event is gone.
func derivedTo(oldest Seq) []byte { return DerivedKey(oldest, 0)[:derivedKeyLen-4] }

// Derived returns how many events have come of a first one by replies and buses: the
// number of the last of them.
func (e *Events) Derived(root Seq) (n int, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: DerivedKey(root, 0), UpperBound: derivedTo(root + 1)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if it.Last() && len(it.Key()) == derivedKeyLen {
		n = int(binary.BigEndian.Uint32(it.Key()[derivedKeyLen-4:]))
	}
	return n, it.Error()
}

// verifyDerived checks a row of its table.
func verifyDerived(v *verifier, k, _ []byte) {
	if len(k) != derivedKeyLen {
		v.fault("derived event %x: the key is not valid", k)
	}
}
