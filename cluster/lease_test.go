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
	jetstream.KeyValue
	took    time.Duration
	leading time.Time
}

func (b *slowBucket) Update(context.Context, string, []byte, uint64) (uint64, error) {
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
