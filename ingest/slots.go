package ingest

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

// slots are places for requests that are served.
type slots struct {
	most int64
	// yielding means that a request whose body has not come in full makes way for a new one
	// where there are as many as there may be: the one that has been at it for the longest.
	yielding bool

	mu   sync.Mutex
	used int64
	// arriving are places of requests whose bodies have not come in full, the oldest first.
	arriving list.List
}

// place is that of one request.
type place struct {
	of *slots
	// at is where it stands among those that arrive; nil where it does not.
	at *list.Element
	// left is true once others have the place.
	left bool
	// answer is that of the request.
	answer http.ResponseWriter
}

// take makes p the place of a request, and reports whether there is one.
func (s *slots) take(p *place, w http.ResponseWriter, r *http.Request) bool {
	p.of, p.answer = s, w
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.most && !s.makeRoom() {
		return false
	}
	s.used++
	if s.yielding && r.ContentLength != 0 {
		p.at = s.arriving.PushBack(p)
	}
	return true
}

// cut ends the reading of the request's body.
func (p *place) cut() {
	_ = http.NewResponseController(p.answer).SetReadDeadline(time.Unix(1, 0)) // a recorder has no deadlines
}

// makeRoom cuts off the request whose body has been coming for the longest, and reports
// whether there was one. It must answer soon, and is not counted any more.
func (s *slots) makeRoom() bool {
	oldest := s.arriving.Front()
	if oldest == nil {
		return false
	}
	p := oldest.Value.(*place)
	p.gone()
	p.cut()
	return true
}

// arrived tells that the request's body has come in full: nothing cuts it off any more.
func (p *place) arrived() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.settle()
}

// leave gives the place to others. It may be called more than once.
func (p *place) leave() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.gone()
}

// gone is leave under the lock.
func (p *place) gone() {
	p.settle()
	if !p.left {
		p.left = true
		p.of.used--
	}
}

// settle is arrived under the lock.
func (p *place) settle() {
	if p.at != nil {
		p.of.arriving.Remove(p.at)
		p.at = nil
	}
}
