package journal

import (
	"github.com/cockroachdb/pebble/v2"
)

// JobKey returns the key of what a job has written of itself.
func JobKey(id string) []byte { return append([]byte{tableJob}, id...) }

// Jobs are what jobs have written of themselves.
type Jobs struct{ db *pebble.DB }

// All calls fn with what every job has written of itself, in the order of their
// ids. The state is valid only during the call.
func (t *Jobs) All(fn func(id string, state []byte) error) error {
	return Scan(t.db, []byte{tableJob}, []byte{tableJob + 1}, func(k, v []byte) (bool, error) {
		return true, fn(string(k[1:]), v)
	})
}

// verifyJob checks a row of its table.
func verifyJob(v *verifier, k, value []byte) {
	if v.readers.Job == nil {
		return
	}
	if err := v.readers.Job(string(k[1:]), value); err != nil {
		v.fault("%v", err)
	}
}
