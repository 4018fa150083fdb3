// Package http is the kind of target that posts deliveries to a URL.
package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"signalbox/rules/exprenv"
	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/http/login"
	"signalbox/targets/http/transport"
	"signalbox/targets/remote"
)

const (
	// maxAnswer is how much of an answer is read so that its connection can be
	// used again; the connection of a longer one is closed.
	maxAnswer = 64 << 10
	// maxSnippet is how much of an answer is kept in an Error.
	maxSnippet = 1 << 10
	// quickRetryTime bounds the waits between the tries of one attempt.
	quickRetryTime = 100 * time.Millisecond
	// idleConnTimeout is less than the 60 s or more after which most servers and
	// load balancers close an idle connection.
	idleConnTimeout = 55 * time.Second
	// maxAnswerBytes bounds one answer with its header.
	maxAnswerBytes = targets.MaxAnswer + 64<<10
)

// httpTarget sends each delivery as one HTTP request.
type httpTarget struct {
	client      *retryablehttp.Client
	connections connections
	// request is copied for each delivery.
	request  *http.Request
	renderer *remote.Renderer
	answers  answers
	// login is nil where there is none; tokens is over which it gets them.
	login   *login.Login
	tokens  *http.Transport
	timeout time.Duration
	// maxBytes bounds the body of a batch; 0 where there are none.
	maxBytes int
	requests requests
	hidden   remote.Hidden
	// logins hides what the target logs in with, and nothing else, as it changes
	// answers that are data to others.
	logins remote.Hidden
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewRenderer(c, o.static(), o.SigningSecrets, env)
	if err != nil {
		return nil, err
	}
	renderer.NoBody = o.bodyless()
	requests, secrets, err := newRequests(o, c, env.Secrets)
	if err != nil {
		return nil, err
	}
	u := requests.url
	t := &httpTarget{
		renderer: renderer,
		answers:  answers{retryOn: o.RetryOn, finalOn: o.FinalOn, success: o.Success},
		timeout:  c.Timeout,
		requests: requests,
	}
	if c.Batch != nil {
		t.maxBytes = int(c.Batch.MaxBytes)
	}
	t.request, err = http.NewRequest(o.Method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// The header is set by sender; this one only keeps the client from making one.
	t.request.Header = http.Header{}
	if user := u.User; user != nil {
		password, _ := user.Password()
		renderer.SetBasicAuth(user.Username(), password)
		u.User = nil
	}
	t.request.URL = u
	if host := renderer.TakeHost(); host != "" {
		t.request.Host = host
	} else if t.request.Host == u.Host {
		t.request.Host = "" // http.Client would copy the URL for each request
	}
	if o.SuccessWhen != "" {
		if t.answers.when, err = exprenv.CompileMessage(o.SuccessWhen); err != nil {
			return nil, err
		}
	}
	way, err := newWay(c, o, env)
	if err != nil {
		return nil, err
	}
	if err := t.logIn(c, o, env, way); err != nil {
		return nil, err
	}
	t.hidden = remote.NewHidden(slices.Concat(secrets, way.secrets, renderer.Secrets(), t.login.Secrets()))
	t.logins = remote.NewHidden(append(renderer.Logins(), t.login.Secrets()...))
	t.connections = newConnections(c, o, way)
	t.client = newClient(sender{t.connections}, *o.QuickRetries)
	return t, nil
}

// newClient leaves to go-retryablehttp the tries within one attempt.
func newClient(below http.RoundTripper, quickRetries int) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     below,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     quickRetries,
		RetryWaitMax: quickRetryTime / time.Duration(max(quickRetries, 1)),
		CheckRetry:   checkQuickRetry,
		Backoff:      quickBackoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// checkQuickRetry asks for another try within the attempt where the connection
// could not be made, or broke before anything was answered: a server that is
// restarting, or one that closed the connection while the request was on its
// way. All else is for the lane, which waits without holding a slot.
func checkQuickRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if err == nil || ctx.Err() != nil {
		return false, nil
	}
	for _, broken := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if errors.Is(err, broken) {
			return true, nil
		}
	}
	return false, nil
}

