// Package sqs is the kind of target that sends to a queue of Amazon SQS.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/targets"
	"signalbox/targets/remote"
)

// target sends each delivery as a message, and has delivered it when the service has answered
// with the message's id.
type target struct {
	client     *Client
	hidden     remote.Hidden
	renderer   *remote.Renderer
	configured map[string]bool // the headers of the configuration, in lower case
	groups     *groups         // nil where the queue is not FIFO
	timeout    time.Duration
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Small, env)
	if err != nil {
		return nil, err
	}
	client, secrets, err := NewClient(c.Dir, o.Server(), &o.Access, Bounds{10 * c.Concurrency, maxAnswer}, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	hidden := remote.NewHidden(append(secrets, renderer.Secrets()...))
	t := &target{client: client, hidden: hidden, renderer: renderer, configured: map[string]bool{}, timeout: c.Timeout}
	for name := range o.Headers {
		t.configured[strings.ToLower(name)] = true
	}
	if client.fifo() {
		if t.groups, err = newGroups(o, c.OrderBy); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// render makes the message of a delivery.
func (t *target) render(d *targets.Delivery) (*message, error) {
	rendered, err := t.renderer.Render(d, time.Now())
	if err != nil {
		return nil, err
	}
	m, err := newMessage(d, rendered, t.configured)
	if err != nil || t.groups == nil {
		return m, err
	}
	group, err := t.groups.of(d)
	m.entry.MessageGroupId = aws.String(group)
	m.entry.MessageDeduplicationId = aws.String(identifier(d.ID))
	return m, err
}

// Deliver sends the delivery.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch sends the deliveries, each as a message of its own, in as many requests side by
// side as they need.
func (t *target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	messages := make([]*message, len(batch))
	results := make([]error, len(batch))
	for i, d := range batch {
		m, err := t.render(d)
		if results[i] = err; err == nil {
			messages[i] = m
		}
	}
	var requests sync.WaitGroup
	for _, places := range chunks(messages) {
		requests.Go(func() { t.send(ctx, messages, places, results) })
	}
	requests.Wait()
	for i, err := range results {
		each = targets.Note(each, len(batch), i, err)
	}
	return each, nil
}

var errUnnamed = errors.New("the answer does not name the message")

// send sends the messages of some places in one request, and puts what came of each into results.
func (t *target) send(ctx context.Context, messages []*message, places []int, results []error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(places))
	for n, place := range places {
		entries[n] = messages[place].entry
		entries[n].Id = aws.String(strconv.Itoa(n))
	}
	out, err := t.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &t.client.URL, Entries: entries})
	if half := len(places) / 2; half > 0 && tooLong(err) {
		t.send(ctx, messages, places[:half], results)
		t.send(ctx, messages, places[half:], results)
		return
	}
	outcome := t.outcomes(ctx, out, err, len(places))
	for n, place := range places {
		results[place] = outcome[n]
	}
}

// outcomes returns what an answer says of each of n entries.
func (t *target) outcomes(ctx context.Context, out *sqs.SendMessageBatchOutput, err error, n int) []error {
	if err == nil {
		err = errUnnamed
	}
	failure := t.failed(ctx, err)
	if errors.Is(err, errUnnamed) {
		failure = t.failure(targets.CodeErrorFromTarget, err)
	}
	results := make([]error, n)
	for i := range results {
		results[i] = failure
	}
	if out == nil {
		return results
	}
	set := func(id *string, err error) {
		if i, e := strconv.Atoi(aws.ToString(id)); e == nil && i >= 0 && i < n {
			results[i] = err
		}
	}
	for _, s := range out.Successful {
		set(s.Id, nil)
	}
	for _, f := range out.Failed {
		set(f.Id, t.refused(aws.ToString(f.Code), aws.ToString(f.Message), f.SenderFault))
	}
	return results
}

// Preview renders the message that Deliver sends.
func (t *target) Preview(d *targets.Delivery) (targets.Request, error) {
	m, err := t.render(d)
	if err != nil {
		return targets.Request{}, err
	}
	address := t.client.Shown
	if group := aws.ToString(m.entry.MessageGroupId); group != "" {
		address = fmt.Sprintf("%s, group %q", address, group)
	}
	headers := t.renderer.Preview(m.rendered)
	for name := range headers {
		if _, sent := m.entry.MessageAttributes[name]; !sent {
			delete(headers, name)
		}
	}
	return targets.Request{Method: "SEND", Address: t.hidden.In(address), Headers: headers, Body: string(m.rendered.Body)}, nil
}

// Close closes the connections.
func (t *target) Close() error {
	t.client.Close()
	return nil
}
