// Package rabbitmq is the kind of target that publishes to an exchange of RabbitMQ (AMQP
// 0-9-1), with publisher confirms.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/zap"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// target publishes each delivery, and has delivered it when the broker has confirmed it.
// Attempts run side by side over one channel.
type target struct {
	dialer               dialer
	hidden               remote.Hidden
	exchange, routingKey template.Text
	renderer             *remote.Renderer
	timeout              time.Duration

	// current is the session, which one attempt opens at a time.
	current chan *session
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewRenderer(c, &o.Options, nil, env)
	if err != nil {
		return nil, err
	}
	renderer.UserAgent, renderer.LowerCase = "", true
	t := &target{renderer: renderer, timeout: c.Timeout, current: make(chan *session, 1)}
	t.current <- nil
	if t.exchange, err = template.Parse(o.Exchange, template.AsIs); err != nil {
		return nil, err
	}
	if t.routingKey, err = template.Parse(o.RoutingKey, template.AsIs); err != nil {
		return nil, err
	}
	var secrets []string
	if t.dialer, secrets, err = newDialer(c, o, env); err != nil {
		return nil, err
	}
	t.dialer.log = env.Logger.With(zap.String("target", c.Name), zap.String("server", t.dialer.shown))
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
		if name := strings.ToLower(f.Name); name == "content-type" {
			m.ContentType = f.Value
		} else {
			m.Headers[name] = f.Value
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
	var env *exprenv.Env
	for _, part := range []struct {
		name string
		text template.Text
		to   *string
	}{{"exchange", t.exchange, &m.exchange}, {"routing_key", t.routingKey, &m.key}} {
		if literal, fixed := part.text.Literal(); fixed {
			*part.to = literal
			continue
		}
		if env == nil {
			ev, err := d.Event()
			if err != nil {
				return err
			}
			if env, err = exprenv.New(ev); err != nil {
				return unfit(part.name, err)
			}
		}
		text, has, err := part.text.Render(env, word)
		switch {
		case err != nil:
			return unfit(part.name, err)
		case !has || text == "":
			return unfit(part.name, errors.New("the event gives it no value"))
		case len(text) > maxShort:
			return unfit(part.name, fmt.Errorf("it is longer than %d bytes", maxShort))
		case part.name == "exchange" && strings.HasPrefix(text, "amq."):
			return unfit(part.name, fmt.Errorf("%q is one of the broker's own", text))
		}
		*part.to = text
	}
	return nil
}

// word returns a value of an event as it can stand in a name: control characters are replaced.
func word(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '�' {
			return '_'
		}
		return r
	}, value)
}

// unfit is the error of an event that no message can be made of.
func unfit(what string, err error) *targets.Error {
	return &targets.Error{Code: targets.CodeInvalidParameter, Final: true, Tries: 1, Err: fmt.Errorf("%s: %w", what, err)}
}

// Deliver publishes the delivery and waits for the broker's confirmation.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	each, whole := t.DeliverBatch(ctx, []*targets.Delivery{d})
	if whole != nil {
		return whole
	}
	if each != nil {
		return each[0]
	}
	return nil
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
		return each, t.failed(ctx, "", err)
	}
	sent := make([]*sent, len(batch))
	for i, m := range messages {
		if m == nil {
			continue
		}
		if sent[i], err = s.publish(ctx, m); err != nil {
			each = targets.Note(each, len(batch), i, t.failed(ctx, m.place(), err))
		}
	}
	for i, p := range sent {
		if p == nil {
			continue
		}
		if err := s.confirmed(ctx, p); err != nil {
			each = targets.Note(each, len(batch), i, t.failed(ctx, messages[i].place(), err))
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
	next, err := t.dialer.dial(ctx)
	if err == nil {
		s = next
	}
	return next, err
}

// failed is the error of an attempt that the broker has not confirmed.
func (t *target) failed(ctx context.Context, place string, err error) *targets.Error {
	e := classify(ctx, err)
	if e.Err = err; e.Code == targets.CodeTimeout {
		e.Err = fmt.Errorf("no confirmation in time: %w", context.DeadlineExceeded)
	}
	if place != "" {
		place = " to " + place
	}
	e.Err = t.hidden.InError(fmt.Errorf("publish%s on %s: %w", place, t.dialer.shown, e.Err))
	return e
}

// throttledFor is how long the target is left alone that has no room.
const throttledFor = time.Second

// classify returns what kind of failure an error is.
func classify(ctx context.Context, err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1}
	var answer *amqp.Error
	switch {
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
	case amqp.PreconditionFailed, amqp.ContentTooLarge:
		return targets.CodeInvalidParameter
	}
	return targets.CodeConnectionFailure
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
