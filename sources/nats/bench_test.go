package nats

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
)

// sink takes everything in, and counts it.
type sink struct{ n atomic.Int64 }

func (s *sink) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	s.n.Add(int64(len(events)))
	return make([]error, len(events)), nil
}

func (s *sink) KeepDead(context.Context, *sources.Source, []sources.Letter) error { return nil }

// BenchmarkSource reads envelopes of 600 bytes: with the source, whose events go nowhere, and with
// the client alone.
func BenchmarkSource(b *testing.B) {
	body := fmt.Appendf(nil, `{"source":"shop.orders","detail-type":"OrderCreated","detail":{"orderId":"1","note":%q}}`, strings.Repeat("x", 510))
	fill := func(b *testing.B) *broker {
		k := newBroker(b)
		for range b.N {
			if _, err := k.js.PublishAsync("orders.1", body); err != nil {
				b.Fatal(err)
			}
		}
		<-k.js.PublishAsyncComplete()
		b.ResetTimer()
		return k
	}
	b.Run("source", func(b *testing.B) {
		k := fill(b)
		c := k.config()
		c.Map = nil
		source, faults, _ := sources.New(c, secret.Source{})
		if len(faults) > 0 {
			b.Fatal(faults)
		}
		router := &sink{}
		s := sources.NewSupervisor(sources.SupervisorOptions{Accepter: router})
		s.Set(map[string]*sources.Source{"orders": source})
		sourcestest.Until(b, "all are taken in", func() bool { return router.n.Load() >= int64(b.N) })
		b.StopTimer()
		if err := s.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		k := fill(b)
		consumer, err := k.stream.CreateConsumer(b.Context(), jetstream.ConsumerConfig{Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1024})
		if err != nil {
			b.Fatal(err)
		}
		messages, err := consumer.Messages(jetstream.PullMaxMessages(256))
		if err != nil {
			b.Fatal(err)
		}
		defer messages.Stop()
		for range b.N {
			m, err := messages.Next()
			if err == nil {
				err = m.Ack()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
