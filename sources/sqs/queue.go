package sqs

import (
	"context"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/sources"
)

const (
	// poll is how long the service waits for a message, in seconds: the longest that it takes.
	poll = 20
	// requestTimeout bounds a request, beside the time that the service waits.
	requestTimeout = 10 * time.Second
	// perRequest is how many messages a request may be about.
	perRequest = 10
	// maxBytes is the size of the bodies after which a batch gets no more.
	maxBytes = 16 << 20
	// minVisible and maxVisible bound the time for which messages are hidden from other readers.
	minVisible = 5 * time.Second
	maxVisible = 12 * time.Hour // the service takes no more
	// holdShare is the part of that time after which it begins anew.
	holdShare = 3
)

// queue reads the queue.
type queue struct {
	*opener
	// visible is for how long messages that were fetched are hidden from other readers.
	visible time.Duration
	// more is how long the service waits for messages beyond the first ones, in seconds.
	more int32
	// inHand are the messages that Fetch has returned and that are not deleted; held is when the
	// time began for which they are hidden.
	inHand []sources.Message
	held   time.Time
}

// Fetch returns the messages that have come: of several requests, until one brings less than it
// could.
func (q *queue) Fetch(ctx context.Context) ([]sources.Message, error) {
	q.inHand = nil
	full := false
	for len(q.inHand) == 0 {
		var err error
		q.held = time.Now()
		if full, err = q.receive(ctx, poll); err != nil {
			return nil, err
		}
	}
	for full && q.roomy() {
		full, _ = q.receive(ctx, q.more) // the next Fetch meets an error again
	}
	return q.inHand, nil
}

// roomy reports whether a batch can have more.
func (q *queue) roomy() bool {
	size := 0
	for i := range q.inHand {
		size += len(q.inHand[i].Body)
	}
	return len(q.inHand) < q.batch && size < maxBytes && time.Since(q.held) < q.visible/holdShare
}

// receive adds the messages of one request to those in hand, and reports whether they are as many
// as were asked for.
func (q *queue) receive(ctx context.Context, wait int32) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(wait)*time.Second+requestTimeout)
	defer cancel()
	n := min(perRequest, q.batch-len(q.inHand))
	out, err := q.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{
		QueueUrl: &q.client.URL, MaxNumberOfMessages: int32(n), WaitTimeSeconds: wait, VisibilityTimeout: q.seconds(),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return false, q.failed(ctx, err)
	}
	for i := range out.Messages {
		q.inHand = append(q.inHand, message(q.client.Name, q.origin, &out.Messages[i]))
	}
	return len(out.Messages) >= n, nil
}

func (q *queue) seconds() int32 { return int32(q.visible / time.Second) }

// Ack deletes messages. What can't be deleted stays in hand.
func (q *queue) Ack(ctx context.Context, all []sources.Message) (err error) {
	q.inHand, err = q.inTens(ctx, all, q.remove)
	return err
}

// Hold hides messages from other readers for longer.
func (q *queue) Hold(ctx context.Context, all []sources.Message) error {
	if time.Since(q.held) < q.visible/holdShare {
		return nil
	}
	now := time.Now()
	if _, err := q.inTens(ctx, all, q.hide(q.seconds())); err != nil {
		return err
	}
	q.held = now
	return nil
}

// Lag returns about how many messages the queue has, those in hand among them.
func (q *queue) Lag(ctx context.Context) (uint64, error) {
	numbers, err := q.ask(ctx, visibleMessages, inFlight)
	if err != nil {
		return 0, err
	}
	return numbers[0] + numbers[1], nil
}

// farewell bounds the giving back.
const farewell = 5 * time.Second

// Close gives back what was not deleted, and closes the connections.
func (q *queue) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_, _ = q.inTens(ctx, q.inHand, q.hide(0)) // else they come again when their time is over
	q.client.Close()
}
