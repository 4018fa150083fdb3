package journal

import (
	"encoding/json"

	"github.com/cockroachdb/pebble/v2"
)

// Marks are what parts of one kind, such as archives, have written of how far they have got.
type Marks struct {
	table  byte
	db     *pebble.DB
	commit Committer
}

func (m *Marks) key(name string) []byte { return append([]byte{m.table}, name...) }

// All calls fn with every state, in the order of their names. The state is valid only during
// the call.
func (m *Marks) All(fn func(name string, state []byte) error) error {
	return Scan(m.db, m.key(""), []byte{m.table + 1}, func(k, v []byte) (bool, error) {
		return true, fn(string(k[1:]), v)
	})
}

// Put stores a state in JSON, and returns when it is on disk.
func (m *Marks) Put(name string, state []byte) error {
	return m.commit(func(b *pebble.Batch) error { return b.Set(m.key(name), state, nil) })
}

// Delete removes the state of what is there no more.
func (m *Marks) Delete(name string) error {
	return m.commit(func(b *pebble.Batch) error { return b.Delete(m.key(name), nil) })
}

// verifyMark checks a row of such a table.
func verifyMark(v *verifier, k, value []byte) {
	if !json.Valid(value) {
		v.fault("how far %q has got: %v", k[1:], ErrCorrupt)
	}
}

// verifyArchive checks a row of the table of archives.
func verifyArchive(v *verifier, k, value []byte) {
	var s struct {
		Ahead Seq `json:"ahead,string"`
	}
	if json.Unmarshal(value, &s) != nil {
		v.fault("archive %q: %v", k[1:], ErrCorrupt)
	}
	v.ahead = max(v.ahead, s.Ahead)
}
