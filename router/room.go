package router

import (
	"sync"

	"signalbox/journal"
	"signalbox/rules"
)

// room is memory for the plans of one request, which is used again for those of another. A
// nil one makes memory that is kept.
type room struct {
	plans      []plan
	entries    []journal.Entry
	matched    []rules.Matched
	sends      []send
	deliveries []journal.Delivery
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// maxRoom is the most events of a request whose room is used again.
const maxRoom = 256

// newRoom returns an empty room for n events.
func newRoom(n int) *room {
	r := rooms.Get().(*room)
	if cap(r.plans) < n {
		r.plans, r.entries = make([]plan, 0, n), make([]journal.Entry, 0, n)
	}
	if most := 2 * n; cap(r.matched) < most { // most events meet one rule or two
		r.matched, r.sends, r.deliveries = make([]rules.Matched, 0, most), make([]send, 0, most), make([]journal.Delivery, 0, most)
	}
	return r
}

// release gives the room back, without anything of its request.
func (r *room) release() {
	if cap(r.plans) > maxRoom {
		return
	}
	r.plans, r.entries, r.matched = emptied(r.plans), emptied(r.entries), emptied(r.matched)
	r.sends, r.deliveries = emptied(r.sends), emptied(r.deliveries)
	rooms.Put(r)
}

// emptied clears a slice, and what was once written behind its end.
func emptied[T any](s []T) []T {
	clear(s[:cap(s)])
	return s[:0]
}

// rest returns what is free of a slice's memory.
func rest[T any](s []T) []T { return s[len(s):] }

// kept returns the slice with the part that was appended to its rest; a part that has
// outgrown it has memory of its own.
func kept[T any](s, part []T) []T {
	if len(part) > cap(s)-len(s) {
		return s
	}
	return s[:len(s)+len(part)]
}

func (r *room) forMatched() []rules.Matched {
	if r == nil {
		return nil
	}
	return rest(r.matched)
}

func (r *room) keepMatched(part []rules.Matched) {
	if r != nil {
		r.matched = kept(r.matched, part)
	}
}

func (r *room) forSends() []send {
	if r == nil {
		return nil
	}
	return rest(r.sends)
}

func (r *room) keepSends(part []send) {
	if r != nil {
		r.sends = kept(r.sends, part)
	}
}

// deliveriesFor returns n deliveries, nil for none.
func (r *room) deliveriesFor(n int) []journal.Delivery {
	if n == 0 {
		return nil
	}
	if r == nil || n > cap(r.deliveries)-len(r.deliveries) {
		return make([]journal.Delivery, n)
	}
	from := len(r.deliveries)
	r.deliveries = r.deliveries[:from+n]
	return r.deliveries[from : from+n : from+n]
}
