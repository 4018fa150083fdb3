package targets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// queueDialTimeout bounds one try to connect to a queue's server, and
	// queueReconnectWait is the wait before the next.
	queueDialTimeout   = 2 * time.Second
	queueReconnectWait = 500 * time.Millisecond
)

// queueTarget publishes each delivery to NATS JetStream, and has delivered it
// when a stream has acknowledged it. Attempts run side by side over one
// connection, which the client flushes for all of them together.
type queueTarget struct {
	// server is the address to connect to, shown the same as it may be shown.
	server, shown string
	options       []nats.Option
	subject       subject
	stream        string
	createStream  bool
	renderer      *renderer
	timeout       time.Duration
	// publishOptions go with each message, asyncOptions with the client.
	publishOptions []jetstream.PublishOpt
	asyncOptions   []jetstream.JetStreamOpt

	// connecting is held by the one attempt that connects.
	connecting chan struct{}
	// conn is nil until the first attempt.
	conn   atomic.Pointer[queueConn]
	closed chan struct{}
	// lastErr is the last error that the connection reported on its own,
	// and on connecting.
	lastErr atomic.Pointer[error]
}

type queueConn struct {
	*nats.Conn
	js jetstream.JetStream
}

func newQueue(c Config, env Env) (*queueTarget, error) {
	renderer, err := newRenderer(c, env)
	if err != nil {
		return nil, err
	}
	renderer.userAgent = ""
	e, err := env.Secrets.expand(c.URL, c.Dir)
	if err != nil {
		return nil, err
	}
	u, err := parseURL(e, "nats", "tls")
	if err != nil {
		return nil, err
	}
	text := c.Subject
	if text == "" {
		text = strings.Trim(u.Path, "/")
	}
	subject, err := parseSubject(text)
	if err != nil {
		return nil, err
	}
	u.Path = ""
	t := &queueTarget{
		server:       u.String(),
		shown:        u.Scheme + "://" + u.Host,
		subject:      subject,
		stream:       c.Stream,
		createStream: c.CreateStream,
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
	login, err := queueLogin(c, env.Secrets)
	if err != nil {
		return nil, err
	}
	t.options = append(t.connection(c.Name, env.Logger), login...)
	return t, nil
}

// connection are the options of a connection that is never given up, and that
// refuses what it cannot send at once: waiting is for the lane.
func (t *queueTarget) connection(name string, log *zap.Logger) []nats.Option {
	closed := sync.OnceFunc(func() { close(t.closed) })
	log = log.With(zap.String("target", name), zap.String("server", t.shown))
	return []nats.Option{
		nats.Name("signalbox " + name),
		nats.Timeout(queueDialTimeout),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(queueReconnectWait),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(func(*nats.Conn) { log.Info("queue connected") }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("queue connected") }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("queue disconnected", zap.Error(err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { t.lastErr.Store(&err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { t.lastErr.Store(&err) }),
		nats.ClosedHandler(func(*nats.Conn) { closed() }),
	}
}

func queueLogin(c Config, s Secrets) ([]nats.Option, error) {
	var out []nats.Option
	texts := [3]string{c.User, c.Password, c.Token}
	for i, text := range texts {
		e, err := s.expand(text, c.Dir)
		if err != nil {
			return nil, err
		}
		texts[i] = e.value
	}
	switch {
	case c.User != "":
		out = append(out, nats.UserInfo(texts[0], texts[1]))
	case c.Token != "":
		out = append(out, nats.Token(texts[2]))
	case c.CredentialsFile != "":
		out = append(out, nats.UserCredentials(resolvePath(c.Dir, c.CredentialsFile)))
	}
	tlsConfig, err := tlsConfig(c.TLS, c.Dir, s)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		out = append(out, nats.Secure(tlsConfig))
	}
	return out, nil
}

// Deliver publishes the delivery and waits for the stream's acknowledgement.
func (t *queueTarget) Deliver(ctx context.Context, d *Delivery) error {
	m, subject, err := t.render(d)
	if err != nil {
		return err
	}
	msg := &nats.Msg{Subject: subject, Header: m.header(), Data: m.body}
	ctx, cancel := bound(ctx, t.timeout)
	defer cancel()
	conn, err := t.connect(ctx)
	if err != nil {
		return t.failed(ctx, msg.Subject, err)
	}
	err = t.publish(ctx, conn, msg)
	if t.createStream && errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err = t.create(ctx, conn); err == nil {
			err = t.publish(ctx, conn, msg)
		}
	}
	if err != nil {
		return t.failed(ctx, msg.Subject, err)
	}
	return nil
}

func (t *queueTarget) render(d *Delivery) (m *message, subject string, err error) {
	if m, err = t.renderer.render(d, time.Now()); err != nil {
		return nil, "", err
	}
	subject, err = t.subjectOf(d)
	return m, subject, err
}

func (t *queueTarget) subjectOf(d *Delivery) (string, error) {
	if !t.subject.dynamic() {
		return t.subject.render(nil), nil
	}
	ev, err := storedEvent(d)
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

// connect gives the connection, and makes it on the first attempt. It does not
// fail when the server is down; publishing does.
func (t *queueTarget) connect(ctx context.Context) (*queueConn, error) {
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
	nc, err := nats.Connect(t.server, t.options...)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, t.asyncOptions...)
	if err != nil {
		nc.Close()
		return nil, err
	}
	conn := &queueConn{nc, js}
	t.conn.Store(conn)
	return conn, nil
}

// errNotConnected says that the client is still trying to connect.
var errNotConnected = errors.New("not connected")

func (t *queueTarget) publish(ctx context.Context, conn *queueConn, msg *nats.Msg) error {
	if err := t.connected(conn); err != nil {
		return err
	}
	_, err := conn.js.PublishMsg(ctx, msg, t.publishOptions...)
	return err
}

// connected gives errNotConnected, and why, unless there is a connection.
func (t *queueTarget) connected(conn *queueConn) error {
	if conn.IsConnected() {
		return nil
	}
	if last := t.lastErr.Load(); last != nil {
		return fmt.Errorf("%w: %w", errNotConnected, *last)
	}
	if last := conn.LastError(); last != nil {
		return fmt.Errorf("%w: %w", errNotConnected, last)
	}
	return errNotConnected
}

// create makes the stream, unless it exists.
func (t *queueTarget) create(ctx context.Context, conn *queueConn) error {
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

// failed is the error of an attempt that no stream has acknowledged.
func (t *queueTarget) failed(ctx context.Context, subject string, err error) *Error {
	e := &Error{Code: CodeErrorFromTarget, Tries: 1}
	hint := ""
	var api *jetstream.APIError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = CodeInternalError
		err = fmt.Errorf("the attempt was broken off: %w", context.Canceled)
	case ctx.Err() != nil || errors.Is(err, nats.ErrTimeout):
		e.Code = CodeTimeout
		if last := t.lastErr.Swap(nil); last != nil {
			hint = fmt.Sprintf(" (the server had said: %v)", *last)
		}
		err = fmt.Errorf("no acknowledgement in time: %w", context.DeadlineExceeded)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		e.Code = CodeNoResource
		hint = ": no stream takes this subject; create one that does, or set stream and create_stream"
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject):
		e.Code, e.Final = CodeInvalidParameter, true
	case errors.As(err, &api):
		e.Status = api.Code
		e.Code, e.Final = apiCode(api)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrPermissionViolation):
		e.Code = CodeNoPermissions
	default:
		e.Code = CodeConnectionFailure
	}
	e.Err = fmt.Errorf("publish to %s on %s: %w%s", subject, t.shown, err, hint)
	return e
}

// The error codes of JetStream's API that a publisher meets, from the server's
// errors.json, where jetstream has no name for them.
const (
	jsMessageTooLarge jetstream.ErrorCode = 10054
	jsWrongStream     jetstream.ErrorCode = 10060
)

// apiCode gives the error code for an answer of a stream, and whether it is
// final: a full stream, or one without a leader, takes the message later.
func apiCode(err *jetstream.APIError) (code string, final bool) {
	switch {
	case err.ErrorCode == jsMessageTooLarge:
		return CodeInvalidParameter, true
	case err.ErrorCode == jsWrongStream, err.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return CodeNoResource, false
	}
	return CodeErrorFromTarget, false
}

// Preview renders the message that Deliver publishes.
func (t *queueTarget) Preview(d *Delivery) (Request, error) {
	m, subject, err := t.render(d)
	if err != nil {
		return Request{}, err
	}
	return Request{
		Method:  "PUBLISH",
		Address: subject,
		Headers: t.renderer.preview(m),
		Body:    string(m.body),
	}, nil
}

// Close closes the connection, and returns when it is closed.
func (t *queueTarget) Close() error {
	if conn := t.conn.Load(); conn != nil {
		conn.Close()
		<-t.closed
	}
	return nil
}
