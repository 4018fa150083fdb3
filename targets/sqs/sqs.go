// Package sqs is the kind of target that sends to a queue of Amazon SQS.
package sqs

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/targets"
	"signalbox/targets/amazon"
)

// Service is SQS.
var Service = &amazon.Service{Name: "SQS", Scheme: "sqs", Noun: "queue", MaxName: 80, MaxBytes: 1 << 20, SystemTrace: true}

// Kind returns the kind of target: type: sqs, or type: queue with a URL of SQS.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "sqs",
		Schemes: []string{Service.Scheme},
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New: func(c *targets.Config, env targets.Env) (targets.Target, error) {
			o := c.Options.(*Options)
			return amazon.NewTarget(Service, c, &o.Options, o.Group, env, func(p amazon.Place, caller *amazon.Caller) amazon.Sender { return newClient(p, caller) })
		},
	}
}

// Options are those of a target of type sqs.
type Options struct {
	// URL is sqs://REGION/ACCOUNT/QUEUE.
	amazon.Options `yaml:",inline" example:"sqs://eu-central-1/123456789012/orders"`
	// Group is the message group of a FIFO queue. It may hold {{ expressions }} of the event. By
	// default it is the ordering key.
	Group string `yaml:"group" example:"orders" with:"{url: 'sqs://eu-central-1/123456789012/orders.fifo'}"`
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(c *targets.Config, v *targets.Validation) {
	o.ValidateFor(Service, o.Group, c, v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) { o.ShowWith(o.Group, shown) }

// traceHeader is the system attribute with X-Ray's trace.
const traceHeader = "AWSTraceHeader"

// Send sends messages.
func (c *Client) Send(ctx context.Context, all []*amazon.Message) (*amazon.Answer, error) {
	out, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &c.URL, Entries: entries(all)})
	if err != nil {
		return nil, err
	}
	answer := &amazon.Answer{}
	for _, s := range out.Successful {
		answer.Sent = append(answer.Sent, aws.ToString(s.Id))
	}
	for _, f := range out.Failed {
		answer.Refused = append(answer.Refused, amazon.Refusal{ID: aws.ToString(f.Id), Code: aws.ToString(f.Code), Text: aws.ToString(f.Message), SenderFault: f.SenderFault})
	}
	return answer, nil
}

func entries(all []*amazon.Message) []types.SendMessageBatchRequestEntry {
	out := make([]types.SendMessageBatchRequestEntry, len(all))
	for i, m := range all {
		e := types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: &m.Body, MessageAttributes: make(map[string]types.MessageAttributeValue, len(m.Attributes)),
		}
		for k := range m.Attributes {
			e.MessageAttributes[m.Attributes[k].Name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &m.Attributes[k].Value}
		}
		if m.Trace != "" {
			e.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{traceHeader: {DataType: aws.String("String"), StringValue: &m.Trace}}
		}
		if m.Group != "" {
			e.MessageGroupId, e.MessageDeduplicationId = &m.Group, &m.DeduplicationID
		}
		out[i] = e
	}
	return out
}
