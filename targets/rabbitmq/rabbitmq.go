// Package rabbitmq is the kind of target that publishes to an exchange of RabbitMQ (AMQP
// 0-9-1), with publisher confirms.
package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/zap"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// target publishes each delivery, and has delivered it when the broker has confirmed it.
// Attempts run side by side over one channel.
type target struct {
	dialer               dialer
	hidden               remote.Hidden
	exchange, routingKey template.Name
	renderer             *remote.Renderer
	timeout              time.Duration

	// current is the session, which one attempt opens at a time.
	current chan *session
	refused remote.FailedDial
	// size is the last that the broker has said of what is too large for it.
	size atomic.Pointer[sizeLimit]
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Small, env)
	if err != nil {
		return nil, err
	}
	t := &target{renderer: renderer, timeout: c.Timeout, current: make(chan *session, 1)}
	t.current <- nil
	if t.exchange, err = template.ParseName("exchange", o.Exchange, maxShort); err != nil {
		return nil, err
	}
	if t.routingKey, err = template.ParseName("routing_key", o.RoutingKey, maxShort); err != nil {
		return nil, err
	}
	var secrets []string
	if t.dialer, secrets, err = newDialer(c, o, env); err != nil {
		return nil, err
	}
	t.dialer.log = env.Logger.With(zap.String("target", c.Name), zap.String("server", t.dialer.Shown))
	t.hidden = remote.NewHidden(append(secrets, renderer.Secrets()...))
	return t, nil
}

// message is a delivery as it is published.
type message struct {
	amqp.Publishing
	exchange, key string
	rendered      *remote.Message
}

// render makes the message of a delivery.
func (t *target) render(d *targets.Delivery) (*message, error) {
	rendered, err := t.renderer.Render(d, time.Now())
	if err != nil {
		return nil, err
	}
	m := &message{rendered: rendered, Publishing: amqp.Publishing{
		Headers: amqp.Table{}, DeliveryMode: amqp.Persistent, MessageId: d.ID, AppId: "signalbox", Body: rendered.Body,
	}}
	for _, f := range rendered.Fields {
		if f.Name == "content-type" {
			m.ContentType = f.Value
		} else {
			m.Headers[f.Name] = f.Value
		}
	}
	if d.Meta != nil {
		m.CorrelationId = short(d.Meta.CorrelationID)
		m.Timestamp = d.Meta.Received
	}
	return m, t.address(d, m)
}

// short returns a text that is short enough for a property, else none.
func short(text string) string {
	if len(text) > maxShort {
		return ""
	}
	return text
}

// address sets where a message goes.
func (t *target) address(d *targets.Delivery, m *message) error {
	names, err := template.Names(d, t.exchange, t.routingKey)
	if err != nil {
		return err
	}
	m.exchange, m.key = names[0], names[1]
	if _, fixed := t.exchange.Text.Literal(); !fixed && strings.HasPrefix(m.exchange, "amq.") {
		return template.Unfit("exchange", fmt.Errorf("%q is one of the broker's own", m.exchange))
	}
	return nil
}

// Deliver publishes the delivery and waits for the broker's confirmation.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch publishes the deliveries, each as a message of its own, and waits for the
// confirmation of each.
func (t *target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	messages := make([]*message, len(batch))
	fit := 0
	for i, d := range batch {
		m, err := t.render(d)
		if each = targets.Note(each, len(batch), i, err); err == nil {
			messages[i] = m
			fit++
		}
	}
	if fit == 0 {
		return each, nil
	}
	s, err := t.session(ctx)
	if err != nil {
		return each, t.failed(ctx, nil, err)
	}
	sent := make([]*sent, len(batch))
	for i, m := range messages {
		if m == nil {
			continue
		}
		if err = t.size.Load().refuse(m); err == nil {
			sent[i], err = s.publish(ctx, m)
		}
		if err != nil {
			each = targets.Note(each, len(batch), i, t.failed(ctx, m, err))
		}
	}
	for i, err := range s.confirmed(ctx, sent) {
		if err != nil {
			each = targets.Note(each, len(batch), i, t.failed(ctx, messages[i], err))
		}
	}
	return each, nil
}

// place names where a message goes.
func (m *message) place() string {
	if m.exchange == "" {
		return fmt.Sprintf("queue %q", m.key)
	}
	return fmt.Sprintf("exchange %q with key %q", m.exchange, m.key)
}

// session returns the session that is open, or opens one.
func (t *target) session(ctx context.Context) (*session, error) {
	var s *session
	select {
	case s = <-t.current:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { t.current <- s }()
	if s != nil && s.open() {
		return s, nil
	}
	if s != nil {
		s.close()
		s = nil
	}
	if err := t.refused.Err(); err != nil {
		return nil, err
	}
	next, err := t.dialer.dial(ctx)
	if t.refused.Note(ctx, err); err == nil {
		s = next
	}
	return next, err
}

// failed is the error of an attempt whose message, if there is one, the broker has not confirmed.
func (t *target) failed(ctx context.Context, m *message, err error) *targets.Error {
	if limit := newSizeLimit(err); limit != nil {
		t.size.Store(limit)
		err = cmp.Or(limit.refuse(m), err)
	}
	e := classify(ctx, err)
	if e.Err = err; e.Code == targets.CodeTimeout {
		e.Err = fmt.Errorf("no confirmation in time: %w", context.DeadlineExceeded)
	}
	place := ""
	if m != nil {
		place = " to " + m.place()
	}
	e.Err = t.hidden.InError(fmt.Errorf("publish%s on %s: %w", place, t.dialer.Shown, e.Err))
	return e
}

// throttledFor is how long the target is left alone that has no room.
const throttledFor = time.Second

// classify returns what kind of failure an error is.
func classify(ctx context.Context, err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1}
	var answer *amqp.Error
	switch {
	case errors.Is(err, errTooLarge):
		e.Code, e.Final = targets.CodeInvalidParameter, true
	case errors.Is(err, errBlocked):
		e.Code, e.RetryAfter = targets.CodeThrottling, throttledFor
	case errors.Is(err, errRefused):
		e.Code = targets.CodeThrottling
	case errors.Is(err, errUnroutable), errors.Is(err, errNoExchange):
		e.Code = targets.CodeNoResource
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = targets.CodeInternalError
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		e.Code = targets.CodeTimeout
	case errors.As(err, &answer):
		e.Code = codeOf(answer)
	}
	return e
}

// codeOf returns the error code for what the broker says (AMQP 0-9-1, 1.2).
func codeOf(answer *amqp.Error) string {
	switch answer.Code {
	case amqp.AccessRefused, amqp.NotAllowed:
		return targets.CodeNoPermissions
	case amqp.NotFound, amqp.InvalidPath:
		return targets.CodeNoResource
	case amqp.ResourceError, amqp.ResourceLocked:
		return targets.CodeThrottling
	}
	return targets.CodeConnectionFailure // also of what another message was refused for
}

// Preview renders the message that Deliver publishes.
func (t *target) Preview(d *targets.Delivery) (targets.Request, error) {
	m, err := t.render(d)
	if err != nil {
		return targets.Request{}, err
	}
	return targets.Request{Method: "PUBLISH", Address: t.hidden.In(m.place()), Headers: t.renderer.Preview(m.rendered), Body: string(m.Body)}, nil
}

// Close closes the connection, and returns when it is closed.
func (t *target) Close() error {
	if s := <-t.current; s != nil {
		s.close()
	}
	t.current <- nil
	return nil
}
