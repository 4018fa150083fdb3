package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// BenchmarkProduce produces 600-byte events in batches of 100, beside the bare client that sends
// as many at a time, as their values alone and in the fields that the target writes.
func BenchmarkProduce(b *testing.B) {
	address, start := broker(b, "")
	start()
	batch := targetstest.Sized(100, 600)
	opened := open(b, "kafka://"+address, nil, targets.Env{}).(*target)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for name, record := range map[string]func(*targets.Delivery) *kgo.Record{
		"beside values": func(d *targets.Delivery) *kgo.Record { return &kgo.Record{Value: d.Envelope} },
		"beside the same fields": func(d *targets.Delivery) *kgo.Record {
			r := new(kgo.Record)
			if _, err := opened.record(r, nil, d, new(remote.Message), time.Now()); err != nil {
				b.Fatal(err)
			}
			return r
		},
	} {
		b.Run(name, func(b *testing.B) {
			var all []*kgo.Record
			for _, d := range batch {
				all = append(all, record(d))
			}
			targetstest.Beside(b, len(batch), targetstest.Sends(b, opened, batch), func(int) error {
				records := make([]*kgo.Record, len(all))
				for i, r := range all {
					records[i] = &kgo.Record{Topic: "events", Value: r.Value, Headers: r.Headers}
				}
				return client.ProduceSync(b.Context(), records...).FirstErr()
			})
		})
	}
}
