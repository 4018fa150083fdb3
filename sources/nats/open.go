package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/sources"
	"signalbox/targets/egress"
	"signalbox/targets/nats"
	"signalbox/targets/remote"
)

// connectTimeout bounds one try to connect.
const connectTimeout = 5 * time.Second

// opener connects to the stream of a source.
type opener struct {
	*Options
	server, shown string
	hidden        remote.Hidden
	client        []natsio.Option
	guard         *egress.Guard
	batch         int
}

func newOpener(c *sources.Config, env sources.Env) (sources.Opener, error) {
	o := c.Options.(*Options)
	all, shown, secrets, err := o.Servers(env.Secrets, c.Dir, nats.Schemes...)
	if err != nil {
		return nil, err
	}
	access, logins, err := o.Client(c.Dir, o.TLS, env.Secrets)
	if err != nil {
		return nil, err
	}
	return &opener{
		Options: o, server: nats.Addresses(all), shown: shown, guard: env.Egress, batch: c.BatchSize,
		hidden: remote.NewHidden(slices.Concat(secrets, logins)),
		// The supervisor connects again, and what was on its way is then asked for anew.
		client: append(access, natsio.Name("signalbox "+c.Name), natsio.SkipHostLookup(), natsio.Timeout(connectTimeout), natsio.NoReconnect()),
	}, nil
}

// Address is where the source connects to.
func (o *opener) Address() string { return o.shown }

// Hide returns an error without what is secret.
func (o *opener) Hide(err error) error { return o.hidden.InError(err) }

// breakable dials a connection that breaks where ctx ends before it is kept.
type breakable struct {
	ctx   context.Context
	guard *egress.Guard
	keep  func() bool
	// err is why the last dial failed: the client only says that there is no server.
	err error
}

// Dial connects to an address.
func (b *breakable) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(b.ctx, connectTimeout)
	defer cancel()
	raw, err := b.guard.DialContext(ctx, network, address)
	if b.err = err; err == nil {
		b.keep = context.AfterFunc(b.ctx, func() { _ = raw.Close() })
	}
	return raw, err
}

// Open connects, and begins to read.
func (o *opener) Open(ctx context.Context) (sources.Conn, error) {
	c := &conn{gone: make(chan struct{}), batch: o.batch}
	closed := sync.OnceFunc(func() { close(c.gone) })
	dialer := &breakable{ctx: ctx, guard: o.guard}
	options := append(slices.Clone(o.client), natsio.SetCustomDialer(dialer), natsio.ClosedHandler(func(*natsio.Conn) { closed() }),
		natsio.ErrorHandler(func(_ *natsio.Conn, _ *natsio.Subscription, err error) { c.said.Store(&err) }))
	nc, err := natsio.Connect(o.server, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.shown, cmp.Or(dialer.err, err))
	}
	c.nc = nc
	if dialer.keep != nil {
		dialer.keep()
	}
	if err := o.begin(ctx, c); err != nil {
		nc.Close()
		<-c.gone
		return nil, err
	}
	return c, nil
}

// begin begins to read.
func (o *opener) begin(ctx context.Context, c *conn) error {
	js, err := jetstream.New(c.nc)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, o.Stream)
	if err != nil {
		return o.failed("stream", o.Stream, err)
	}
	info := stream.CachedInfo()
	// A stream that was made anew counts from 1 again.
	c.prefix = fmt.Sprintf("%s/%d/", o.Stream, info.Created.UnixNano())
	consumer, err := stream.Consumer(ctx, o.Consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = stream.CreateConsumer(ctx, o.consumer())
	}
	if err != nil {
		return o.failed("consumer", o.Consumer, err)
	}
	if err := o.check(consumer.CachedInfo()); err != nil {
		return o.failed("consumer", o.Consumer, err)
	}
	c.consumer, c.ackWait = consumer, consumer.CachedInfo().Config.AckWait
	if err := c.start(); err != nil {
		return o.failed("consumer", o.Consumer, err)
	}
	return nil
}

// maxBytes is about how many bytes the server sends ahead.
const maxBytes = 4 << 20

// consumer is the one to make.
func (o *opener) consumer() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable: o.Consumer, Description: "Signalbox reads events with it", AckPolicy: jetstream.AckExplicitPolicy,
		MaxAckPending: max(1000, 4*o.batch), FilterSubject: o.Subject,
	}
	if o.Start == sources.StartNew {
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	return c
}

// check returns why a consumer can't be read as the source says.
func (o *opener) check(info *jetstream.ConsumerInfo) error {
	c := &info.Config
	filters := c.FilterSubjects
	if c.FilterSubject != "" {
		filters = []string{c.FilterSubject}
	}
	switch {
	case c.AckPolicy == jetstream.AckNonePolicy:
		return errors.New("it has no acknowledgements (ack policy none), so that messages would be lost: let the source make one of another name")
	case c.MaxDeliver > 0:
		return fmt.Errorf("it gives a message up after %d deliveries (max_deliver), so that messages would be lost after stops and crashes: set it to -1, or let the source make one of another name", c.MaxDeliver)
	case o.Subject != "" && (len(filters) != 1 || filters[0] != o.Subject):
		return fmt.Errorf("it reads the subjects %q, and the source's subject is %q: change one of them, or name another consumer", strings.Join(filters, ", "), o.Subject)
	}
	return nil
}

// failed says what of the server an error is about.
func (o *opener) failed(what, name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		hint = ": create it, or name another"
	case errors.Is(err, natsio.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		hint = ": the server has no JetStream"
	}
	return fmt.Errorf("%s %q on %s: %w%s", what, name, o.shown, err, hint)
}
