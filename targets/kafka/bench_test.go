package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// BenchmarkProduce produces 600-byte events in batches of 100, beside the bare client that sends
// as many at a time, as their values alone and in the fields that the target writes.
func BenchmarkProduce(b *testing.B) {
	address, start := broker(b, "")
	start()
	batch := targetstest.Sized(100, 600)
	opened := open(b, "kafka://"+address, nil, targets.Env{}).(*target)
	b.Run("target", func(b *testing.B) {
		for b.Loop() {
			if each, whole := opened.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
				b.Fatal(each, whole)
			}
		}
		b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
	})
	b.Run("bare", func(b *testing.B) {
		bare(b, address, batch, func(d *targets.Delivery) *kgo.Record { return &kgo.Record{Value: d.Envelope} })
	})
	b.Run("bare, with the same fields", func(b *testing.B) {
		bare(b, address, batch, func(d *targets.Delivery) *kgo.Record {
			r, _, err := opened.record(d)
			if err != nil {
				b.Fatal(err)
			}
			return r
		})
	})
}

// bare produces what record makes of deliveries.
func bare(b *testing.B, address string, batch []*targets.Delivery, record func(*targets.Delivery) *kgo.Record) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for _, d := range batch {
		all = append(all, record(d))
	}
	records := make([]*kgo.Record, len(all))
	for b.Loop() {
		for i, r := range all {
			records[i] = &kgo.Record{Topic: "events", Value: r.Value, Headers: r.Headers}
		}
		if err := client.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
}
