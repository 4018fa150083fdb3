package sqs

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/sources"
	"signalbox/sources/sourcestest"
)

// BenchmarkSource reads a queue beside a loop that receives ten messages, and deletes them.
func BenchmarkSource(b *testing.B) {
	const n = 3000
	s := start(b)
	queues := 0
	sourcestest.Beside(b, n, func() (sources.Config, sourcestest.Bare) {
		queues++
		queue := fmt.Sprint("queue", queues)
		s.make(queue)
		url := s.endpoint + path + queue
		for range n / perRequest {
			var entries []types.SendMessageBatchRequestEntry
			for k := range perRequest {
				entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(k)), MessageBody: aws.String(string(sourcestest.Envelope()))})
			}
			if _, err := s.client.SendMessageBatch(b.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
				b.Fatal(err)
			}
		}
		c := config(s.endpoint, queue)
		c.Map = nil
		return c, func(take sourcestest.Take, done <-chan struct{}) error {
			for !sourcestest.Over(done) {
				out, err := s.client.ReceiveMessage(b.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: perRequest})
				if err != nil {
					return err
				}
				var entries []types.DeleteMessageBatchRequestEntry
				var bodies [][]byte
				for i, m := range out.Messages {
					entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
					bodies = append(bodies, []byte(*m.Body))
				}
				if len(bodies) == 0 {
					continue
				}
				if err := take(bodies); err != nil {
					return err
				}
				if _, err := s.client.DeleteMessageBatch(b.Context(), &awssqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
					return err
				}
			}
			return nil
		}
	})
}
