package nats

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"
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

// BenchmarkBatch publishes 600-byte events in batches of 100, beside the bare client that has as many
// acknowledgements under way, of bodies alone and with the headers that the target sends. The server is
// in this process.
func BenchmarkBatch(b *testing.B) {
	s := natsserver.Start(b, b.TempDir(), -1, nil)
	stream(b, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a", "b"}, MaxMsgs: 10_000, Duplicates: 100 * time.Millisecond})
	c := queueConfig(s, "a")
	c.Batch, c.Concurrency = &targets.Batch{}, targetstest.InFlight
	opened := open(b, c, targets.Env{}).(*natsTarget)
	batch := targetstest.Sized(100, 600)
	conn, err := natsio.Connect(s.ClientURL())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(targetstest.InFlight*len(batch)))
	if err != nil {
		b.Fatal(err)
	}
	for name, header := range map[string]func(*targets.Delivery) natsio.Header{
		"beside bodies": func(*targets.Delivery) natsio.Header { return nil },
		"beside the same headers": func(d *targets.Delivery) natsio.Header {
			m, _, err := opened.render(d)
			if err != nil {
				b.Fatal(err)
			}
			return m.Header()
		},
	} {
		b.Run(name, func(b *testing.B) {
			var headers []natsio.Header
			for _, d := range batch {
				headers = append(headers, header(d))
			}
			targetstest.Beside(b, len(batch), targetstest.Sends(b, opened, batch), func(int) error {
				acks := make([]jetstream.PubAckFuture, len(batch))
				for i, d := range batch {
					var err error
					if acks[i], err = js.PublishMsgAsync(&natsio.Msg{Subject: "b", Header: headers[i], Data: d.Envelope}); err != nil {
						return err
					}
				}
				for _, ack := range acks {
					select {
					case <-ack.Ok():
					case err := <-ack.Err():
						return err
					}
				}
				return nil
			})
		})
	}
}
