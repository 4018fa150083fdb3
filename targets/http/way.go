package http

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/http/login"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// way is how a target connects: to its server, or to a proxy, which may be where the guard
// lets nothing else be.
type way struct {
	guard *egress.Guard
	tls   *tls.Config                           // nil for Go's defaults
	proxy func(*http.Request) (*url.URL, error) // nil for none
	// proxies are the addresses of the proxies that were chosen.
	proxies sync.Map
	// secrets are those in the address of a proxy of the configuration.
	secrets []string
}

func newWay(c *targets.Config, o *Options, env targets.Env) (*way, error) {
	w := &way{guard: env.Egress}
	var err error
	if w.tls, err = o.TLS.Config(c.Dir, env.Secrets); err != nil {
		return nil, err
	}
	switch {
	case o.ProxyFromEnv:
		w.proxy = http.ProxyFromEnvironment
	case o.Proxy != "":
		e, err := env.Secrets.Expand(o.Proxy, c.Dir)
		if err != nil {
			return nil, err
		}
		u, err := remote.ParseURL(e, schemes...)
		if err != nil {
			return nil, err
		}
		w.proxy, w.secrets = http.ProxyURL(u), e.Secrets()
	}
	return w, nil
}

// of makes a pool take the way.
func (w *way) of(pool *http.Transport) {
	pool.DialContext = w.dial
	if w.proxy == nil {
		return
	}
	pool.Proxy = func(r *http.Request) (*url.URL, error) {
		u, err := w.proxy(r)
		if u != nil {
			w.proxies.Store(address(u), true)
		}
		return u, err
	}
}

// address returns the host and the port that a URL is reached at.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (w *way) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if _, ok := w.proxies.Load(address); ok {
		return w.guard.DialProxy(ctx, network, address)
	}
	return w.guard.DialContext(ctx, network, address)
}

// logIn makes the login of a target, whose tokens come by the target's own way.
func (t *httpTarget) logIn(c *targets.Config, o *Options, env targets.Env, w *way) (err error) {
	if o.Auth == nil {
		return nil
	}
	t.tokens = &http.Transport{TLSClientConfig: w.tls.Clone(), IdleConnTimeout: idleConnTimeout, MaxResponseHeaderBytes: maxAnswer}
	w.of(t.tokens)
	if t.login, err = login.New(o.Auth, c.Dir, env.Secrets, t.tokens); err != nil {
		return err
	}
	for _, f := range t.login.Query() {
		t.requests.query = append(t.requests.query, named{name: f.Name, text: template.Fixed(f.Value), secret: true, wins: true})
		t.requests.expressions = true
	}
	return nil
}

// toLogIn returns what a login sees of a message.
func (t *httpTarget) toLogIn(m *remote.Message, to request) *login.Request {
	r := &login.Request{Method: t.request.Method, URL: to.url, Host: t.request.Host, Body: m.Body,
		Set: func(name, value string) { m.Set(remote.Field{Name: name, Value: value}) }}
	if types := m.Header()["Content-Type"]; len(types) == 1 {
		r.Type = types[0]
	}
	return r
}

// hide returns a text without the secrets of the target.
func (t *httpTarget) hide(text string) string { return t.hidden.In(t.login.In(text)) }

// messageOf returns what expressions see of an answer.
func messageOf(resp *http.Response, body []byte) *exprenv.Message {
	m := &exprenv.Message{Headers: exprenv.HeadersOf(resp.Header)}
	if value, err := exprenv.DecodeJSON(body); err == nil {
		m.Body = value
	} else {
		m.Body = string(body)
	}
	return m
}
