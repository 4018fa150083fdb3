package queue

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// Item is a delivery in memory, with its event, whose memory it shares with the
// other lanes.
type Item struct {
	Delivery journal.Delivery

	// Queued is when the item was queued, in a queue that stamps; zero in others.
	Queued time.Time

	order *orderingKey // nil where the delivery has no ordering key
	// event is what the item shares with others; held says that a lane holds it, and own is
	// what it takes beside the event then, in bytes.
	event *Event
	held  bool
	own   int64
}

// NewItem makes an item of a delivery and its event.
func NewItem(d journal.Delivery, e *Event) *Item {
	return &Item{Delivery: d, event: e}
}

// Envelope returns that of the delivery's event, which is not to be changed.
func (it *Item) Envelope() []byte { return it.event.envelope }

// Meta returns the metadata of the delivery's event, which are not to be changed.
func (it *Item) Meta() *event.Metadata { return &it.event.meta }

// EventID returns the id of the delivery's event.
func (it *Item) EventID() string { return it.event.id }

// Bus returns the bus of the rule that planned the delivery.
func (it *Item) Bus() string { return cmp.Or(it.Delivery.Bus, it.event.meta.Bus) }

// ID returns the delivery's id for life.
func (it *Item) ID() string {
	return it.Delivery.ID(it.event.meta.Bus)
}

// Began returns when the delivery's present round began.
func (it *Item) Began() time.Time {
	if it.Delivery.Since.IsZero() {
		return it.event.meta.Received
	}
	return it.Delivery.Since
}

// Planned returns when the delivery was planned: with its event, by a replay, or when a letter died.
func (it *Item) Planned() time.Time {
	if it.Delivery.Replay != nil || it.Delivery.Forward != nil {
		return it.Began()
	}
	return it.event.meta.Received
}

// Fresh reports whether the delivery has had no attempt in its present round.
func (it *Item) Fresh() bool { return it.Delivery.Attempts == it.Delivery.Spent }

// Ordered reports whether the delivery is one of an ordering key that the queue follows:
// its moves go to Queue.Settle.
func (it *Item) Ordered() bool { return it.order != nil }

// key names an item among those of its lane.
type key struct {
	seq journal.Seq
	n   uint16
}

func (it *Item) key() key { return key{it.Delivery.Seq, it.Delivery.N} }

func (it *Item) size() int { return len(it.event.envelope) + len(it.Delivery.Body) + 256 }

// Length returns how many bytes the item adds to a batch.
func (it *Item) Length() int {
	if it.Delivery.Body != nil {
		return len(it.Delivery.Body)
	}
	return len(it.event.envelope)
}

// Record returns the item's event as the journal keeps it.
func (it *Item) Record() *journal.Record {
	return &journal.Record{Seq: it.Delivery.Seq, Meta: it.event.metaBytes, Envelope: it.event.envelope}
}

// readItem makes an item of what the journal holds.
func readItem(d journal.Delivery, rec journal.Record) (*Item, error) {
	e := &Event{envelope: rec.Envelope, metaBytes: rec.Meta}
	err := e.meta.UnmarshalBinary(rec.Meta)
	if err != nil {
		return nil, fmt.Errorf("metadata of event %d: %w", d.Seq, err)
	}
	e.setRoot(d.Seq)
	if e.id, err = envelopeID(rec.Envelope); err != nil {
		return nil, fmt.Errorf("event %d: %w", d.Seq, err)
	}
	return NewItem(d, e), nil
}

var beforeID = []byte(`{"version":"0","id":"`)

// envelopeID reads the id of an envelope that AppendEnvelope wrote, without
// reading the rest.
func envelopeID(envelope []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(envelope, beforeID); ok {
		if end := bytes.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
			return string(rest[:end]), nil
		}
	}
	e, err := event.ParseEnvelope(envelope)
	if err != nil {
		return "", err
	}
	return e.ID, nil
}
