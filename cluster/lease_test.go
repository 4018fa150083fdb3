package cluster

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// slowBucket takes its time to write, and fails until its servers have a leader.
type slowBucket struct {
	leaseBucket
	took    time.Duration
	leading time.Time
}

func (b *slowBucket) Write(context.Context, []byte, uint64) (uint64, error) {
	time.Sleep(b.took)
	if time.Now().Before(b.leading) {
		return 0, errors.New("no leader")
	}
	return 2, nil
}

// TestALeaseThatIsRenewedTooLateIsLost: while it was over, deliveries were left to the next leader.
func TestALeaseThatIsRenewedTooLateIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*LeaseTime)
		defer cancel()
		rules := new(atomic.Value)
		rules.Store("")
		h := &held{bucket: &slowBucket{took: 900 * time.Millisecond, leading: time.Now().Add(LeaseTime)}, revision: 1, rules: rules}
		h.sent.Store(new(time.Now()))
		if err := h.renew(ctx); err == nil {
			t.Error("it is renewed")
		}
	})
}

// unread is a bucket that can't be read.
type unread struct{ jetstream.KeyValue }

func (unread) Get(ctx context.Context, _ string) (jetstream.KeyValueEntry, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestALeaseThatCanNotBeReadIsFreeOnceItIsOver: who takes it is refused where it was renewed. One that was never seen is
// not.
func TestALeaseThatCanNotBeReadIsFreeOnceItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen, never := lease{revision: 7, seen: time.Now()}, lease{}
		for range 2 {
			before := time.Now()
			free, err := seen.look(t.Context(), unread{})
			if over := before.Sub(seen.seen) >= LeaseTime; err == nil || free != over {
				t.Errorf("free %v after %v, %v", free, before.Sub(seen.seen), err)
			}
			time.Sleep(LeaseTime)
		}
		if free, err := never.look(t.Context(), unread{}); free || err == nil {
			t.Errorf("one that was never seen: free %v, %v", free, err)
		}
	})
}
