package rabbitmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/sources"
	"signalbox/targets/rabbitmq"
	"signalbox/targets/remote"
)

// opener connects to the queue of a source.
type opener struct {
	*Options
	client *rabbitmq.Client
	hidden remote.Hidden
	batch  int
	// origin is that of the queue's messages: their ids are the publishers' own.
	origin string
}

func newOpener(c *sources.Config, env sources.Env) (sources.Opener, error) {
	o := c.Options.(*Options)
	client, secrets, err := rabbitmq.NewClient(c.Name, c.Dir, &o.Server, &o.Login, env.Version, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	return &opener{o, client, remote.NewHidden(secrets), c.BatchSize, client.Place() + "/" + url.PathEscape(o.Queue)}, nil
}

// Address is where the source connects to.
func (o *opener) Address() string { return o.client.Shown }

// Hide returns an error without what is secret.
func (o *opener) Hide(err error) error { return o.hidden.InError(err) }

// Open connects, and begins to read.
func (o *opener) Open(ctx context.Context) (sources.Conn, error) {
	conn, because, err := o.client.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.client.Shown, err)
	}
	c := &queue{opener: o, conn: conn, because: because, closed: make(chan *amqp.Error, 1)}
	defer context.AfterFunc(ctx, c.interrupt)()
	if err := c.begin(); err != nil {
		c.Close()
		return nil, errors.Join(ctx.Err(), c.failed(err))
	}
	return c, nil
}

// queue is a connection that reads a queue.
type queue struct {
	*opener
	conn    *amqp.Connection
	because func(error) error
	channel *amqp.Channel
	// messages has room for all that the broker sends ahead: the client passes on one at a time, so
	// that a batch taken from it would be what happens to be ready.
	messages chan amqp.Delivery
	// closed gets why the channel has been closed.
	closed chan *amqp.Error
}

// begin opens the channel. The broker sends two batches ahead.
func (q *queue) begin() (err error) {
	if q.channel, err = q.conn.Channel(); err != nil {
		return err
	}
	q.channel.NotifyClose(q.closed)
	if err = q.channel.Qos(2*q.batch, 0, false); err != nil {
		return err
	}
	sent, err := q.channel.Consume(q.Queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	q.messages = make(chan amqp.Delivery, 2*q.batch)
	go func() {
		defer close(q.messages) // with the channel
		for m := range sent {
			q.messages <- m
		}
	}()
	return nil
}

// failed says what an error is about.
func (q *queue) failed(err error) error {
	hint := ""
	var answer *amqp.Error
	if errors.As(err, &answer) && answer.Code == amqp.NotFound {
		hint = ": declare it, or name another"
	}
	return fmt.Errorf("queue %q on %s: %w%s", q.Queue, q.client.Shown, q.because(err), hint)
}

// Fetch returns the messages that have come.
func (q *queue) Fetch(ctx context.Context) ([]sources.Message, error) {
	var out []sources.Message
	select {
	case m, ok := <-q.messages:
		if !ok {
			return nil, q.ended()
		}
		out = append(out, message(&m, q.origin))
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(out) < q.batch {
		select {
		case m, ok := <-q.messages:
			if ok {
				out = append(out, message(&m, q.origin))
				continue
			}
		default:
		}
		break
	}
	return out, nil
}

// ended is why no more messages come.
func (q *queue) ended() error {
	select {
	case e := <-q.closed:
		if e != nil {
			return q.failed(e)
		}
	default:
	}
	return q.failed(amqp.ErrClosed)
}

// Ack acknowledges messages: all up to the last, as those before it have been.
func (q *queue) Ack(_ context.Context, all []sources.Message) error {
	if err := q.channel.Ack(all[len(all)-1].Tag.(uint64), true); err != nil {
		return q.ended()
	}
	return nil
}

// Hold does nothing: the broker waits for acknowledgements for half an hour.
func (q *queue) Hold(context.Context, []sources.Message) error { return nil }

// Lag returns how many messages the queue has that no consumer has in hand.
func (q *queue) Lag(ctx context.Context) (uint64, error) {
	ch, err := q.conn.Channel()
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	state, err := ch.QueueDeclarePassive(q.Queue, false, false, false, false, nil)
	return uint64(max(0, state.Messages)), err
}

// farewell bounds the closing of the connection.
const farewell = 2 * time.Second

// interrupt closes the connection at once.
func (q *queue) interrupt() { _ = q.conn.CloseDeadline(time.Now()) }

// Close closes the connection. The broker then has what was not acknowledged again, in its
// order.
func (q *queue) Close() {
	_ = q.conn.CloseDeadline(time.Now().Add(farewell))
	for q.messages != nil {
		if _, ok := <-q.messages; !ok {
			break
		}
	}
}

// message returns a delivery as a message.
func message(d *amqp.Delivery, origin string) sources.Message {
	m := sources.Message{
		Headers: make(map[string]string, len(d.Headers)+3), Body: d.Body, Subject: d.RoutingKey, Origin: origin,
		Time: d.Timestamp.UTC(), Tag: d.DeliveryTag,
	}
	if d.MessageId != "" {
		m.ID = "id/" + strings.ToValidUTF8(d.MessageId, "\ufffd")
	}
	for name, value := range map[string]string{
		"content-type": d.ContentType, "x-correlation-id": d.CorrelationId, "type": d.Type, "app-id": d.AppId, "message-id": d.MessageId,
	} {
		if value != "" {
			m.Headers[name] = strings.ToValidUTF8(value, "\ufffd")
		}
	}
	for name, value := range d.Headers {
		m.Headers[headerName(name)] = headerText(value)
	}
	if d.Timestamp.IsZero() {
		m.Time = time.Time{}
	}
	return m
}

// headerName returns the name of a header in lower case, and those of the attributes of a
// CloudEvent as bindings other than AMQP's have them.
func headerName(name string) string {
	name = strings.ToLower(strings.ToValidUTF8(name, "\ufffd"))
	for _, prefix := range []string{"cloudevents:", "cloudevents_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return "ce-" + rest
		}
	}
	return name
}

// headerText returns the value of a header as text.
func headerText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.ToValidUTF8(v, "\ufffd")
	case []byte:
		return strings.ToValidUTF8(string(v), "\ufffd")
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
