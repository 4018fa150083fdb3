package remote

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"signalbox/targets"
)

// ContentTypeCloudEvents is that of the batched mode of CloudEvents.
const ContentTypeCloudEvents = "application/cloudevents-batch+json"

// MaxIDsHeader bounds the header that lists a batch's deliveries, in bytes:
// servers refuse requests whose headers grow beyond 8 KiB or so.
const MaxIDsHeader = 6 << 10

// RenderBatch builds the message of one attempt at a batch: a JSON array of the
// bodies, in the order of the deliveries. Those that can't stand in it are left
// out and have an error in each; the message is nil if there are no others.
func (r *Renderer) RenderBatch(batch []*targets.Delivery, now time.Time) (m *Message, each []error) {
	size := 2
	for _, d := range batch {
		size += len(d.Content()) + 1
	}
	if r.format == FormatCloudEvents {
		size += len(batch) * 256
	}
	body := append(make([]byte, 0, size), '[')
	sent := batch
	for i, d := range batch {
		before := len(body)
		if before > 1 {
			body = append(body, ',')
		}
		next, err := r.appendEntry(body, d)
		if err != nil {
			if each == nil {
				sent = append(make([]*targets.Delivery, 0, len(batch)), batch[:i]...)
			}
			each = targets.Note(each, len(batch), i, err)
			body = body[:before]
			continue
		}
		body = next
		if each != nil {
			sent = append(sent, d)
		}
	}
	if len(sent) == 0 {
		return nil, each
	}
	m = &Message{Body: append(body, ']')}
	m.Fields = m.room[:0]
	r.describeBatch(m, sent, now)
	return m, each
}

// appendEntry writes one delivery of a batch.
func (r *Renderer) appendEntry(dst []byte, d *targets.Delivery) ([]byte, error) {
	switch {
	case d.Body != nil:
		if !json.Valid(d.Body) {
			return nil, &targets.Error{Code: targets.CodeInvalidJSON, Final: true, Tries: 1, Err: errors.New(
				"the transformed body is not JSON, and a batch is a JSON array: make the rule's template JSON, or send to a target without batch")}
		}
		return append(dst, d.Body...), nil
	case r.format == FormatCloudEvents:
		ev, err := d.Event()
		if err != nil {
			return nil, err
		}
		return ev.AppendCloudEvent(dst), nil
	default:
		return append(dst, d.Envelope...), nil
	}
}

// describeBatch sets the headers of a batch. It has no trace of its own: each of
// its events belongs to another, which a CloudEvent carries in its extensions.
func (r *Renderer) describeBatch(m *Message, sent []*targets.Delivery, now time.Time) {
	id := batchID(sent)
	m.add(headerUserAgent, r.UserAgent)
	if r.format == FormatCloudEvents && sent[0].Body == nil {
		m.add(headerContentType, ContentTypeCloudEvents)
	} else {
		m.add(headerContentType, ContentTypeJSON)
	}
	m.add(headerBatchID, id)
	m.add(headerIdempotencyKey, id)
	m.add(headerBatchSize, strconv.Itoa(len(sent)))
	m.add(headerDeliveryIDs, deliveryIDs(sent))
	attempt := 0
	for _, d := range sent {
		attempt = max(attempt, d.Attempt)
	}
	m.add(headerAttempt, strconv.Itoa(attempt))
	m.add(headerHops, hopsOf(sent))
	if sent[0].Synthetic() {
		m.add(headerSynthetic, "true")
	}
	m.add(headerReplay, replayOf(sent))
	r.attributes(m, sent[0]) // with any it is alone
	for _, f := range r.configured {
		m.Set(f)
	}
	r.sign(m, id, now)
}

// replayOf returns the replay that all of a batch are of; empty where they are not of one.
func replayOf(sent []*targets.Delivery) string {
	for _, d := range sent {
		if d.Replay != sent[0].Replay {
			return ""
		}
	}
	return sent[0].Replay
}

// batchID names a batch by its deliveries, so that the same ones in the same
// order have the same id when they come again: a UUIDv8 (RFC 9562).
func batchID(batch []*targets.Delivery) string {
	h := sha256.New()
	for _, d := range batch {
		h.Write([]byte(d.ID))
		h.Write([]byte{0})
	}
	u := uuid.UUID(h.Sum(nil)[:16])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u.String()
}

// deliveryIDs lists the ids of a batch; empty where they are too many for a header.
func deliveryIDs(batch []*targets.Delivery) string {
	size := 0
	for _, d := range batch {
		size += len(d.ID) + 1
	}
	if size > MaxIDsHeader {
		return ""
	}
	list := make([]byte, 0, size)
	for i, d := range batch {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, d.ID...)
	}
	return headerText(string(list))
}

// hopsOf lists how many hops the events of a batch have made with it.
func hopsOf(batch []*targets.Delivery) string {
	list := make([]byte, 0, 2*len(batch))
	for i, d := range batch {
		if i > 0 {
			list = append(list, ',')
		}
		hops := 1
		if d.Meta != nil {
			hops += d.Meta.Hops
		}
		list = strconv.AppendInt(list, int64(hops), 10)
	}
	return string(list)
}

// ErrBatchBytes returns the error that says that the bodies are larger than the lane could know before
// they were rendered.
func ErrBatchBytes(n, most int) error {
	return &targets.Error{Code: targets.CodeInvalidParameter, Final: true, Tries: 1, Err: fmt.Errorf("the batch has %d bytes, and batch.max_bytes is %d", n, most)}
}
