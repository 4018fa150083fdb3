package queue

import (
	"sync"
	"sync/atomic"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// SharedMemory is what all lanes together hold in memory. The deliveries of one event share its
// bytes, whichever lanes they are in. It is safe for concurrent use; nil shares nothing and
// has no bound.
//
// Up to half of the limit is for whoever comes first; of the other half each lane has an
// equal part, so that lanes whose targets are down can't take the room of those that
// deliver. A lane may hold one delivery in any case.
type SharedMemory struct {
	limit int64
	used  atomic.Int64
	lanes atomic.Int64
	// shards hold the events by their sequence numbers.
	shards [32]memoryShard
}

type memoryShard struct {
	mu     sync.Mutex
	events map[journal.Seq]*Event
	_      [48]byte // so that no two share a line of the processor's cache
}

// Event is an event that deliveries in memory are of.
type Event struct {
	envelope, metaBytes []byte
	meta                event.Metadata
	id                  string
	// users are the items that lanes hold, and bytes is what the event takes for them.
	users int
	bytes int64
}

// NewEvent returns an event that has just been written. The metadata are copied: a pointer
// into the event as it came would keep all of that in memory.
func NewEvent(rec *journal.Record, meta *event.Metadata, id string) *Event {
	e := &Event{envelope: rec.Envelope, metaBytes: rec.Meta, meta: *meta, id: id}
	e.setRoot(rec.Seq)
	return e
}

// setRoot says of an event that has come of no other that what comes of it comes of it.
func (e *Event) setRoot(s journal.Seq) {
	if e.meta.Root == 0 {
		e.meta.Root = uint64(s)
	}
}

// The bytes that deliveries and events take beside their bodies: structs, and places in
// maps and queues.
const (
	itemBytes    = 640
	eventBytes   = 512
	historyBytes = 256 // of one attempt that failed
)

// NewSharedMemory returns a memory of limit bytes; 0 has no bound.
func NewSharedMemory(limit int64) *SharedMemory { return &SharedMemory{limit: limit} }

// Used returns how many bytes are held.
func (m *SharedMemory) Used() int64 { return m.used.Load() }

// join notes that there is one lane more.
func (m *SharedMemory) join() {
	if m != nil {
		m.lanes.Add(1)
	}
}

// Leave notes that there is one lane fewer.
func (m *SharedMemory) Leave() {
	if m != nil {
		m.lanes.Add(-1)
	}
}

// full reports whether a lane that holds so many bytes is to take no more.
func (m *SharedMemory) full(bytes int) bool {
	if m == nil || m.limit <= 0 || bytes <= 0 {
		return false
	}
	half := m.limit / 2
	return m.used.Load() >= half && int64(bytes) >= half/max(1, m.lanes.Load())
}

func (m *SharedMemory) shard(s journal.Seq) *memoryShard {
	// The low bits of a number are a node's.
	return &m.shards[(uint64(s)/store.MaxNodes)%uint64(len(m.shards))]
}

// find returns an event that some lane holds; nil where none does.
func (m *SharedMemory) find(seq journal.Seq) *Event {
	if m == nil {
		return nil
	}
	s := m.shard(seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[seq]
}

// hold counts an item that a lane is to hold, and makes it share the bytes of its event. It
// does nothing where the item is held already.
func (m *SharedMemory) hold(it *Item) {
	if m == nil || it.held {
		return
	}
	s := m.shard(it.Delivery.Seq)
	s.mu.Lock()
	e := s.events[it.Delivery.Seq]
	if e == nil {
		e = it.event
		e.bytes = int64(len(e.envelope)+3*len(e.metaBytes)) + eventBytes // the metadata are there as they were decoded, too
		if s.events == nil {
			s.events = map[journal.Seq]*Event{}
		}
		s.events[it.Delivery.Seq] = e
		m.used.Add(e.bytes)
	}
	e.users++
	s.mu.Unlock()
	if e != it.event {
		it.event = e
	}
	it.held, it.own = true, int64(len(it.Delivery.Body)+historyBytes*len(it.Delivery.History))+itemBytes
	m.used.Add(it.own)
}

// release gives up what hold took.
func (m *SharedMemory) release(it *Item) {
	if m == nil || !it.held {
		return
	}
	e := it.event
	it.held = false
	m.used.Add(-it.own)
	s := m.shard(it.Delivery.Seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(s.events, it.Delivery.Seq)
		m.used.Add(-e.bytes)
	}
}
