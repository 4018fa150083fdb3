package nats

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// BenchmarkQueue publishes to a server in this process, whose time is counted
// too, with as many attempts at once as a queue has by default.
func BenchmarkQueue(b *testing.B) {
	s := natsserver.Start(b, b.TempDir(), -1, nil)
	stream(b, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
	target := open(b, queueConfig(s, "a"), targets.Env{})
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	var next atomic.Int64
	b.ResetTimer()
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				d := targetstest.Delivery()
				d.ID = fmt.Sprint(n)
				if err := target.Deliver(ctx, d); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
