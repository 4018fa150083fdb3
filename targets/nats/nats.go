// Package nats is the kind of target that publishes to a stream of NATS JetStream.
package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

const (
	// dialTimeout bounds one try to connect to a queue's server, and
	// reconnectWait is the wait before the next.
	dialTimeout   = 2 * time.Second
	reconnectWait = 500 * time.Millisecond
)

// natsTarget publishes each delivery to NATS JetStream, and has delivered it
// when a stream has acknowledged it. Attempts run side by side over one
// connection, which the client flushes for all of them together.
type natsTarget struct {
	// server is where to connect to, shown the same as it may be shown.
	server, shown string
	hidden        remote.Hidden
	options       []natsio.Option
	subject       subject
	stream        string
	createStream  bool
	renderer      *remote.Renderer
	timeout       time.Duration
	// publishOptions go with each message, asyncOptions with the client.
	publishOptions []jetstream.PublishOpt
	asyncOptions   []jetstream.JetStreamOpt

	// connecting is held by the one attempt that connects; failed is how that went before.
	connecting chan struct{}
	failed     remote.FailedDial
	// conn is nil until an attempt has connected.
	conn   atomic.Pointer[natsConn]
	closed chan struct{}
	// lastErr is the last error that the connection reported on its own,
	// and on connecting.
	lastErr atomic.Pointer[error]
}

type natsConn struct {
	*natsio.Conn
	js jetstream.JetStream
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.NATS, env)
	if err != nil {
		return nil, err
	}
	renderer.MessageID = true
	all, shown, secrets, err := o.Servers(env.Secrets, c.Dir, Schemes...)
	if err != nil {
		return nil, err
	}
	last := strings.LastIndex(shown, "://") + len("://")
	host, _, _ := strings.Cut(shown[last:], "/")
	text := o.Subject
	if text == "" {
		text = strings.Trim(all[len(all)-1].Path, "/")
	}
	subject, err := parseSubject(text)
	if err != nil {
		return nil, err
	}
	t := &natsTarget{
		server:       Addresses(all),
		shown:        shown[:last] + host,
		subject:      subject,
		stream:       o.Stream,
		createStream: o.CreateStream,
		renderer:     renderer,
		timeout:      c.Timeout,
		connecting:   make(chan struct{}, 1),
		closed:       make(chan struct{}),

		publishOptions: []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)},
		asyncOptions:   async(c),
	}
	if t.stream != "" {
		t.publishOptions = append(t.publishOptions, jetstream.WithExpectStream(t.stream))
	}
	access, logins, err := o.Client(c.Dir, o.TLS, env.Secrets)
	if err != nil {
		return nil, err
	}
	t.hidden = remote.NewHidden(slices.Concat(secrets, renderer.Secrets(), logins))
	t.options = append(t.connection(c.Name, env.Logger), access...)
	t.options = append(t.options, natsio.SetCustomDialer(guarded{env.Egress, &t.lastErr}), natsio.SkipHostLookup())
	return t, nil
}

// guarded dials what the policy of the router allows, and notes what goes wrong: of a refused
// connection the client only reports that there is no server.
type guarded struct {
	guard   *egress.Guard
	lastErr *atomic.Pointer[error]
}

// Dial connects to an address.
func (g guarded) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, err := g.guard.DialContext(ctx, network, address)
	if err != nil {
		g.lastErr.Store(&err)
	}
	return conn, err
}

