package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/remote"
)

// OAuth2 gets a token with a client's credentials (RFC 6749, section 4.4).
type OAuth2 struct {
	// TokenURL is where tokens are asked for.
	TokenURL string `yaml:"token_url" required:"true" example:"https://login.example.com/token"`
	// ClientID is the client.
	ClientID string `yaml:"client_id" required:"true" example:"signalbox"`
	// ClientSecret is the client's secret.
	ClientSecret string `yaml:"client_secret" required:"true" example:"example-of-a-secret"`
	// Scopes are what the token is asked for.
	Scopes []string `yaml:"scopes" example:"[orders.write]"`
	// Params are sent with the request for a token, such as an audience.
	Params map[string]string `yaml:"params" example:"{audience: orders}"`
	// Method is that of the request for a token. With GET, all that is sent stands in the query.
	Method string `yaml:"method" enum:"POST|PUT|GET" default:"POST"`
	// Headers are sent with the request for a token.
	Headers map[string]string `yaml:"headers" example:"{X-Tenant: shop}"`
	// SendIn is where id and secret stand in that request.
	SendIn string `yaml:"send_in" enum:"header|body" default:"header"`
}

func (o *OAuth2) validate(c *check) {
	c.text("client_id", o.ClientID)
	c.text("client_secret", o.ClientSecret)
	if c.text("token_url", o.TokenURL) != "" {
		e, _ := c.v.Secrets.Expand(o.TokenURL, c.v.Dir)
		if _, err := remote.ParseURL(e, "https", "http"); err != nil {
			c.fail("token_url", "%v", err)
		}
	}
	for name, text := range o.Params {
		if _, err := c.v.Secrets.Expand(text, c.v.Dir); err != nil {
			c.fail("params", "%s: %v", name, err)
		}
	}
	for name, text := range o.Headers {
		e, err := c.v.Secrets.Expand(text, c.v.Dir)
		if err != nil {
			c.fail("headers", "%s: %v", name, err)
		}
		c.header("headers", name)
		c.headerValue("headers", e.Value)
	}
	if o.Method != "" && o.Method != "POST" && o.Method != "PUT" && o.Method != "GET" {
		c.fail("method", "is %q: it must be POST, PUT or GET", o.Method)
	}
	if o.SendIn != "" && o.SendIn != "header" && o.SendIn != "body" {
		c.fail("send_in", "is %q: it must be header or body", o.SendIn)
	}
}

// plain reports whether tokens are asked for without TLS.
func (o *OAuth2) plain(v *targets.Validation) bool {
	e, err := v.Secrets.Expand(o.TokenURL, v.Dir)
	if err != nil {
		return false // which is a fault
	}
	u, err := remote.ParseURL(e, "https", "http")
	return err == nil && u.Scheme == "http"
}

// Sender makes requests to token servers.
type Sender = http.RoundTripper

// oauth has the token of a target. One request for a token is under way at a time, and the
// others wait for it.
type oauth struct {
	config clientcredentials.Config
	client *http.Client
	shown  string // the address of the token server
	fixed  remote.Hidden
	token  atomic.Pointer[issued]
	lock   chan struct{}
}

// issued is a token, and what hides it.
type issued struct {
	*oauth2.Token
	hidden remote.Hidden
}

