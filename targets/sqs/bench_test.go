package sqs

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/targetstest"
)

// BenchmarkSend sends 600-byte events in batches of ten, beside the bare client that sends as many
// at a time without attributes, and with those that the target sends.
func BenchmarkSend(b *testing.B) {
	s := start(b)
	s.Queue("orders")
	batch := targetstest.Sized(10, 600)
	t := open(b, s.Endpoint, "orders", nil, targets.Env{}).(*amazon.Target)
	send := targetstest.Sends(b, t, batch)
	for range 300 { // until the server's code is compiled
		if err := send(0); err != nil {
			b.Fatal(err)
		}
	}
	for name, attributes := range map[string]bool{"beside bodies": false, "beside the same attributes": true} {
		s.purge("orders")
		b.Run(name, func(b *testing.B) { targetstest.Beside(b, 10, send, s.bare(b, t, batch, attributes)) })
	}
}

// bare returns what sends a batch again and again.
func (s *server) bare(b *testing.B, t *amazon.Target, batch []*targets.Delivery, attributes bool) func(worker int) error {
	var all []types.SendMessageBatchRequestEntry
	for i, d := range batch {
		e := types.SendMessageBatchRequestEntry{MessageBody: aws.String(string(d.Envelope))}
		if attributes {
			m, err := t.Render(d)
			if err != nil {
				b.Fatal(err)
			}
			e = entries([]*amazon.Message{m})[0]
		}
		e.Id = aws.String(strconv.Itoa(i))
		all = append(all, e)
	}
	url := s.Endpoint + "/" + account12 + "/orders"
	return func(int) error {
		out, err := s.Client.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: all})
		if err == nil && len(out.Failed) > 0 {
			err = fmt.Errorf("%v", out.Failed)
		}
		return err
	}
}
