package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// tableAudit holds what was done with the right to operate: a time in nanoseconds → an entry
// in JSON. It goes with the events of its time.
const tableAudit = 'a'

// AuditKey returns the key of an entry of the audit, of a time in nanoseconds since 1970.
func AuditKey(at uint64) []byte { return binary.BigEndian.AppendUint64([]byte{tableAudit}, at) }

// auditsTo is the end of what goes with the events before a number, which is a time too.
func auditsTo(oldest Seq) []byte { return AuditKey(uint64(oldest)) }

// Audit is the part of a journal that remembers who did what.
type Audit struct {
	db     *pebble.DB
	commit Committer
}

// Put stores an entry in JSON under a time in nanoseconds since 1970, in place of the one
// that was there, and returns when it is on disk.
func (a *Audit) Put(at uint64, entry []byte) error {
	return a.commit(func(b *pebble.Batch) error { return b.Set(AuditKey(at), entry, nil) })
}

// Latest calls fn with the entries before a time, the latest first, until it says stop. The
// entry is valid only during the call.
func (a *Audit) Latest(before uint64, fn func(at uint64, entry []byte) bool) error {
	it, err := a.db.NewIter(&pebble.IterOptions{LowerBound: AuditKey(0), UpperBound: AuditKey(before)})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		if k := it.Key(); len(k) != len(AuditKey(0)) || !fn(binary.BigEndian.Uint64(k[1:]), it.Value()) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// verifyAudit checks a row of its table.
func verifyAudit(v *verifier, k, value []byte) {
	if len(k) != len(AuditKey(0)) || !json.Valid(value) {
		v.fault("audit %x: %v", k[1:], ErrCorrupt)
	}
}
