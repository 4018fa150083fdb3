package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/journal"
)

// MaxNodes is how many nodes can number events at the same time: the low bits of a number,
// about a microsecond, are its node's, so that no two give the same one.
const MaxNodes = 1 << 10

// Sequence hands out sequence numbers and knows up to which of them every one
// has been used or given back. Readers of the ready table stop there: past it an
// event may be visible before it is durable.
type Sequence struct {
	now func() time.Time
	// oldest is the least number whose event may still be kept.
	oldest atomic.Uint64
	// outlived is the number before which a state is not found by the event that told it,
	// or will soon not be.
	outlived atomic.Uint64
	node     journal.Seq // in the low bits of every number
	mu       sync.Mutex
	last     journal.Seq
	// open holds what was handed out and not yet released, oldest first; base
	// counts the reservations that were dropped from its front.
	open []span
	base uint64
	// awaited holds who wants to know that a number has been settled.
	awaited []await
}

type await struct {
	at journal.Seq
	fn func()
}

type span struct {
	first journal.Seq
	done  bool
}

// Reservation is a run of sequence numbers for events about to be appended. It
// must be released, whether or not they were.
type Reservation struct {
	First journal.Seq
	N     int
	at    uint64
	seq   *Sequence
}

// At is the i-th sequence number.
func (r Reservation) At(i int) journal.Seq { return r.First + journal.Seq(i)*MaxNodes }

// Release ends the reservation: the numbers' events are on disk and known to their lanes,
// or never will be.
func (r Reservation) Release() {
	for _, fn := range r.seq.release(r.at) {
		fn()
	}
}

// release returns what is to be called now that the bound has moved.
func (s *Sequence) release(at uint64) (settled []func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[at-s.base].done = true
	n := 0
	for n < len(s.open) && s.open[n].done {
		n++
	}
	s.open = s.open[n:]
	s.base += uint64(n)
	if n == 0 || len(s.awaited) == 0 {
		return nil
	}
	bound := s.bound()
	s.awaited = slices.DeleteFunc(s.awaited, func(a await) bool {
		if a.at < bound {
			settled = append(settled, a.fn)
		}
		return a.at < bound
	})
	return settled
}

// Reserve hands out n numbers for events that are about to be appended.
func (s *Sequence) Reserve(n int) Reservation {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	least := max(s.last+1, journal.SeqAt(now))
	first := least/MaxNodes*MaxNodes + s.node
	if first < least {
		first += MaxNodes
	}
	s.last = first + journal.Seq(n-1)*MaxNodes
	s.open = append(s.open, span{first: first})
	return Reservation{First: first, N: n, at: s.base + uint64(len(s.open)) - 1, seq: s}
}

// begin takes the first and the last number of the log; 0 if it is empty, which begins now.
func (s *Sequence) begin(first, last journal.Seq) {
	if last == 0 {
		first = journal.SeqAt(s.now())
		last = first
	}
	s.last = last
	s.oldest.Store(uint64(first))
}

// Pass makes sure that no event gets a number before at any more, though the clock be set back.
func (s *Sequence) Pass(at journal.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, at) - 1
}

// Oldest returns the least number whose event may still be kept.
func (s *Sequence) Oldest() journal.Seq { return journal.Seq(s.oldest.Load()) }

// Clock returns the time that numbers go by: it never goes back, though the machine's may.
func (s *Sequence) Clock() journal.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.last, journal.SeqAt(s.now()))
}

// Stable returns the bound below which every event is on disk and known to its lanes.
func (s *Sequence) Stable() journal.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound()
}

func (s *Sequence) bound() journal.Seq {
	if len(s.open) > 0 {
		return s.open[0].first
	}
	return s.last + 1
}

// Await calls fn once Stable has passed a number, and returns false, without a call to
// come, if it has already. The call comes from whoever releases a reservation.
func (s *Sequence) Await(at journal.Seq, fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < s.bound() {
		return false
	}
	s.awaited = append(s.awaited, await{at, fn})
	return true
}
