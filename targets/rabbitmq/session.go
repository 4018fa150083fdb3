package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/zap"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

const (
	// dialTimeout bounds one try to connect, heartbeat is how often both sides show that
	// they are there.
	dialTimeout = 5 * time.Second
	heartbeat   = 10 * time.Second
	// writeTimeout bounds one write, closeTimeout the farewell.
	writeTimeout = 10 * time.Second
	closeTimeout = 2 * time.Second
	// maxKnown is how many exchanges are remembered that were found.
	maxKnown = 1000
)

var (
	errBlocked    = errors.New("the broker takes nothing at the moment")
	errRefused    = errors.New("the broker has refused it: the queue may be full")
	errUnroutable = errors.New("no queue is bound that takes it")
	errNoExchange = errors.New("there is no such exchange")
)

// dialer opens sessions.
type dialer struct {
	*Client
	// queue is declared with each session; empty is none.
	queue string
	// dynamic means that events choose the exchange.
	dynamic bool
	log     *zap.Logger
}

func newDialer(c *targets.Config, o *Options, env targets.Env) (dialer, []string, error) {
	client, secrets, err := NewClient(c.Name, c.Dir, o.Server(), &o.Login, env.Version, env.Secrets, env.Egress)
	d := dialer{Client: client, dynamic: template.Dynamic(o.Exchange)}
	if o.CreateQueue {
		d.queue = o.RoutingKey
	}
	return d, secrets, err
}

// dial opens a session.
func (d *dialer) dial(ctx context.Context) (*session, error) {
	conn, because, err := d.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, dynamic: d.dynamic, unrouted: map[string]string{}, asks: make(chan chan struct{}), over: make(chan struct{}), told: make(chan struct{}), known: map[string]bool{}}
	if err := s.begin(d); err != nil {
		s.close()
		return nil, because(err)
	}
	d.log.Info("queue connected")
	return s, nil
}

// bounded is a connection on which no write takes for ever: a broker that is out of memory
// stops reading.
type bounded struct {
	net.Conn
	broken atomic.Pointer[error] // what the first read that failed has said
}

// Read reads, and keeps what goes wrong: the client only reports that it has closed the
// connection.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err != nil {
		b.broken.CompareAndSwap(nil, &err)
	}
	return n, err
}

// because returns why the connection broke in place of an error that only says so.
func (b *bounded) because(err error) error {
	if b == nil || !isClosed(err) {
		return err
	}
	if broken := b.broken.Load(); broken != nil {
		return *broken
	}
	return err
}

// Write writes within writeTimeout.
func (b *bounded) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := b.Conn.Write(p)
	if err != nil {
		_, err = remote.LastWords(b.Conn, err, 1)
	}
	return n, err
}

// isClosed reports whether an error only says that the connection or the channel is closed.
func isClosed(err error) bool { return errors.Is(err, amqp.ErrClosed) || errors.Is(err, net.ErrClosed) }

// session is one connection with one channel, which confirms what is published.
type session struct {
	conn    *amqp.Connection
	channel *amqp.Channel
	dynamic bool
	// reason is why the channel or the connection has been closed; it is there once told is
	// closed.
	reason  atomic.Pointer[amqp.Error]
	told    chan struct{}
	blocked atomic.Pointer[string]

	// unrouted has what the broker returned, by the ids of messages. A return comes before
	// its confirmation; who has that asks over asks, so that it is known by then.
	mu       sync.Mutex
	unrouted map[string]string
	asks     chan chan struct{}
	over     chan struct{} // closed when nothing is taken any more
	// known are exchanges that were there.
	known map[string]bool
	wait  sync.WaitGroup
}

// begin opens the channel.
func (s *session) begin(d *dialer) (err error) {
	blockings := s.conn.NotifyBlocked(make(chan amqp.Blocking))
	s.wait.Go(func() {
		for b := range blockings {
			if s.blocked.Store(nil); b.Active {
				s.blocked.Store(&b.Reason)
				d.log.Warn("the broker blocks publishers", zap.String("reason", b.Reason))
			}
		}
	})
	closed := s.conn.NotifyClose(make(chan *amqp.Error, 1))
	s.wait.Go(func() {
		if e := <-closed; e != nil {
			s.reason.CompareAndSwap(nil, e)
			d.log.Warn("queue disconnected", zap.Error(e))
		}
	})
	if s.channel, err = s.conn.Channel(); err != nil {
		return err
	}
	if err = s.channel.Confirm(false); err != nil {
		return err
	}
	returns := s.channel.NotifyReturn(make(chan amqp.Return))
	s.wait.Go(func() { s.take(returns) })
	ended := s.channel.NotifyClose(make(chan *amqp.Error, 1))
	s.wait.Go(func() {
		defer close(s.told)
		if e := <-ended; e != nil {
			s.reason.CompareAndSwap(nil, e)
			d.log.Warn("the broker has closed the channel", zap.Error(e))
		}
	})
	if d.queue != "" {
		return s.create(d.queue)
	}
	return nil
}

