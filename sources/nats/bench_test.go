package nats

import (
	"fmt"
	"testing"
	"time"

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
	sourcestest.Beside(b, n, func() (sources.Config, sourcestest.Bare) {
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
		return c, func(take sourcestest.Take, done <-chan struct{}) error {
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
				all, err := next(messages, batch)
				var bodies [][]byte
				for _, m := range all {
					bodies = append(bodies, m.Data())
				}
				if err == nil {
					err = take(bodies)
				}
				for _, m := range all {
					if err == nil {
						err = m.Ack()
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// next returns the messages that have come, one at least.
func next(messages jetstream.MessagesContext, most int) (all []jetstream.Msg, err error) {
	for m, err := messages.Next(); ; m, err = messages.Next(jetstream.NextMaxWait(time.Microsecond)) {
		switch {
		case err != nil && len(all) == 0:
			return nil, err
		case err != nil:
			return all, nil
		}
		if all = append(all, m); len(all) == most {
			return all, nil
		}
	}
}
