package router

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/work"
)

const (
	// maxOpenWork bounds the work requests that have not ended, which are held in
	// memory; more commands are told to come again.
	maxOpenWork = 100_000
	// keptEnded is how many ended ones are held too, so that what comes too late
	// for them is counted.
	keptEnded = 1024
)

// works holds the work requests that events may still move.
type works struct {
	// open counts those that have not ended, all those that are held.
	open, all atomic.Int64

	mu sync.Mutex
	// track leads to them from the ids of their commands and of their stories.
	track map[string][]*tracked
	ended []*tracked // oldest first
}

// tracked is one work request in memory.
type tracked struct {
	seq journal.Seq // of its command
	// moving is held from the decision on a step until it is on disk.
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

// CheckWork says what is wrong with a stored work request, if anything is.
func CheckWork(k journal.Work) error {
	w, err := readWork(k)
	if err == nil && (k.Value[0] == storedEnded) != w.Action.Ended() {
		err = fmt.Errorf("work request of event %d: it is stored as %d, and its state is %q", k.Seq, k.Value[0], w.Action)
	}
	return err
}

// recoverWorks reads the open work requests from the journal.
func (r *Router) recoverWorks() error {
	var fault error
	err := r.journal.Works(^journal.Seq(0), func(k journal.Work) bool {
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
		r.works.add(t)
		return true
	})
	return errors.Join(err, fault)
}

func (s *works) add(t *tracked) {
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
func (s *works) finish(t *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Add(-1)
	s.ended = append(s.ended, t)
	if len(s.ended) > keptEnded {
		s.forget(s.ended[0])
		s.ended = slices.Delete(s.ended, 0, 1)
	}
}

func (s *works) forget(t *tracked) {
	for _, id := range t.ids() {
		left := slices.DeleteFunc(s.track[id], func(o *tracked) bool { return o == t })
		if s.track[id] = left; len(left) == 0 {
			delete(s.track, id)
		}
	}
	s.all.Add(-1)
}

// dropBefore forgets the work requests whose commands retention has dropped.
func (s *works) dropBefore(oldest journal.Seq) {
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
func (s *works) ofCommand(id string) *tracked {
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

// ofStory finds the work request that an event may move: that of the command
// which caused it, or whose id is its correlation id; else the only open one of
// its story, or the one of them that it names.
func (s *works) ofStory(e *event.Event) *tracked {
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

// advance moves a work request on for a reason that is no event: what came of its
// command's delivery, or a call. It returns when the step is on disk.
func (r *Router) advance(t *tracked, c work.Change) (work.Refusal, error) {
	s := &steps{r: r, snap: r.snapshot.Load()}
	defer s.release()
	s.lock([]*tracked{t})
	s.reserved = append(s.reserved, r.journal.Reserve(1))
	c.At = s.reserved[0].First.Time()
	refusal, err := s.move(t, c)
	if err != nil || refusal != work.None {
		return refusal, err
	}
	if err := r.journal.Append(s.entries); err != nil {
		return work.None, fmt.Errorf("journal: %w", err)
	}
	s.commit()
	return work.None, nil
}

// WorkRequest gives a work request by its id, or by that of its command;
// journal.ErrNotFound if there is none, or retention has dropped it.
func (r *Router) WorkRequest(id string) (*work.Request, error) {
	if t := r.works.ofCommand(id); t != nil {
		return t.now.Load(), nil
	}
	if seq, ok := journal.SeqOfEventID(id); ok {
		if k, err := r.journal.Work(seq); err == nil {
			if w, err := readWork(k); err == nil && (w.ID == id || w.CommandID == id) {
				return w, nil
			}
		}
	}
	if rec, err := r.journal.EventByGivenID(id); err == nil {
		if k, err := r.journal.Work(rec.Seq); err == nil {
			return readWork(k)
		}
	}
	return nil, fmt.Errorf("work request %q: %w", id, journal.ErrNotFound)
}

// WorkRequests calls fn with the work requests before the one whose id is given,
// or with all of them where it is empty, the latest first, until fn says stop.
func (r *Router) WorkRequests(before string, fn func(*work.Request) bool) error {
	from := ^journal.Seq(0)
	if before != "" {
		seq, ok := journal.SeqOfEventID(before)
		if !ok {
			return fmt.Errorf("work request %q: %w", before, journal.ErrNotFound)
		}
		from = seq
	}
	var fault error
	err := r.journal.Works(from, func(k journal.Work) bool {
		w, err := readWork(k)
		if err != nil {
			fault = err
			return false
		}
		// A step is in the store before it is synced, and in memory afterwards: what
		// WorkRequest does not say yet is not said here either.
		if t := r.works.ofCommand(w.CommandID); t != nil && t.seq == k.Seq {
			w = t.now.Load()
		}
		return fn(w)
	})
	return errors.Join(err, fault)
}

// WorkEnded says that a work request has ended and can't be cancelled.
type WorkEnded struct{ Request *work.Request }

func (e *WorkEnded) Error() string {
	return fmt.Sprintf("work request %s has ended: it is %s since %s", e.Request.ID, e.Request.Action, e.Request.TimeFinished.Format(time.RFC3339))
}

// CancelWork asks for the end of a work request: it becomes CANCELING, and the
// event that says so can be routed to its handler. One that is CANCELING already
// stays so. The error is journal.ErrNotFound, *WorkEnded, or of the store.
func (r *Router) CancelWork(_ context.Context, id string) (*work.Request, error) {
	if err := r.gate.admit(); err != nil {
		return nil, err
	}
	w, err := r.WorkRequest(id)
	if err != nil {
		return nil, err
	}
	t := r.works.ofCommand(w.CommandID)
	if t == nil || t.now.Load().ID != w.ID {
		return nil, &WorkEnded{w}
	}
	refusal, err := r.advance(t, work.Change{Action: work.Canceling, Note: "asked for"})
	if err != nil {
		return nil, err
	}
	if w = t.now.Load(); refusal == work.HasEnded {
		return nil, &WorkEnded{w}
	}
	return w, nil
}

// sortedBySeq orders work requests as all who lock several of them must.
func sortedBySeq(list []*tracked) []*tracked {
	slices.SortFunc(list, func(a, b *tracked) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(list)
}