// quickBackoff waits for a random time of at most most, so that the deliveries
// that one broken server has cut off do not come back as one.
func quickBackoff(_, most time.Duration, _ int, _ *http.Response) time.Duration {
	return most/5 + rand.N(most-most/5)
}

// connections make requests to the target's server.
type connections interface {
	http.RoundTripper
	Close()
}

// newConnections returns connections of the target's own: as many as it has attempts
// at once, all kept for the next. Proxies and HTTP/2 are left to net/http.
func newConnections(c *targets.Config, o *Options, way *way) connections {
	if !o.HTTP2 && way.proxy == nil {
		return transport.New(transport.Options{
			Dial: way.dial,
			TLS:  way.tls, Connections: c.Concurrency, IdleTimeout: idleConnTimeout,
			MaxAge: o.MaxConnectionAge, MaxAnswer: maxAnswerBytes,
		})
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.HTTP2)
	pool := &http.Transport{
		TLSClientConfig:        way.tls,
		Protocols:              protocols,
		MaxConnsPerHost:        c.Concurrency,
		MaxIdleConnsPerHost:    c.Concurrency,
		IdleConnTimeout:        idleConnTimeout,
		DisableCompression:     true,
		WriteBufferSize:        8 << 10,
		MaxResponseHeaderBytes: maxAnswerBytes,
	}
	way.of(pool)
	return pooled{pool}
}

// pooled uses net/http's own transport.
type pooled struct{ transport *http.Transport }

// RoundTrip sends a request, whose body is a *requestBody.
func (p pooled) RoundTrip(r *http.Request) (*http.Response, error) {
	b := r.Body.(*requestBody)
	sent := *r
	sent.Header = b.message.Header()
	sent.Body, _ = b.open()
	sent.GetBody = b.open
	return p.transport.RoundTrip(&sent)
}

// Close closes the idle connections.
func (p pooled) Close() { p.transport.CloseIdleConnections() }

// sender is what http.Client sees of the connections. As it has no
// CloseIdleConnections, go-retryablehttp cannot close every connection of the target
// because one request failed.
type sender struct{ connections connections }

// RoundTrip makes one request.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.connections.RoundTrip(r)
	if err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		hideLocation(resp)
	}
	return resp, err
}

// headerRedirect is where hideLocation keeps the Location of an answer.
const headerRedirect = "X-Signalbox-Redirect"

// hideLocation keeps http.Client from looking at where an answer points to, as
// it makes an error of its own of one that is no URL.
func hideLocation(resp *http.Response) {
	resp.Header.Set(headerRedirect, resp.Header.Get("Location"))
	resp.Header.Del("Location")
}

// Deliver makes one attempt.
func (t *httpTarget) Deliver(ctx context.Context, d *targets.Delivery) error {
	m, to, err := t.render(d)
	if err != nil {
		return err
	}
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	resp, tries, err := t.do(ctx, m, to)
	t.rendered(m)
	if err != nil {
		return t.broken(ctx, to, err, tries)
	}
	defer resp.Body.Close()
	d.Status = resp.StatusCode
	if d.Answer != nil {
		t.keepAnswer(resp, d.Answer)
		d.Hide = t.hide
	}
	return t.judge(resp, d, to, tries)
}

// do sends a message, and returns in how many tries.
func (t *httpTarget) do(ctx context.Context, m *remote.Message, to request) (resp *http.Response, tries int, err error) {
	if t.login == nil {
		return t.send(ctx, m, to)
	}
	m.Body = t.login.Body(m.Body)
	if err := t.login.Apply(ctx, t.toLogIn(m, to)); err != nil {
		return nil, 1, err
	}
	resp, tries, err = t.send(ctx, m, to)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.login.Renew(http.Header(m.Header()).Get("Authorization")) {
		return resp, tries, err
	}
	// The token may have been revoked: once more with another, within this attempt.
	readAnswer(resp, nil)
	resp.Body.Close()
	if err := t.login.Apply(ctx, t.toLogIn(m, to)); err != nil {
		return nil, tries, err
	}
	resp, more, err := t.send(ctx, m, to)
	return resp, tries + more, err
}

