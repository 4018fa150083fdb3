package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/sources"
	"signalbox/targets/amazon"
	"signalbox/targets/remote"
	"signalbox/targets/sqs"
)

const (
	// sideBySide is how many requests are under way at once that delete messages, or hold them.
	sideBySide = 8
	// maxAnswer bounds an answer in bytes: ten messages of 1 MiB, escaped.
	maxAnswer = 32 << 20
)

// opener connects to the queue of a source.
type opener struct {
	client *sqs.Client
	hidden remote.Hidden
	batch  int
	// origin is that of the queue's messages.
	origin string
}

func newOpener(c *sources.Config, env sources.Env) (sources.Opener, error) {
	o := c.Options.(*Options)
	client, secrets, err := sqs.NewClient(c.Dir, &o.Server, &o.Access, amazon.Bounds{Idle: sideBySide + 2, Answer: maxAnswer}, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	q := client.Place
	return &opener{client, remote.NewHidden(secrets), c.BatchSize, strings.Join([]string{"sqs", q.Region, q.Account, q.Name}, "/")}, nil
}

// Address is where the queue is.
func (o *opener) Address() string { return o.client.Shown }

// Hide returns an error without what is secret.
func (o *opener) Hide(err error) error { return o.hidden.InError(err) }

// Open asks the service for the queue.
func (o *opener) Open(ctx context.Context) (sources.Conn, error) {
	numbers, err := o.ask(ctx, visibilityTimeout, receiveWait)
	if err != nil {
		o.client.Close()
		return nil, err
	}
	q := &queue{opener: o, visible: min(max(time.Duration(numbers[0])*time.Second, minVisible), maxVisible)}
	if numbers[1] > 0 {
		q.more = 1 // 0 would stand for the queue's own
	}
	return q, nil
}

// Attributes of a queue.
const (
	visibilityTimeout = types.QueueAttributeNameVisibilityTimeout
	receiveWait       = types.QueueAttributeNameReceiveMessageWaitTimeSeconds
	visibleMessages   = types.QueueAttributeNameApproximateNumberOfMessages
	inFlight          = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
)

// ask returns attributes of the queue that are numbers.
func (o *opener) ask(ctx context.Context, names ...types.QueueAttributeName) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	out, err := o.client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &o.client.URL, AttributeNames: names})
	if err != nil {
		return nil, o.failed(ctx, err)
	}
	numbers := make([]uint64, len(names))
	for i, name := range names {
		if numbers[i], err = strconv.ParseUint(out.Attributes[string(name)], 10, 32); err != nil {
			return nil, fmt.Errorf("queue %q at %s: the answer's %s is no number: %w", o.client.Name, o.client.Shown, name, err)
		}
	}
	return numbers, nil
}

// failed returns the error of a request, with the queue that it is about.
func (o *opener) failed(ctx context.Context, err error) error {
	hint := ""
	var none *types.QueueDoesNotExist
	if errors.As(err, &none) {
		hint = ": make it, or name another"
	}
	return o.Hide(fmt.Errorf("queue %q at %s: %w%s", o.client.Name, o.client.Shown, amazon.Explain(ctx, err), hint))
}
