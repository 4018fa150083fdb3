package router

import (
	"slices"
	"sync"
	"sync/atomic"

	"signalbox/event"
)

// maxAskers bounds the senders of commands and queries who wait for an answer.
const maxAskers = 4096

// asker waits for what the handler of one message answers.
type asker struct {
	kind   event.Kind // as which the message was sent
	id     string     // of the message, once it has one
	answer chan Reply // nil where nobody waits
}

// wants refuses a message that the catalog declares to be of another kind than it
// was sent as. A nil asker is that of messages of any kind.
func (a *asker) wants(e *event.Event) error {
	if a == nil || a.kind == e.Meta.Kind {
		return nil
	}
	return requestError(event.CodeInvalidArgument, "the catalog declares %s to be of the kind %s, and it was sent as a %s: send it to the way in for its own kind",
		e.DetailType, e.Meta.Kind, a.kind)
}

// askers are all who wait, by the message's id.
type askers struct {
	// admitted counts those that have been let in; waiting those whose message has
	// been planned.
	admitted, waiting atomic.Int64

	mu sync.Mutex
	by map[string][]*asker
}

// admit lets one more in, unless there are too many; leave must be called then.
func (s *askers) admit() bool {
	if s.admitted.Add(1) > maxAskers {
		s.admitted.Add(-1)
		return false
	}
	return true
}

// add notes that an asker waits for the answer to a message, if it does.
func (s *askers) add(id string, a *asker) {
	if a == nil || a.answer == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string][]*asker{}
	}
	a.id = id
	s.by[id] = append(s.by[id], a)
	s.waiting.Add(1)
}

// leave says that an asker waits no longer.
func (s *askers) leave(a *asker) {
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

// tell gives all who wait for a message their answer; only the first one counts.
func (s *askers) tell(id string, r Reply) {
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

// wait says whether somebody waits for a message.
func (s *askers) wait(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by[id]) > 0
}