// send sends a message as it is.
func (t *httpTarget) send(ctx context.Context, m *remote.Message, to request) (resp *http.Response, tries int, err error) {
	s := &sending{body: requestBody{message: m}}
	s.request.Request = t.request.WithContext(ctx)
	s.request.URL = to.url
	s.request.Body = &s.body
	s.request.ContentLength = int64(len(m.Body))
	resp, err = t.client.Do(&s.request)
	return resp, s.body.tries, err
}

// broken is the error of an attempt that was not answered.
func (t *httpTarget) broken(ctx context.Context, to request, err error, tries int) *targets.Error {
	if own := (*targets.Error)(nil); errors.As(err, &own) { // of the login
		return own
	}
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		// It shows the URL as it is, with its secrets.
		err = wrapped.Err
	}
	code, final := targets.CodeConnectionFailure, false
	var network net.Error
	var unsendable *transport.UnsendableError
	switch {
	case errors.As(err, &unsendable):
		code, final = targets.CodeInvalidParameter, true
	case errors.Is(ctx.Err(), context.Canceled):
		code = targets.CodeInternalError
		err = fmt.Errorf("the attempt was broken off: %w", context.Canceled)
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		code = targets.CodeTimeout
		err = &remote.HiddenError{Text: fmt.Sprintf("no answer within the target's timeout of %v", t.timeout), Cause: context.DeadlineExceeded}
	case errors.As(err, &network) && network.Timeout():
		code = targets.CodeTimeout
		err = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return &targets.Error{
		Code:  code,
		Final: final,
		Tries: max(1, tries),
		Err:   &remote.HiddenError{Text: fmt.Sprintf("%s %s: %s", t.request.Method, to.shown, t.hide(err.Error())), Cause: err},
	}
}

// refused is the error of an attempt that was answered, but not with success.
func (t *httpTarget) refused(resp *http.Response, to request, tries int) *targets.Error {
	status := resp.StatusCode
	text := fmt.Sprintf("%s %s: %s", t.request.Method, to.shown, t.hide(resp.Status))
	if there := resp.Header.Get(headerRedirect); there != "" {
		text += fmt.Sprintf(", points to %s: redirects are not followed; if it has moved for good, change the target's url", t.hide(there))
	}
	var snippet [maxSnippet]byte
	n := readAnswer(resp, snippet[:])
	return &targets.Error{
		Code:       targets.CodeOf(status),
		Status:     status,
		Final:      t.answers.final(status),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		Snippet:    t.hide(strings.ToValidUTF8(readable(resp, snippet[:n]), "�")),
		Tries:      tries,
		Err:        errors.New(text),
	}
}

// readable returns the beginning of an answer as a person can read it. Nobody has asked
// for a compressed one, and some servers send it all the same.
func readable(resp *http.Response, beginning []byte) string {
	encoding := strings.ToLower(resp.Header.Get("Content-Encoding"))
	switch {
	case encoding == "" || encoding == "identity" || len(beginning) == 0:
		return string(beginning)
	case strings.TrimPrefix(encoding, "x-") == "gzip":
		text := make([]byte, maxSnippet)
		if r, err := gzip.NewReader(bytes.NewReader(beginning)); err == nil {
			if n, _ := io.ReadFull(r, text); n > 0 { // it is cut, so the end fails
				return string(text[:n])
			}
		}
	}
	return fmt.Sprintf("(the answer is compressed: Content-Encoding is %q)", encoding)
}

// keepAnswer reads an answer for who asked for it, and leaves the response as if
// it had not been read.
func (t *httpTarget) keepAnswer(resp *http.Response, a *targets.Answer) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, targets.MaxAnswer+1))
	resp.Body = readAgain{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	*a = targets.Answer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Header: resp.Header, Body: body, Cut: err != nil}
	if len(body) > targets.MaxAnswer {
		a.Body, a.Cut = body[:targets.MaxAnswer:targets.MaxAnswer], true
	}
	a.Body = t.logins.InBytes(a.Body)
	if shown := t.login.In(string(a.Body)); shown != string(a.Body) {
		a.Body = []byte(shown)
	}
}

// readAgain is a body of which the beginning was read before.
type readAgain struct {
	io.Reader
	io.Closer
}

var answerBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// readAnswer reads an answer to its end, up to maxAnswer, so that its connection
// can be used again. It gives how much of its beginning it left in keep. That an
// answer breaks off changes nothing: its status was there.
func readAnswer(resp *http.Response, keep []byte) (kept int) {
	if resp.ContentLength == 0 || resp.Body == http.NoBody {
		return 0
	}
	buffer := answerBuffers.Get().(*[4 << 10]byte)
	defer answerBuffers.Put(buffer)
	for total := 0; total < maxAnswer; {
		n, err := resp.Body.Read(buffer[:])
		total += n
		kept += copy(keep[kept:], buffer[:n])
		if err != nil {
			break
		}
	}
	return kept
}

// Preview renders the request that Deliver sends.
func (t *httpTarget) Preview(d *targets.Delivery) (targets.Request, error) {
	m, to, err := t.render(d)
	if err != nil {
		return targets.Request{}, err
	}
	headers := t.renderer.Preview(m)
	for _, name := range t.login.Sets() {
		headers[textproto.CanonicalMIMEHeaderKey(name)] = secret.Mask
	}
	return targets.Request{
		Method:  t.request.Method,
		Address: to.shown,
		Headers: headers,
		Body:    string(m.Body),
	}, nil
}

// render returns the message of a delivery that is sent alone, as a batch of one
// where the target takes batches, and where it goes.
func (t *httpTarget) render(d *targets.Delivery) (m *remote.Message, to request, err error) {
	if t.maxBytes == 0 {
		m = messages.Get().(*remote.Message)
		err = t.renderer.RenderInto(m, d, time.Now())
	} else {
		var each []error
		if m, each = t.renderer.RenderBatch([]*targets.Delivery{d}, time.Now()); m == nil {
			err = each[0]
		}
	}
	if err != nil {
		return nil, request{}, err
	}
	to, err = t.address(m, d)
	return m, to, err
}

// messages has the memory of messages that nobody uses any more.
var messages = sync.Pool{New: func() any { return new(remote.Message) }}

// rendered takes back the memory of a message that has been sent, if nobody uses it any more: a
// connection of net/http's may.
func (t *httpTarget) rendered(m *remote.Message) {
	if _, ok := t.connections.(*transport.Transport); ok && t.maxBytes == 0 {
		m.Body = nil
		messages.Put(m)
	}
}

// address returns where a delivery goes, and adds its own headers to its message; those
// of the configuration stay.
func (t *httpTarget) address(m *remote.Message, d *targets.Delivery) (request, error) {
	to, err := t.requests.of(d)
	if err != nil {
		return request{}, err
	}
	for _, f := range to.headers {
		if !t.renderer.Sets(f.Name) {
			m.Set(f)
		}
	}
	return to, nil
}

// Close closes the target's connections.
func (t *httpTarget) Close() error {
	t.connections.Close()
	if t.tokens != nil {
		t.tokens.CloseIdleConnections()
	}
	return nil
}

// sending is what one request takes.
type sending struct {
	request retryablehttp.Request
	body    requestBody
}

// requestBody brings a message through http.Client. It is never read.
type requestBody struct {
	message *remote.Message
	// tries counts those of the whole attempt.
	tries int
}

// Field returns the i-th field of the header, and whether there is one.
func (b *requestBody) Field(i int) (name, value string, ok bool) {
	if i >= len(b.message.Fields) {
		return "", "", false
	}
	return b.message.Fields[i].Name, b.message.Fields[i].Value, true
}

// Content is the body itself.
func (b *requestBody) Content() []byte { return b.message.Body }

// Try counts a try.
func (b *requestBody) Try() { b.tries++ }

// Read returns nothing; it is there for io.ReadCloser.
func (b *requestBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing; it is there for io.ReadCloser.
func (b *requestBody) Close() error { return nil }

// open returns the bytes for one try. Each try has a reader of its own, as the one
// before may still be read by a connection that is being given up.
func (b *requestBody) open() (io.ReadCloser, error) {
	b.tries++
	if len(b.message.Body) == 0 {
		return http.NoBody, nil
	}
	// Of this type net/http knows that it does not block, and sends it in one
	// write with the header.
	return io.NopCloser(bytes.NewReader(b.message.Body)), nil
}
