package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/sources"
)

// conn reads a stream by its consumer.
type conn struct {
	nc       *natsio.Conn
	consumer jetstream.Consumer
	iterator jetstream.MessagesContext
	batch    int
	// prefix is what the ids of messages begin with.
	prefix  string
	ackWait time.Duration
	held    time.Time

	// messages are those that have come; read closes it when it ends, with err set before.
	messages chan jetstream.Msg
	err      error
	closing  atomic.Bool
	// inHand are those that Fetch has returned and Ack has not had, waiting those that had come
	// when the reading was stopped, which it then is.
	inHand  []sources.Message
	waiting []jetstream.Msg
	stopped bool
	// reading is closed when read has ended, gone when the connection is closed.
	reading, gone chan struct{}
	// said is what the server has said last.
	said atomic.Pointer[error]
}

// start begins to read. No message is larger than what the server takes.
func (c *conn) start() (err error) {
	c.iterator, err = c.consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(c.batch, max(maxBytes, int(c.nc.MaxPayload())*2)))
	if err != nil {
		return err
	}
	c.messages, c.reading, c.stopped = make(chan jetstream.Msg, c.batch), make(chan struct{}), false
	go c.read()
	return nil
}

// stop stops the reading, and returns when what the server has sent until then is waiting.
func (c *conn) stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	c.iterator.Drain()
	timer := time.AfterFunc(farewell, c.iterator.Stop) // a server that is gone sends nothing
	defer timer.Stop()
	for m := range c.messages {
		c.waiting = append(c.waiting, m)
	}
	<-c.reading
}

// read takes messages from the client until there are no more.
func (c *conn) read() {
	defer close(c.reading)
	defer close(c.messages)
	for {
		m, err := c.iterator.Next()
		switch {
		case err != nil:
			c.err = err
			return
		case c.closing.Load():
			_ = m.Nak() // it comes again
		default:
			c.messages <- m
		}
	}
}

// Fetch returns the messages that have come.
func (c *conn) Fetch(ctx context.Context) ([]sources.Message, error) {
	c.inHand = nil
	if len(c.waiting) > 0 {
		return c.kept()
	}
	if c.stopped {
		if err := c.start(); err != nil {
			return nil, err
		}
	}
	select {
	case m, ok := <-c.messages:
		if !ok {
			return nil, c.broken()
		}
		return c.gather(m)
	case <-c.gone:
		return nil, c.broken()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// kept returns messages that have waited.
func (c *conn) kept() ([]sources.Message, error) {
	n := min(c.batch, len(c.waiting))
	for _, m := range c.waiting[:n] {
		one, err := c.message(m)
		if err != nil {
			return nil, err
		}
		c.inHand = append(c.inHand, one)
	}
	c.waiting = c.waiting[n:]
	return c.inHand, nil
}

// gather returns a message, and those that are there besides.
func (c *conn) gather(first jetstream.Msg) ([]sources.Message, error) {
	for m, ok := first, true; ok; {
		one, err := c.message(m)
		if err != nil {
			return nil, err
		}
		c.inHand = append(c.inHand, one)
		if len(c.inHand) == c.batch {
			break
		}
		select {
		case m, ok = <-c.messages:
		default:
			ok = false
		}
	}
	return c.inHand, nil
}

// broken is why nothing more comes.
func (c *conn) broken() error {
	err := errors.New("the connection is closed")
	select {
	case <-c.reading:
		err = c.err
	default:
	}
	if last := c.nc.LastError(); last != nil {
		err = fmt.Errorf("%w: %w", err, last)
	} else if said := c.said.Load(); said != nil {
		err = fmt.Errorf("%w: %w", err, *said)
	}
	return err
}

// origin is that of all messages: the id of a stream is known in no other server.
const origin = "nats"

func (c *conn) message(m jetstream.Msg) (sources.Message, error) {
	meta, err := m.Metadata()
	if err != nil {
		return sources.Message{}, err
	}
	out := sources.Message{
		Headers: make(map[string]string, len(m.Headers())), Body: m.Data(), Subject: m.Subject(),
		Origin: origin, ID: c.prefix + strconv.FormatUint(meta.Sequence.Stream, 10), Time: meta.Timestamp.UTC(), Tag: m,
	}
	for name, values := range m.Headers() {
		out.Headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\ufffd")
	}
	return out, nil
}

// Ack acknowledges messages.
func (c *conn) Ack(_ context.Context, all []sources.Message) error {
	for i := range all {
		if err := all[i].Tag.(jetstream.Msg).Ack(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return err
		}
	}
	c.inHand, c.held = nil, time.Time{}
	return nil
}

// holdShare is the part of the time that the server waits for an acknowledgement after which it
// is told to wait on.
const holdShare = 3

// Hold stops the reading, and tells the server that messages are worked on, and those too that
// it had sent already.
func (c *conn) Hold(_ context.Context, all []sources.Message) error {
	c.stop()
	if time.Since(c.held) < c.ackWait/holdShare {
		return nil
	}
	c.held = time.Now()
	for _, m := range c.waiting {
		if err := m.InProgress(); err != nil {
			return err
		}
	}
	for i := range all {
		if err := all[i].Tag.(jetstream.Msg).InProgress(); err != nil {
			return err
		}
	}
	return nil
}

// Lag returns how many messages the consumer has before it.
func (c *conn) Lag(ctx context.Context) (uint64, error) {
	info, err := c.consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.NumPending + uint64(info.NumAckPending), nil
}

// farewell bounds what is still done before the connection is closed.
const farewell = time.Second

// Close gives back what was not acknowledged, in order, and closes the connection.
func (c *conn) Close() {
	c.closing.Store(true)
	for i := range c.inHand {
		_ = c.inHand[i].Tag.(jetstream.Msg).Nak() // else it comes again later
	}
	timer := time.AfterFunc(farewell, c.nc.Close)
	c.stop()
	for _, m := range c.waiting {
		_ = m.Nak()
	}
	_ = c.nc.FlushTimeout(farewell) // a server that is gone can't be told
	timer.Stop()
	c.nc.Close()
	<-c.gone
}