// create declares a durable queue, unless there is one of that name.
func (s *session) create(queue string) error {
	if err := s.try(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	}); err == nil {
		return nil
	}
	return s.try(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
		return err
	})
}

// try does something on a channel of its own, which a fault closes.
func (s *session) try(do func(*amqp.Channel) error) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return do(ch)
}

// take gathers returned messages until the channel is closed.
func (s *session) take(returns <-chan amqp.Return) {
	defer close(s.over)
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				return
			}
			s.mu.Lock()
			s.unrouted[r.MessageId] = r.ReplyText
			s.mu.Unlock()
		case ask := <-s.asks:
			close(ask)
		}
	}
}

// open reports whether the session can be used.
func (s *session) open() bool { return !s.channel.IsClosed() && !s.conn.IsClosed() }

// sent is a message on its way.
type sent struct {
	confirmation *amqp.DeferredConfirmation
	id           string
}

// publish sends a message.
func (s *session) publish(ctx context.Context, m *message) (*sent, error) {
	if reason := s.blocked.Load(); reason != nil {
		return nil, fmt.Errorf("%w: %s", errBlocked, *reason)
	}
	if s.dynamic {
		if err := s.exists(m.exchange); err != nil {
			return nil, err
		}
	}
	c, err := s.channel.PublishWithDeferredConfirmWithContext(ctx, m.exchange, m.key, true, false, m.Publishing)
	if err != nil {
		return nil, s.because(err)
	}
	return &sent{c, m.MessageId}, nil
}

// exists looks whether an exchange is there that an event has chosen: publishing to one that
// is not closes the channel, and so would cost others their attempts.
func (s *session) exists(exchange string) error {
	s.mu.Lock()
	known := s.known[exchange]
	s.mu.Unlock()
	if known {
		return nil
	}
	err := s.try(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(exchange, amqp.ExchangeTopic, true, false, false, false, nil)
	})
	var answer *amqp.Error
	if errors.As(err, &answer) && answer.Code == amqp.NotFound {
		return fmt.Errorf("%w: %s", errNoExchange, answer.Reason)
	}
	if err != nil && !(errors.As(err, &answer) && answer.Code == amqp.PreconditionFailed) { // there, and of another type
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[exchange] = true
	return nil
}

// confirmed waits for what the broker says of messages, some of which may be nil, and returns it.
func (s *session) confirmed(ctx context.Context, all []*sent) []error {
	out := make([]error, len(all))
	acked := make([]bool, len(all))
	for i, p := range all {
		if p != nil {
			acked[i], out[i] = p.confirmation.WaitContext(ctx)
		}
	}
	returned := s.returned(all)
	for i, p := range all {
		switch text, back := returned[i]; {
		case p == nil, acked[i] && !back:
		case out[i] != nil:
			out[i] = s.because(out[i])
		case back:
			out[i] = fmt.Errorf("%w (%s)", errUnroutable, text)
		case !s.open():
			out[i] = s.because(amqp.ErrClosed)
		default:
			out[i] = errRefused
		}
	}
	return out
}

// returned reports which of the messages the broker has returned, by their places, and its words.
func (s *session) returned(all []*sent) map[int]string {
	ask := make(chan struct{})
	select {
	case s.asks <- ask:
		<-ask
	case <-s.over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unrouted) == 0 {
		return nil
	}
	out := map[int]string{}
	for i, p := range all {
		if p == nil {
			continue
		}
		if text, ok := s.unrouted[p.id]; ok {
			out[i] = text
			delete(s.unrouted, p.id)
		}
	}
	return out
}

// because returns why the session has ended in place of an error that only says so.
func (s *session) because(err error) error {
	if !isClosed(err) {
		return err
	}
	<-s.told // the client tells it after it has closed the channel
	if reason := s.reason.Load(); reason != nil {
		return reason
	}
	return err
}

// close closes the connection, and returns when nothing of it runs any more.
func (s *session) close() {
	_ = s.conn.CloseDeadline(time.Now().Add(closeTimeout)) // what was confirmed is safe
	s.wait.Wait()
}
