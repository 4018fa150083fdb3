package router

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// dedup knows the repeats of events at the door. What was accepted is told by
// the journal; memory holds the events under way, and a filter that spares most
// new events the look at the disk.
type dedup struct {
	journal *journal.Journal
	window  time.Duration

	mu sync.Mutex
	// claimed holds the fingerprints of the events under way; the channel is
	// closed once their request has ended.
	claimed map[journal.Fingerprint]chan struct{}
	recent  recent

	// doubtful says that an append has failed, so that what is read may not be on
	// disk.
	doubtful atomic.Bool
}

func newDedup(j *journal.Journal, window time.Duration) (*dedup, error) {
	if window <= 0 {
		return nil, nil
	}
	before, err := j.HasFingerprints(window)
	if err != nil {
		return nil, fmt.Errorf("dedup: %w", err)
	}
	d := &dedup{journal: j, window: window, claimed: map[journal.Fingerprint]chan struct{}{}}
	d.recent.window = window
	if before {
		d.recent.blindUntil = time.Now().Add(window)
	}
	return d, nil
}

// anyFingerprint says whether any of the events can be a repeat.
func anyFingerprint(evs []*event.Event) bool {
	for _, e := range evs {
		if repeatable(e) {
			return true
		}
	}
	return false
}

// repeatable says whether an event can be told from others: its producer named
// it. What a replay sends again is meant to come again.
func repeatable(e *event.Event) bool {
	return (e.ID != "" || e.Meta.DedupKey != "") && e.ReplayName == ""
}

// fingerprint hashes what makes an event the same as another: bus, dedup key or
// source and id, the hops, so that an event that comes back in a loop is not
// taken for itself, whether it is a test, and the name of the key that it was sent
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

// claim makes the fingerprints this request's own, all or none: a request that
// holds some never waits for others. It waits until nobody else holds any of
// them. seen says which of them have to be looked up.
func (d *dedup) claim(ctx context.Context, prints []*journal.Fingerprint) (seen []bool, release func(), err error) {
	for {
		busy := d.tryClaim(prints)
		if busy.wait == nil {
			return busy.seen, busy.release, nil
		}
		select {
		case <-busy.wait:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// attempt is what came of a try to claim: either wait, or the rest.
type attempt struct {
	wait    chan struct{}
	seen    []bool
	release func()
}

func (d *dedup) tryClaim(prints []*journal.Fingerprint) attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range prints {
		if wait, ok := d.claimed[*f]; ok {
			return attempt{wait: wait}
		}
	}
	done := make(chan struct{})
	a := attempt{seen: make([]bool, len(prints))}
	now := time.Now()
	for i, f := range prints {
		d.claimed[*f] = done
		a.seen[i] = d.recent.add(f, now)
	}
	a.release = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, f := range prints {
			delete(d.claimed, *f)
		}
		close(done)
	}
	return a
}

// first returns the accepted event that a claimed fingerprint stands for.
func (d *dedup) first(f *journal.Fingerprint) (journal.First, bool, error) {
	first, ok, err := d.journal.FirstOf(f, d.window)
	if err != nil {
		return first, false, fmt.Errorf("dedup: %w", err)
	}
	if ok && d.doubtful.Load() {
		if err := d.journal.Sync(); err != nil {
			return first, false, fmt.Errorf("journal: %w", err)
		}
	}
	return first, ok, nil
}

// find returns the accepted event that an event repeats; false if there is none.
// Where the id is known with other content only, it returns what is to be written
// for the contents to be told apart from now on.
func (d *dedup) find(f *journal.Fingerprint, e *event.Event) (id string, known bool, marks []journal.Mark, err error) {
	first, ok, err := d.first(f)
	if err != nil || !ok || !byContent(e) {
		return first.ID, ok, nil, err
	}
	rec, err := d.journal.Event(first.Seq)
	if errors.Is(err, journal.ErrNotFound) {
		return first.ID, true, nil, nil // nobody can tell any more
	}
	if err != nil {
		return "", false, nil, fmt.Errorf("dedup: %w", err)
	}
	was, err := rec.Parsed()
	if err != nil {
		return "", false, nil, fmt.Errorf("dedup: %w", err)
	}
	if sameContent(f, was, e) {
		return first.ID, true, nil, nil
	}
	content := contentPrint(f, e)
	if other, ok, err := d.first(&content); err != nil || ok {
		return other.ID, ok, nil, err
	}
	return "", false, []journal.Mark{{Fingerprint: content}, {Fingerprint: contentPrint(f, was), First: first}}, nil
}
