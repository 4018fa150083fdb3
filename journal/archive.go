package journal

import (
	"encoding/json"

	"github.com/cockroachdb/pebble/v2"
)

// tableArchive holds how far the archives have got: the name of one → its state in JSON.
const tableArchive = 'z'

// archiveKey returns the key of the state of an archive.
func archiveKey(name string) []byte { return append([]byte{tableArchive}, name...) }

// Archives are what archives have written of themselves.
type Archives struct {
	db     *pebble.DB
	commit Committer
}

// All calls fn with the state of every archive, in the order of their names. The state is
// valid only during the call.
func (a *Archives) All(fn func(name string, state []byte) error) error {
	return Scan(a.db, archiveKey(""), []byte{tableArchive + 1}, func(k, v []byte) (bool, error) {
		return true, fn(string(k[1:]), v)
	})
}

// Put stores the state of an archive in JSON, and returns when it is on disk.
func (a *Archives) Put(name string, state []byte) error {
	return a.commit(func(b *pebble.Batch) error { return b.Set(archiveKey(name), state, nil) })
}

// Delete removes the state of an archive that there is no more.
func (a *Archives) Delete(name string) error {
	return a.commit(func(b *pebble.Batch) error { return b.Delete(archiveKey(name), nil) })
}

// verifyArchive checks a row of its table.
func verifyArchive(v *verifier, k, value []byte) {
	var s struct {
		Ahead Seq `json:"ahead,string"`
	}
	if json.Unmarshal(value, &s) != nil {
		v.fault("archive %q: %v", k[1:], ErrCorrupt)
	}
	v.ahead = max(v.ahead, s.Ahead)
}