// connection are the options of a connection that is never given up once it has been made, and
// that refuses what it cannot send at once: waiting is for the lane.
func (t *natsTarget) connection(name string, log *zap.Logger) []natsio.Option {
	closed := sync.OnceFunc(func() { close(t.closed) })
	log = log.With(zap.String("target", name), zap.String("server", t.shown))
	return []natsio.Option{
		natsio.Name("signalbox " + name),
		natsio.Timeout(dialTimeout),
		natsio.MaxReconnects(-1),
		natsio.ReconnectWait(reconnectWait),
		natsio.ReconnectBufSize(-1),
		natsio.IgnoreAuthErrorAbort(),
		natsio.ConnectHandler(func(*natsio.Conn) { log.Info("queue connected") }),
		natsio.ReconnectHandler(func(*natsio.Conn) { log.Info("queue connected") }),
		natsio.DisconnectErrHandler(func(_ *natsio.Conn, err error) {
			if err != nil {
				log.Warn("queue disconnected", zap.Error(err))
			}
		}),
		natsio.ErrorHandler(func(_ *natsio.Conn, _ *natsio.Subscription, err error) { t.lastErr.Store(&err) }),
		natsio.ReconnectErrHandler(func(_ *natsio.Conn, err error) { t.lastErr.Store(&err) }),
		natsio.ClosedHandler(func(*natsio.Conn) { closed() }),
	}
}

// Deliver publishes the delivery and waits for the stream's acknowledgement.
func (t *natsTarget) Deliver(ctx context.Context, d *targets.Delivery) error {
	m, subject, err := t.render(d)
	if err != nil {
		return err
	}
	msg := &natsio.Msg{Subject: subject, Header: m.Header(), Data: m.Body}
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	conn, err := t.connect(ctx)
	if err != nil {
		return t.failure(ctx, msg.Subject, err)
	}
	err = t.publish(ctx, conn, msg)
	if t.createStream && errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err = t.create(ctx, conn); err == nil {
			err = t.publish(ctx, conn, msg)
		}
	}
	if err != nil {
		return t.failure(ctx, msg.Subject, err)
	}
	return nil
}

func (t *natsTarget) render(d *targets.Delivery) (m *remote.Message, subject string, err error) {
	if m, err = t.renderer.Render(d, time.Now()); err != nil {
		return nil, "", err
	}
	subject, err = t.subjectOf(d)
	return m, subject, err
}

func (t *natsTarget) subjectOf(d *targets.Delivery) (string, error) {
	if !t.subject.dynamic() {
		return t.subject.render(nil), nil
	}
	ev, err := d.Event()
	if err != nil {
		return "", err
	}
	return t.subject.render(func(placeholder string) string {
		switch placeholder {
		case "source":
			return ev.Source
		case "detail-type":
			return ev.DetailType
		case "bus":
			return d.Bus
		case "rule":
			return d.Rule
		case "target":
			return d.Target
		default:
			return d.EventID
		}
	}), nil
}

// connect returns the connection, and makes it where no attempt has yet. If it is lost later,
// the client makes it again, and publishing fails meanwhile.
func (t *natsTarget) connect(ctx context.Context) (*natsConn, error) {
	if conn := t.conn.Load(); conn != nil {
		return conn, nil
	}
	select {
	case t.connecting <- struct{}{}:
		defer func() { <-t.connecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if conn := t.conn.Load(); conn != nil {
		return conn, nil
	}
	if err := t.failed.Err(); err != nil {
		return nil, err
	}
	conn, err := t.dial()
	if t.failed.Note(ctx, err); err != nil {
		return nil, err
	}
	t.conn.Store(conn)
	return conn, nil
}

// dial makes the connection.
func (t *natsTarget) dial() (*natsConn, error) {
	nc, err := natsio.Connect(t.server, t.options...)
	if errors.Is(err, natsio.ErrNoServers) {
		return nil, t.notConnected(err)
	}
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, t.asyncOptions...)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &natsConn{nc, js}, nil
}

// errNotConnected means that there is no connection, or not again yet.
var errNotConnected = errors.New("not connected")

func (t *natsTarget) publish(ctx context.Context, conn *natsConn, msg *natsio.Msg) error {
	if err := t.connected(conn); err != nil {
		return err
	}
	_, err := conn.js.PublishMsg(ctx, msg, t.publishOptions...)
	return err
}

// connected returns errNotConnected, and why, unless there is a connection.
func (t *natsTarget) connected(conn *natsConn) error {
	if conn.IsConnected() {
		return nil
	}
	return t.notConnected(conn.LastError())
}

// notConnected returns errNotConnected with the reason, which is err if the connection has
// reported none.
func (t *natsTarget) notConnected(err error) error {
	if last := t.lastErr.Load(); last != nil {
		err = *last
	}
	if err == nil {
		return errNotConnected
	}
	return fmt.Errorf("%w: %w", errNotConnected, err)
}

// create makes the stream, unless it exists.
func (t *natsTarget) create(ctx context.Context, conn *natsConn) error {
	_, err := conn.js.Stream(ctx, t.stream)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err = conn.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        t.stream,
		Description: "Events from Signalbox",
		Subjects:    []string{t.subject.pattern()},
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil
	}
	return err
}

