package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lostAfter is for how long a lease must be older than what was seen of it to be taken for the latest one.
const lostAfter = 2 * LeaseTime

// leaseKey is the key of the lease in the cluster's bucket.
const leaseKey = "leader"

// lease is what is known of who leads. Each renewal writes the key anew, and is refused if anybody else has
// written it since. A lease is free once it has not been renewed for LeaseTime by the clock of who looks, which begins
// after the leader's own did: clocks need not agree.
type lease struct {
	holder atomic.Pointer[holder]
	// latest is who has led last.
	latest   atomic.Pointer[Leader]
	revision uint64
	seen     time.Time
	released bool
	// told is the holder that the log was told of.
	told *holder
}

// holder is who leads, until gone is closed.
type holder struct {
	Leader
	run  string
	key  []byte
	gone chan struct{}
}

// hold notes who leads; nil is nobody.
func (l *lease) hold(v *leaseValue) {
	was := l.holder.Load()
	if was != nil && v != nil && was.run == v.Run {
		return
	}
	var next *holder
	if v != nil {
		next = &holder{v.Leader, v.Run, v.Key, make(chan struct{})}
	}
	if l.holder.Store(next); was != nil {
		close(was.gone)
	}
}

// leaseValue is what the key holds.
type leaseValue struct {
	Leader
	// Run tells this run of the node from others.
	Run string `json:"run"`
	// Key is the public key of the node.
	Key []byte `json:"key,omitempty"`
	// Released means that whoever held it leads no more.
	Released bool `json:"released,omitempty"`
}

// look reads the lease, and reports whether it is free. One that was seen and could not be read since is free once its
// time is over: whoever takes it is refused if it was renewed.
func (l *lease) look(ctx context.Context, bucket jetstream.KeyValue) (free bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	e, err := bucket.Get(ctx, leaseKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		l.revision = 0
		l.hold(nil)
		return true, nil
	}
	if err != nil {
		return l.lapse() && l.revision > 0, err
	}
	// An older one comes of a server that lags behind, or else of servers that have lost the end of the bucket.
	if lost := e.Revision() < l.revision && time.Since(l.seen) >= lostAfter; lost || e.Revision() > l.revision {
		var v leaseValue
		if err := json.Unmarshal(e.Value(), &v); err != nil {
			v.Released = true // nobody's
		}
		l.revision, l.seen, l.released = e.Revision(), time.Now(), v.Released
		if v.Node > 0 {
			l.latest.Store(&v.Leader)
		}
		if v.Released {
			l.hold(nil)
		} else {
			l.hold(&v)
		}
	}
	if l.released {
		return true, nil
	}
	return l.lapse(), nil
}

// lapse reports whether the lease has not been renewed for its time, as far as is known: then nobody is known to lead.
func (l *lease) lapse() bool {
	over := time.Since(l.seen) >= LeaseTime
	if over {
		l.hold(nil)
	}
	return over
}

// held is a lease that this node holds.
type held struct {
	bucket   leaseBucket
	value    leaseValue
	revision uint64
	// rules is the revision of this node's rule files, which may change while it leads.
	rules *atomic.Value
	// sent is when the latest renewal was sent that went through.
	sent atomic.Pointer[time.Time]
}

// leaseBucket is where the lease lies.
type leaseBucket interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	// Write writes the lease where the latest one has a revision, 0 if there is none, and returns the next one.
	Write(ctx context.Context, text []byte, revision uint64) (uint64, error)
}

// bucketOf is a bucket of JetStream.
type bucketOf struct {
	jetstream.KeyValue
	js jetstream.JetStream
}

// Write is Update of the bucket, without its patience with servers that have no leader: 250 ms between two tries.
func (b bucketOf) Write(ctx context.Context, text []byte, revision uint64) (uint64, error) {
	if revision == 0 {
		return b.Create(ctx, leaseKey, text) // somebody may have deleted the key
	}
	ack, err := b.js.Publish(ctx, "$KV."+b.Bucket()+"."+leaseKey, text, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// take takes a lease that is free; nil if another was first. A write whose answer is lost is tried again: it may
// be there, and then nobody else takes the lease for LeaseTime.
func (l *lease) take(ctx context.Context, bucket leaseBucket, value leaseValue, rules *atomic.Value) (*held, error) {
	h := &held{bucket: bucket, value: value, revision: l.revision, rules: rules}
	for began := time.Now(); ; {
		ok, err := h.write(ctx)
		switch {
		case !ok:
			return nil, err
		case err == nil:
			l.revision, l.seen, l.released = h.revision, time.Now(), false
			l.hold(&h.value)
			l.latest.Store(&h.value.Leader)
			return h, nil
		case time.Since(began) > LeaseTime || pause(ctx, retryEvery/10) != nil:
			return nil, err
		}
	}
}

// write writes the lease, and reports whether it is still this node's.
func (h *held) write(ctx context.Context) (ours bool, err error) {
	value := h.value
	value.Rules = h.rules.Load().(string)
	text, err := json.Marshal(value)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	sent := time.Now()
	revision, err := h.bucket.Write(ctx, text, h.revision)
	if isWrongLast(err) {
		return h.wrote(ctx)
	}
	if err != nil {
		return true, err
	}
	h.revision = revision
	h.sent.Store(&sent)
	return true, nil
}

// wrote finds out who has written the lease: this node, by a renewal whose answer was lost, or another.
func (h *held) wrote(ctx context.Context) (ours bool, err error) {
	e, err := h.bucket.Get(ctx, leaseKey)
	if err != nil {
		return true, err
	}
	var v leaseValue
	if json.Unmarshal(e.Value(), &v) != nil || v.Run != h.value.Run {
		return false, nil
	}
	h.revision = max(h.revision, e.Revision())
	return true, errors.New("the answer to an earlier renewal was lost")
}

// left is for how long this node may still take itself for the leader. It goes by both of the machine's
// clocks: one stands still while the machine sleeps, the other may be set.
func (h *held) left() time.Duration {
	if sent := h.sent.Load(); sent != nil {
		return leftOf(*sent)
	}
	return 0
}

// leftOf is what is left of a lease that was renewed at a time.
func leftOf(sent time.Time) time.Duration {
	now := time.Now()
	return LeaseTime - max(now.Sub(sent), now.Round(0).Sub(sent.Round(0)))
}

// renew renews the lease until ctx ends or the lease is lost; the error says why it is.
func (h *held) renew(ctx context.Context) error {
	wait := renewEvery
	for {
		if err := pause(ctx, min(wait, max(h.left(), 0))); err != nil {
			return nil
		}
		if h.left() <= 0 {
			return errors.New("the lease could not be renewed in time")
		}
		before := *h.sent.Load()
		ours, err := h.write(ctx)
		switch {
		case !ours:
			return errors.New("another node has taken the lease")
		case err == nil && leftOf(before) <= 0: // deliveries have been left to the next leader meanwhile
			return errors.New("the lease was renewed too late")
		case err != nil:
			wait = retryEvery
		default:
			wait = renewEvery
		}
	}
}

// release gives the lease up, so that others need not wait for its end. A renewal before it may have been broken off
// whose answer is not known: then it is tried again.
func (h *held) release(ctx context.Context) {
	h.value.Released = true
	for h.left() > 0 {
		if ours, err := h.write(ctx); !ours || err == nil || pause(ctx, retryEvery/10) != nil {
			return
		}
	}
}
