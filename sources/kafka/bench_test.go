package kafka

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/sources"
	"signalbox/sources/sourcestest"
)

// BenchmarkSource reads a topic beside a loop that polls as many records at a time in a group, and
// commits them.
func BenchmarkSource(b *testing.B) {
	const n, batch = 50_000, 256
	address, _ := start(b)
	producer := client(b, address)
	topics := 0
	sourcestest.Beside(b, n, func() (sources.Config, sourcestest.Bare) {
		topics++
		topic := fmt.Sprint("topic", topics)
		if _, err := kadm.NewClient(producer).CreateTopic(b.Context(), 3, 1, nil, topic); err != nil {
			b.Fatal(err)
		}
		all := make([]*kgo.Record, n)
		for i := range all {
			all[i] = &kgo.Record{Topic: topic, Partition: int32(i % 3), Value: sourcestest.Envelope()}
		}
		if err := producer.ProduceSync(b.Context(), all...).FirstErr(); err != nil {
			b.Fatal(err)
		}
		c := config(address)
		c.Map = nil
		o := c.Options.(*Options)
		o.Topic, o.Group = topic, "own-"+topic
		return c, func(take sourcestest.Take, done <-chan struct{}) error {
			reader, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.ConsumerGroup("bare-"+topic), kgo.DisableAutoCommit(), kgo.FetchMaxBytes(maxFetch))
			if err != nil {
				return err
			}
			defer reader.Close()
			for !sourcestest.Over(done) {
				fetched := reader.PollRecords(b.Context(), batch)
				if err := fetched.Err(); err != nil {
					return err
				}
				var bodies [][]byte
				fetched.EachRecord(func(r *kgo.Record) { bodies = append(bodies, r.Value) })
				if err := take(bodies); err != nil {
					return err
				}
				if err := reader.CommitRecords(b.Context(), fetched.Records()...); err != nil {
					return err
				}
			}
			return nil
		}
	})
}