// failure is the error of an attempt that no stream has acknowledged.
func (t *natsTarget) failure(ctx context.Context, subject string, err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeErrorFromTarget, Tries: 1}
	hint := ""
	var api *jetstream.APIError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = targets.CodeInternalError
		err = fmt.Errorf("the attempt was broken off: %w", context.Canceled)
	case ctx.Err() != nil || errors.Is(err, natsio.ErrTimeout):
		e.Code = targets.CodeTimeout
		if last := t.lastErr.Swap(nil); last != nil {
			hint = fmt.Sprintf(" (the server had said: %v)", *last)
		}
		err = fmt.Errorf("no acknowledgement in time: %w", context.DeadlineExceeded)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, natsio.ErrNoResponders):
		e.Code = targets.CodeNoResource
		hint = ": no stream takes this subject; create one that does, or set stream and create_stream"
	case errors.Is(err, natsio.ErrMaxPayload), errors.Is(err, natsio.ErrBadSubject):
		e.Code, e.Final = targets.CodeInvalidParameter, true
	case errors.As(err, &api):
		e.Status = api.Code
		e.Code, e.Final = apiCode(api)
	case errors.Is(err, natsio.ErrAuthorization), errors.Is(err, natsio.ErrPermissionViolation):
		e.Code = targets.CodeNoPermissions
	default:
		e.Code = targets.CodeConnectionFailure
	}
	e.Err = t.hidden.InError(fmt.Errorf("publish to %s on %s: %w%s", subject, t.shown, err, hint))
	return e
}

// The error codes of JetStream's API that a publisher meets, from the server's
// errors.json, where jetstream has no name for them.
const (
	jsAccountLimit jetstream.ErrorCode = 10002
	jsNoCluster    jetstream.ErrorCode = 10008
	jsNoLeader     jetstream.ErrorCode = 10009
	jsNoResources  jetstream.ErrorCode = 10023
	jsNoMemory     jetstream.ErrorCode = 10028
	jsNoStorage    jetstream.ErrorCode = 10047
	jsWrongStream  jetstream.ErrorCode = 10060
	jsStoreFailed  jetstream.ErrorCode = 10077 // also of a stream that is full
)

// apiCode returns the error code for an answer of a stream, and whether it is
// final: a full stream, or one without a leader, takes the message later.
func apiCode(err *jetstream.APIError) (code string, final bool) {
	switch err.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return targets.CodeInvalidParameter, true
	case jsWrongStream, jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return targets.CodeNoResource, false
	case jsAccountLimit, jsNoResources, jsNoMemory, jsNoStorage, jsStoreFailed:
		return targets.CodeThrottling, false
	case jsNoCluster, jsNoLeader:
		return targets.CodeConnectionFailure, false
	}
	return targets.CodeErrorFromTarget, false
}

// Preview renders the message that Deliver publishes.
func (t *natsTarget) Preview(d *targets.Delivery) (targets.Request, error) {
	m, subject, err := t.render(d)
	if err != nil {
		return targets.Request{}, err
	}
	return targets.Request{
		Method:  "PUBLISH",
		Address: t.hidden.In(subject),
		Headers: t.renderer.Preview(m),
		Body:    string(m.Body),
	}, nil
}

// Close closes the connection, and returns when it is closed.
func (t *natsTarget) Close() error {
	if conn := t.conn.Load(); conn != nil {
		conn.Close()
		<-t.closed
	}
	return nil
}
