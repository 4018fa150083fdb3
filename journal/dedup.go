package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Fingerprint stands for all that makes an event the same as another: 128 bits
// of a cryptographic hash, so that two that are equal are never taken for two
// events by chance or on purpose.
type Fingerprint [16]byte

// First is the event that came first of those with a fingerprint.
type First struct {
	Seq Seq
	ID  string
}

// dedupBucket is how much time the keys with the same first part span. Expired
// buckets are dropped as ranges.
const dedupBucket = 5 * time.Minute

const dedupKeyLen = 1 + 4 + 16

// BucketOf returns the 5 minutes since 1970 in which an event was accepted.
func BucketOf(s Seq) uint32 { return uint32(uint64(s) / uint64(dedupBucket)) }

func dedupBucketKey(bucket uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{TableDedup}, bucket)
}

// DedupKey returns the key of a fingerprint.
func DedupKey(bucket uint32, f *Fingerprint) []byte {
	return append(dedupBucketKey(bucket), f[:]...)
}

// AppendValue appends the value of a fingerprint's row.
func (f *First) AppendValue(dst []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(f.Seq)), f.ID...)
}

func (f *First) readValue(v []byte) error {
	if len(v) < 8 {
		return ErrCorrupt
	}
	f.Seq, f.ID = Seq(binary.BigEndian.Uint64(v)), string(v[8:])
	return nil
}

// Mark is a fingerprint and the event that came first of those with it; the entry's
// own where Seq is 0.
type Mark struct {
	Fingerprint Fingerprint
	First
}

// Repeats are the fingerprints of events, by which a repeat is known.
type Repeats struct {
	db      *pebble.DB
	numbers Numbers
	commit  Committer
}

// FirstOf returns the event with a fingerprint that was accepted within the window
// before now; false if there is none. It sees events that are not on disk yet:
// the caller must know that the append of what it finds has ended.
func (p *Repeats) FirstOf(f *Fingerprint, window time.Duration) (First, bool, error) {
	now := p.numbers.Clock()
	from := now - min(now, Seq(window))
	for bucket := BucketOf(now); ; bucket-- {
		first, ok, err := p.firstIn(bucket, f)
		if err != nil {
			return First{}, false, err
		}
		if ok {
			return first, first.Seq > from, nil
		}
		if bucket <= BucketOf(from) {
			return First{}, false, nil
		}
	}
}

func (p *Repeats) firstIn(bucket uint32, f *Fingerprint) (first First, ok bool, err error) {
	v, closer, err := p.db.Get(DedupKey(bucket, f))
	if errors.Is(err, pebble.ErrNotFound) {
		return First{}, false, nil
	}
	if err == nil {
		err = errors.Join(first.readValue(v), closer.Close())
	}
	if err != nil {
		return First{}, false, fmt.Errorf("fingerprint %x: %w", *f, err)
	}
	return first, true, nil
}

// HasFingerprints reports whether any may have been written within the window.
func (p *Repeats) HasFingerprints(window time.Duration) (found bool, err error) {
	now := p.numbers.Clock()
	err = Scan(p.db, dedupBucketKey(BucketOf(now-min(now, Seq(window)))), []byte{TableDedup + 1}, func(_, _ []byte) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}

// Trim drops those that the window has passed by, as a range.
func (p *Repeats) Trim(window time.Duration) error {
	now := p.numbers.Clock()
	end := dedupBucketKey(BucketOf(now - min(now, Seq(window))))
	stale := false
	err := Scan(p.db, []byte{TableDedup}, end, func(_, _ []byte) (bool, error) {
		stale = true
		return false, nil
	})
	if err != nil || !stale {
		return err
	}
	return p.commit(func(b *pebble.Batch) error { return b.DeleteRange([]byte{TableDedup}, end, nil) })
}

// verifyFingerprint checks a row of its table.
func verifyFingerprint(v *verifier, k, value []byte) {
	var first First
	switch err := first.readValue(value); {
	case len(k) != dedupKeyLen || err != nil:
		v.fault("fingerprint %x: %v", k, ErrCorrupt)
	case binary.BigEndian.Uint32(k[1:]) != BucketOf(first.Seq):
		v.fault("fingerprint %x: event %d was not accepted in its 5 minutes", k, first.Seq)
	case v.lacks(first.Seq):
		v.fault("fingerprint %x: event %d is not there", k, first.Seq)
	}
}
