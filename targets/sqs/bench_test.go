package sqs

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// BenchmarkSend sends 600-byte events in batches of ten, beside the bare client that sends as many
// at a time without attributes, and with those that the target sends.
func BenchmarkSend(b *testing.B) {
	s := start(b)
	s.Queue("orders")
	batch := targetstest.Sized(maxEntries, 600)
	t := open(b, s.Endpoint, "orders", nil, targets.Env{}).(*target)
	for range 300 { // until the server's code is compiled
		if each, whole := t.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
			b.Fatal(each, whole)
		}
	}
	s.purge("orders")
	b.Run("target", func(b *testing.B) {
		for b.Loop() {
			if each, whole := t.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
				b.Fatal(each, whole)
			}
		}
		b.ReportMetric(float64(maxEntries*b.N)/b.Elapsed().Seconds(), "messages/s")
	})
	s.purge("orders")
	b.Run("bare", func(b *testing.B) { s.bare(b, t, batch, false) })
	s.purge("orders")
	b.Run("bare, with the same attributes", func(b *testing.B) { s.bare(b, t, batch, true) })
}

// bare sends a batch again and again.
func (s *server) bare(b *testing.B, t *target, batch []*targets.Delivery, attributes bool) {
	var entries []types.SendMessageBatchRequestEntry
	for i, d := range batch {
		e := types.SendMessageBatchRequestEntry{MessageBody: aws.String(string(d.Envelope))}
		if attributes {
			m, err := t.render(d)
			if err != nil {
				b.Fatal(err)
			}
			e = m.entry
		}
		e.Id = aws.String(strconv.Itoa(i))
		entries = append(entries, e)
	}
	for b.Loop() {
		out, err := s.Client.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: &t.client.URL, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			b.Fatal(out, err)
		}
	}
	b.ReportMetric(float64(maxEntries*b.N)/b.Elapsed().Seconds(), "messages/s")
}
