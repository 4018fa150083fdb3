package amazon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/targets"
	"signalbox/targets/remote"
)

// Sender sends up to ten messages in one request. Their ids in it are their places, from 0 on.
type Sender interface {
	Send(ctx context.Context, all []*Message) (*Answer, error)
}

// Answer is what the service says of messages, by their ids.
type Answer struct {
	Sent    []string
	Refused []Refusal
}

// Refusal is why a message was not taken.
type Refusal struct {
	ID, Code, Text string
	// SenderFault means that the message is wrong.
	SenderFault bool
}

// Target sends each delivery as a message, and has delivered it when the service has answered
// with the message's id.
type Target struct {
	service    *Service
	sender     Sender
	caller     *Caller
	place      Place
	shown      string
	hidden     remote.Hidden
	renderer   *remote.Renderer
	configured map[string]bool // the headers of the configuration, in lower case
	groups     *groups         // nil where there is no order
	timeout    time.Duration
}

// NewTarget returns a target of a service; connect returns what sends to a place, and
// group is the text of the message group.
func NewTarget(service *Service, c *targets.Config, o *Options, group string, env targets.Env, connect func(Place, *Caller) Sender) (*Target, error) {
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Small, env)
	if err != nil {
		return nil, err
	}
	u, shown, secrets, err := o.Address(env.Secrets, c.Dir, service.Scheme)
	if err != nil {
		return nil, err
	}
	place, err := service.Place(u)
	if err != nil {
		return nil, err
	}
	caller, err := o.Access.Caller(CallerOptions{
		Region: place.Region, Dir: c.Dir, TLS: o.TLS, Secrets: env.Secrets, Guard: env.Egress, Bounds: Bounds{10 * c.Concurrency, maxAnswer},
	})
	if err != nil {
		return nil, err
	}
	t := &Target{
		service: service, sender: connect(place, caller), caller: caller, place: place, shown: shown, renderer: renderer,
		hidden: remote.NewHidden(slices.Concat(secrets, caller.Secrets, renderer.Secrets())), configured: map[string]bool{}, timeout: c.Timeout,
	}
	for name := range o.Headers {
		t.configured[strings.ToLower(name)] = true
	}
	if place.FIFO() {
		if t.groups, err = newGroups(group, c.OrderBy); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render makes the message of a delivery.
func (t *Target) Render(d *targets.Delivery) (*Message, error) {
	rendered, err := t.renderer.Render(d, time.Now())
	if err != nil {
		return nil, err
	}
	m, err := t.service.newMessage(rendered, d.Attributes, t.configured)
	if err != nil || t.groups == nil {
		return m, err
	}
	m.Group, err = t.groups.of(d)
	m.DeduplicationID = identifier(d.ID)
	return m, err
}

// Deliver sends the delivery.
func (t *Target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch sends the deliveries, each as a message of its own, in as many requests side by
// side as they need.
func (t *Target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	messages := make([]*Message, len(batch))
	results := make([]error, len(batch))
	for i, d := range batch {
		m, err := t.Render(d)
		if results[i] = err; err == nil {
			messages[i] = m
		}
	}
	var requests sync.WaitGroup
	for _, places := range t.service.chunks(messages) {
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
func (t *Target) send(ctx context.Context, messages []*Message, places []int, results []error) {
	part := make([]*Message, len(places))
	for n, place := range places {
		part[n] = messages[place]
	}
	out, err := t.sender.Send(ctx, part)
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
func (t *Target) outcomes(ctx context.Context, out *Answer, err error, n int) []error {
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
	set := func(id string, err error) {
		if i, e := strconv.Atoi(id); e == nil && i >= 0 && i < n {
			results[i] = err
		}
	}
	for _, id := range out.Sent {
		set(id, nil)
	}
	for _, f := range out.Refused {
		set(f.ID, t.refused(f.Code, f.Text, f.SenderFault))
	}
	return results
}

// Preview renders the message that Deliver sends.
func (t *Target) Preview(d *targets.Delivery) (targets.Request, error) {
	m, err := t.Render(d)
	if err != nil {
		return targets.Request{}, err
	}
	address := t.shown
	if m.Group != "" {
		address = fmt.Sprintf("%s, group %q", address, m.Group)
	}
	headers := t.renderer.Preview(m.rendered)
	for name := range headers {
		if valueOf(m.Attributes, name) == "" {
			delete(headers, name)
		}
	}
	for _, a := range d.Attributes {
		headers[a.Name] = valueOf(m.Attributes, a.Name)
	}
	return targets.Request{Method: "SEND", Address: t.hidden.In(address), Headers: headers, Body: m.Body}, nil
}

// Close closes the connections.
func (t *Target) Close() error {
	t.caller.Close()
	return nil
}
