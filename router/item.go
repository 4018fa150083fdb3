package router

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// item is a delivery that a lane holds in memory, with its event, whose memory
// it shares with the other lanes.
type item struct {
	delivery  journal.Delivery
	envelope  []byte
	metaBytes []byte
	meta      *event.Metadata
	eventID   string
	// queued is when a lane that gathers batches queued the item, and run the
	// batch that it is in; both are zero in other lanes.
	queued time.Time
	run    *batchRun
	// answered is what came of the latest attempt.
	answered journal.Answered
	order    *orderKey // nil where the delivery has no order key
}

// bus is the bus of the rule that planned the delivery.
func (it *item) bus() string { return cmp.Or(it.delivery.Bus, it.meta.Bus) }

// entry names the target entry that planned the delivery.
func (it *item) entry() entryKey {
	return entryKey{it.bus(), it.delivery.Rule, it.delivery.RuleTarget}
}

// key names an item among those of its lane.
type key struct {
	seq journal.Seq
	n   uint16
}

func (it *item) key() key { return key{it.delivery.Seq, it.delivery.N} }

func (it *item) size() int { return len(it.envelope) + len(it.delivery.Body) + 256 }

// length is how many bytes the item adds to a batch.
func (it *item) length() int {
	if it.delivery.Body != nil {
		return len(it.delivery.Body)
	}
	return len(it.envelope)
}

func (it *item) record() *journal.Record {
	return &journal.Record{Seq: it.delivery.Seq, Meta: it.metaBytes, Envelope: it.envelope}
}

// newItem makes an item of what the journal holds.
func newItem(d journal.Delivery, rec journal.Record) (*item, error) {
	it := &item{delivery: d, envelope: rec.Envelope, metaBytes: rec.Meta, meta: new(event.Metadata)}
	if err := it.meta.UnmarshalBinary(rec.Meta); err != nil {
		return nil, fmt.Errorf("metadata of event %d: %w", d.Seq, err)
	}
	id, err := envelopeID(rec.Envelope)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", d.Seq, err)
	}
	it.eventID = id
	return it, nil
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
