package commands

import (
	"slices"
	"sync"
	"sync/atomic"

	"signalbox/event"
)

// maxWaiters bounds the senders of commands and queries who wait for an answer.
const maxWaiters = 4096

// waiter waits for what the handler of one message answers.
type waiter struct {
	kind   event.Kind // as which the message was sent
	id     string     // of the message, once it has one
	answer chan Reply // nil where nobody waits
}

// wants refuses a message that the catalog declares to be of another kind than it
// was sent as.
func (a *waiter) wants(e *event.Event) error {
	if a.kind == e.Meta.TreatedAs() {
		return nil
	}
	return refusal(event.CodeInvalidArgument, "the catalog declares %s to be of the kind %s, and it was sent as a %s: send it to the way in for its own kind",
		e.DetailType, e.Meta.Kind, a.kind)
}

// waiters are all who wait, by the message's id.
type waiters struct {
	// admitted counts those that have been let in; waiting those whose message has
	// been planned.
	admitted, waiting atomic.Int64

	mu sync.Mutex
	by map[string][]*waiter
}

// admit lets one more in, unless there are too many; leave must be called then.
func (s *waiters) admit() bool {
	if s.admitted.Add(1) > maxWaiters {
		s.admitted.Add(-1)
		return false
	}
	return true
}

// add notes that a waiter waits for the answer to a message, if it does.
func (s *waiters) add(id string, a *waiter) {
	if a.answer == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string][]*waiter{}
	}
	a.id = id
	s.by[id] = append(s.by[id], a)
	s.waiting.Add(1)
}

// leave lets a waiter go.
func (s *waiters) leave(a *waiter) {
	s.admitted.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.by[a.id]
	if i := slices.Index(list, a); i >= 0 {
		s.waiting.Add(-1)
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(s.by, a.id)
		return
	}
	s.by[a.id] = list
}

// tell hands all who wait for a message their answer; only the first one counts.
func (s *waiters) tell(id string, r Reply) {
	if s.waiting.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.by[id] {
		select {
		case a.answer <- r:
		default:
		}
	}
}

// wait reports whether somebody waits for a message.
func (s *waiters) wait(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by[id]) > 0
}
