package dedup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"

	"signalbox/event"
	"signalbox/journal"
)

// repeatable reports whether an event can be told from others: its producer named
// it. What a replay sends again is meant to come again.
func repeatable(e *event.Event) bool {
	return (e.ID != "" || e.Meta.DedupKey != "") && e.ReplayName == ""
}

// fingerprint hashes what makes an event the same as another: bus, dedup key or
// source and id, the hops, so that an event that comes back in a loop is not
// taken for itself, whether it is a test, whether a schedule made it, and the name of the key that it was sent
// with, as one sender must not suppress what another sends.
func fingerprint(e *event.Event, sender string) *journal.Fingerprint {
	if !repeatable(e) {
		return nil
	}
	flags := byte(0)
	if e.Meta.Synthetic {
		flags = 1
	}
	parts := append(make([]string, 0, 4), e.Meta.Bus, e.Source, e.ID)
	if e.Meta.DedupKey != "" {
		flags |= 2
		parts[1], parts[2] = "", e.Meta.DedupKey
	}
	if e.Meta.Scheduled {
		flags |= 8
	}
	if sender != "" {
		flags |= 4
		parts = append(parts, sender)
	}
	b := append(make([]byte, 0, 256), flags)
	b = binary.AppendUvarint(b, uint64(e.Meta.Hops))
	for _, p := range parts {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	sum := sha256.Sum256(b)
	f := journal.Fingerprint(sum[:len(journal.Fingerprint{})])
	return &f
}

// byContent reports whether a repeat of an event must have its content too. An id is
// the producer's, who may use it twice; a dedup key says itself what is the same.
func byContent(e *event.Event) bool { return e.Meta.DedupKey == "" }

// contentPrint hashes what an event of a fingerprint tells: its type, its resources,
// and its detail whatever the order of its members and the space between them.
func contentPrint(f *journal.Fingerprint, e *event.Event) journal.Fingerprint {
	detail := e.Detail
	d := json.NewDecoder(bytes.NewReader(detail))
	d.UseNumber() // a number is as it was written
	var v any
	if d.Decode(&v) == nil {
		if text, err := json.Marshal(v); err == nil {
			detail = text
		}
	}
	b := append([]byte{}, f[:]...)
	for _, part := range append([]string{e.DetailType, string(detail)}, e.Resources...) {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(b)
	return journal.Fingerprint(sum[:len(journal.Fingerprint{})])
}

// sameContent reports whether two events of a fingerprint tell the same.
func sameContent(f *journal.Fingerprint, a, b *event.Event) bool {
	if a.DetailType == b.DetailType && slices.Equal(a.Resources, b.Resources) && bytes.Equal(a.Detail, b.Detail) {
		return true
	}
	return contentPrint(f, a) == contentPrint(f, b)
}
