package journal

import (
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// JobKey returns the key of what a job has written of itself.
func JobKey(id string) []byte { return append([]byte{tableJob}, id...) }

// JobKind is what a job does: what its id begins with, up to a slash. The ids of redrives,
// which were there first, have none.
type JobKind string

// The kinds of jobs.
const (
	JobRedrive JobKind = ""
	JobReplay  JobKind = "replay"
)

// ID returns the id of a job of this kind.
func (k JobKind) ID(name string) string {
	if k == JobRedrive {
		return name
	}
	return string(k) + "/" + name
}

// KindOfJob returns the kind of a job, and its name among those of that kind.
func KindOfJob(id string) (JobKind, string) {
	if kind, name, ok := strings.Cut(id, "/"); ok {
		return JobKind(kind), name
	}
	return JobRedrive, id
}

// Jobs are what jobs have written of themselves.
type Jobs struct{ db *pebble.DB }

// All calls fn with what every job of a kind has written of itself, in the order of
// their names. The state is valid only during the call.
func (t *Jobs) All(kind JobKind, fn func(name string, state []byte) error) error {
	return Scan(t.db, []byte{tableJob}, []byte{tableJob + 1}, func(k, v []byte) (bool, error) {
		of, name := KindOfJob(string(k[1:]))
		if of != kind {
			return true, nil
		}
		return true, fn(name, v)
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
