package journal

import (
	"github.com/cockroachdb/pebble/v2"
)

// jobWrite is what a job writes of itself beside its moves.
type jobWrite struct {
	key   []byte
	state func() []byte
}

func jobKey(id string) []byte { return append([]byte{tableJob}, id...) }

// MoveJob makes moves durable, as MoveSync does, and with them what a job wants
// to know after a restart: all or none. The state is asked for once Made is known
// for every move; it is called by the journal's writer and must not wait for it.
// A nil state forgets the job.
func (j *Journal) MoveJob(moves []Move, id string, state func() []byte) error {
	j.Trimmer.mu.RLock() // as MoveSync
	defer j.Trimmer.mu.RUnlock()
	return j.submit(&request{moves: moves, job: &jobWrite{jobKey(id), state}, done: make(chan error, 1)})
}

// Jobs are what jobs have written of themselves.
type Jobs struct{ db *pebble.DB }

// All calls fn with what every job has written of itself, in the order of their
// ids. The state is valid only during the call.
func (t *Jobs) All(fn func(id string, state []byte) error) error {
	return scanIn(t.db, []byte{tableJob}, []byte{tableJob + 1}, func(k, v []byte) (bool, error) {
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
