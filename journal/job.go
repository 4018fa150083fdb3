package journal

import (
	"errors"
	"fmt"

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
	j.trimMu.RLock() // as MoveSync
	defer j.trimMu.RUnlock()
	return j.submit(&request{moves: moves, job: &jobWrite{jobKey(id), state}, done: make(chan error, 1)})
}

func (w *writer) job(job *jobWrite) error {
	if job == nil {
		return nil
	}
	if v := job.state(); v != nil {
		return w.set(job.key, v)
	}
	return w.delete(job.key)
}

// Jobs calls fn with what every job has written of itself, in the order of their
// ids. The state is valid only during the call.
func (j *Journal) Jobs(fn func(id string, state []byte) error) error {
	return j.scan([]byte{tableJob}, []byte{tableJob + 1}, func(k, v []byte) (bool, error) {
		return true, fn(string(k[1:]), v)
	})
}

// Find gives the delivery that lies on disk in the state and the place (Lane,
// Due, Key, Seq, N) of d, with its event, or ErrNotFound.
func (j *Journal) Find(d Delivery) (DeadLetter, error) {
	view := j.db.NewSnapshot() // an event comes and goes with its last delivery
	defer view.Close()
	found := Delivery{Seq: d.Seq, N: d.N, Lane: d.Lane, State: d.State, Due: d.Due, Key: d.Key}
	rest, err := get(view, found.appendKey(nil), func(v []byte) ([]byte, error) { return found.readValue(v) })
	if err != nil {
		return DeadLetter{}, fmt.Errorf("delivery %d/%d: %w", d.Seq, d.N, err)
	}
	if d.State != Dead {
		if rest, err = get(view, eventKey(d.Seq), func(v []byte) ([]byte, error) { return v, nil }); err != nil {
			return DeadLetter{}, fmt.Errorf("event %d: %w", d.Seq, err)
		}
	}
	r, err := readRecord(d.Seq, rest)
	return DeadLetter{Delivery: found, Record: r}, err
}

// WaitingPlaces calls fn with the places of a lane's waiting deliveries, the first
// due first, until fn says stop.
func (j *Journal) WaitingPlaces(l LaneID, fn func(Delivery) bool) error {
	lower, upper := laneRange(tableWaiting, l)
	return j.scan(lower, upper, func(k, _ []byte) (bool, error) {
		d, ok := placeOf(k)
		if !ok {
			return false, errCorrupt
		}
		return fn(d), nil
	})
}

// get reads a value, and gives what read leaves of it memory of its own.
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

// verifyJob checks a row of its table.
func verifyJob(v *verifier, k, value []byte) {
	if v.readers.Job == nil {
		return
	}
	if err := v.readers.Job(string(k[1:]), value); err != nil {
		v.fault("%v", err)
	}
}
