package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

const (
	// maxOpenWork bounds the work requests that have not ended, which are kept in
	// memory; more commands are told to come again.
	maxOpenWork = 100_000
	// keptEnded is how many ended ones are kept too, so that what comes too late
	// for them is counted.
	keptEnded = 1024
)

// requests are the work requests that events may still move.
type requests struct {
	// open counts those that have not ended, all those in memory.
	open, all atomic.Int64

	mu sync.Mutex
	// track leads to them from the ids of their commands and their correlation ids.
	track map[string][]*tracked
	ended []*tracked // oldest first
}

// tracked is one work request in memory.
type tracked struct {
	seq journal.Seq // of its command
	// moving is locked from the decision on a step until it is on disk.
	moving sync.Mutex
	now    atomic.Pointer[work.Request]
}

// The first byte of a stored state says whether the work has ended, so that the
// open ones are found without reading the others.
const (
	storedOpen byte = iota
	storedEnded
)

func storeWork(seq journal.Seq, w *work.Request) (journal.Work, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return journal.Work{}, fmt.Errorf("work request %s: %w", w.ID, err)
	}
	state := storedOpen
	if w.Action.Ended() {
		state = storedEnded
	}
	return journal.Work{Seq: seq, Value: append([]byte{state}, body...)}, nil
}

func readWork(k journal.Work) (*work.Request, error) {
	w := new(work.Request)
	if len(k.Value) == 0 {
		return nil, fmt.Errorf("work request of event %d: empty", k.Seq)
	}
	if err := json.Unmarshal(k.Value[1:], w); err != nil {
		return nil, fmt.Errorf("work request of event %d: %w", k.Seq, err)
	}
	return w, nil
}

// CheckWork returns what is wrong with a stored work request, if anything is.
func CheckWork(k journal.Work) error {
	w, err := readWork(k)
	if err == nil && (k.Value[0] == storedEnded) != w.Action.Ended() {
		err = fmt.Errorf("work request of event %d: it is stored as %d, and its state is %q", k.Seq, k.Value[0], w.Action)
	}
	return err
}

// recover reads the open work requests from a journal.
func (s *requests) recover(j *store.Journal) error {
	var fault error
	err := j.Works.Before(^journal.Seq(0), func(k journal.Work) bool {
		if len(k.Value) > 0 && k.Value[0] == storedEnded {
			return true
		}
		w, err := readWork(k)
		if err != nil {
			fault = err
			return false
		}
		t := &tracked{seq: k.Seq}
		t.now.Store(w)
		s.add(t)
		return true
	})
	return errors.Join(err, fault)
}

func (s *requests) add(t *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range t.ids() {
		s.track[id] = append(s.track[id], t)
	}
	s.all.Add(1)
	s.open.Add(1)
}

// ids are those under which a work request is found.
func (t *tracked) ids() []string {
	w := t.now.Load()
	if w.CommandID == w.CorrelationID {
		return []string{w.CommandID}
	}
	return []string{w.CommandID, w.CorrelationID}
}

// finish notes that a work request has ended, and forgets the oldest that has.
func (s *requests) finish(t *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Add(-1)
	s.ended = append(s.ended, t)
	if len(s.ended) > keptEnded {
		s.forget(s.ended[0])
		s.ended = slices.Delete(s.ended, 0, 1)
	}
}

func (s *requests) forget(t *tracked) {
	for _, id := range t.ids() {
		left := slices.DeleteFunc(s.track[id], func(o *tracked) bool { return o == t })
		if s.track[id] = left; len(left) == 0 {
			delete(s.track, id)
		}
	}
	s.all.Add(-1)
}

// dropBefore forgets the work requests whose commands retention has dropped.
func (s *requests) dropBefore(oldest journal.Seq) {
	if s.all.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[*tracked]bool{}
	for _, list := range s.track {
		for _, t := range list {
			if t.seq < oldest {
				gone[t] = true
			}
		}
	}
	for t := range gone {
		s.forget(t)
		if !t.now.Load().Action.Ended() {
			s.open.Add(-1)
		}
	}
	s.ended = slices.DeleteFunc(s.ended, func(t *tracked) bool { return gone[t] })
}

// ofCommand finds the work request of a command by its event's id, the latest
// one where several commands had the same.
func (s *requests) ofCommand(id string) *tracked {
	if s.all.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.track[id]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].now.Load().CommandID == id {
			return list[i]
		}
	}
	return nil
}

// ofEvent finds the work request that an event may move: that of the command
// which caused it, or whose id is its correlation id; else the only open one with
// its correlation id, or the one of them that it names.
func (s *requests) ofEvent(e *event.Event) *tracked {
	if s.all.Load() == 0 || e.Meta.CausationID == "" && e.Meta.CorrelationID == "" || e.Source == work.StepSource {
		return nil
	}
	for _, id := range [...]string{e.Meta.CausationID, e.Meta.CorrelationID} {
		if t := s.ofCommand(id); t != nil {
			return t
		}
	}
	s.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(s.track[e.Meta.CorrelationID]), func(t *tracked) bool {
		return t.now.Load().Action.Ended()
	})
	s.mu.Unlock()
	if len(list) > 1 {
		list = slices.DeleteFunc(list, func(t *tracked) bool { return !t.now.Load().Named(e) })
	}
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

// sortedBySeq orders work requests as all who lock several of them must.
func sortedBySeq(list []*tracked) []*tracked {
	slices.SortFunc(list, func(a, b *tracked) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(list)
}