func (o *OAuth2) new(r *resolver, sends Sender) *oauth {
	address := r.text(o.TokenURL)
	var shown string
	if e, err := r.from.Expand(o.TokenURL, r.dir); err == nil {
		if _, err := remote.ParseURL(e, "https", "http"); err == nil {
			var secrets []string
			shown, secrets = remote.Shown(e)
			r.secrets = append(r.secrets, secrets...)
		}
	}
	params := url.Values{}
	for name, text := range o.Params {
		params.Set(name, r.text(text))
	}
	style := oauth2.AuthStyleInHeader
	if o.SendIn == "body" {
		style = oauth2.AuthStyleInParams
	}
	out := &oauth{shown: shown, lock: make(chan struct{}, 1), config: clientcredentials.Config{
		ClientID: r.text(o.ClientID), ClientSecret: r.secret(o.ClientSecret), TokenURL: address,
		Scopes: o.Scopes, EndpointParams: params, AuthStyle: style,
	}}
	if o.Method != "" && o.Method != http.MethodPost || len(o.Headers) > 0 {
		asked := &asking{method: o.Method, headers: map[string]string{}, sends: sends}
		for name, text := range o.Headers {
			asked.headers[name] = r.secret(text)
		}
		sends = asked
	}
	out.client = &http.Client{Transport: sends, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	out.fixed = remote.NewHidden(r.secrets)
	return out
}

// asking asks for tokens otherwise than RFC 6749 says.
type asking struct {
	method  string
	headers map[string]string
	sends   Sender
}

// RoundTrip sends a request for a token.
func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	switch a.method {
	case http.MethodPut:
		r.Method = http.MethodPut
	case http.MethodGet:
		form, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		r.Method, r.Body, r.GetBody, r.ContentLength = http.MethodGet, nil, nil, 0
		r.Header.Del("Content-Type")
		if r.URL.RawQuery != "" {
			r.URL.RawQuery += "&"
		}
		r.URL.RawQuery += string(form)
	}
	return a.sends.RoundTrip(r)
}

// get returns a token that is valid, the same for all for as long as it is.
func (o *oauth) get(ctx context.Context) (string, error) {
	if t := o.token.Load(); t.valid() {
		return t.AccessToken, nil
	}
	select {
	case o.lock <- struct{}{}:
	case <-ctx.Done():
		return "", o.failed(ctx.Err())
	}
	defer func() { <-o.lock }()
	if t := o.token.Load(); t.valid() {
		return t.AccessToken, nil
	}
	got, err := o.config.Token(context.WithValue(ctx, oauth2.HTTPClient, o.client))
	if err == nil && strings.ContainsFunc(got.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		err = errors.New("the token holds characters that a header cannot hold")
	}
	if err != nil {
		return "", o.failed(err)
	}
	o.token.Store(&issued{got, remote.NewHidden([]string{got.AccessToken})})
	return got.AccessToken, nil
}

// early is how long before its end a token is renewed.
const early = 10 * time.Second

func (t *issued) valid() bool {
	return t != nil && (t.Expiry.IsZero() || time.Until(t.Expiry) > early)
}

// drop forgets a token, and reports whether there was one: one that was renewed meanwhile stays.
func (o *oauth) drop(token string) bool {
	t := o.token.Load()
	if t != nil && t.AccessToken == token {
		o.token.CompareAndSwap(t, &issued{Token: &oauth2.Token{AccessToken: token, Expiry: time.Unix(1, 0)}, hidden: t.hidden})
	}
	return token != ""
}

// hide hides the token and what it was got with.
func (o *oauth) hide(text string) string {
	if t := o.token.Load(); t != nil {
		text = t.hidden.In(text)
	}
	return o.fixed.In(text)
}

// failed returns the error of a token that could not be got. What a token server answers may
// repeat the secret, so nothing of it is shown but its status and code.
func (o *oauth) failed(err error) *targets.Error {
	out := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1}
	reason := ""
	var refused *oauth2.RetrieveError
	var wrapped *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
		status := refused.Response.StatusCode
		reason = fmt.Sprintf("it answers %d", status)
		if code := refused.ErrorCode; code != "" && len(code) <= 64 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") == "" {
			reason += " (" + code + ")"
		}
		if out.Code = targets.CodeOf(status); out.Code == targets.CodeInvalidParameter {
			out.Code = targets.CodeNoPermissions // what it refuses is the login
		}
	case errors.Is(err, context.Canceled):
		out.Code, reason = targets.CodeInternalError, "the attempt was broken off"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		out.Code, reason = targets.CodeTimeout, "no answer within the target's timeout"
	case errors.As(err, &wrapped):
		reason = o.hide(wrapped.Err.Error())
	default:
		out.Code, reason = targets.CodeErrorFromTarget, "its answer holds no token"
	}
	out.Err = &remote.HiddenError{Text: fmt.Sprintf("no token from %s: %s", orMask(o.shown), reason), Cause: errors.New("oauth2")}
	return out
}

func orMask(shown string) string {
	if shown == "" {
		return secret.Mask
	}
	return shown
}
