package nats

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"signalbox/sources"
	"signalbox/sources/sourcestest"
)

// BenchmarkSource reads a stream, of a server in this process, beside a loop that has as many
// messages sent ahead, and acknowledges each.
func BenchmarkSource(b *testing.B) {
	const n, batch = 20_000, 256
	k := newBroker(b)
	streams := 0
	sourcestest.Beside(b, n, func() (sources.Config, func(func(int), <-chan struct{}) error) {
		streams++
		name := fmt.Sprint("S", streams)
		stream, err := k.js.CreateStream(b.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name}})
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			if _, err := k.js.PublishAsync(name, sourcestest.Envelope()); err != nil {
				b.Fatal(err)
			}
		}
		<-k.js.PublishAsyncComplete()
		c := k.config()
		c.Map = nil
		c.Options.(*Options).Stream = name
		return c, func(got func(int), done <-chan struct{}) error {
			consumer, err := stream.CreateConsumer(b.Context(), jetstream.ConsumerConfig{Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1024})
			if err != nil {
				return err
			}
			messages, err := consumer.Messages(jetstream.PullMaxMessages(batch))
			if err != nil {
				return err
			}
			defer messages.Stop()
			for !sourcestest.Over(done) {
				m, err := messages.Next()
				if err == nil {
					err = m.Ack()
				}
				if err != nil {
					return err
				}
				got(1)
			}
			return nil
		}
	})
}
