// Package login is how an http target shows who sends: passwords and tokens, OAuth 2, AWS
// Signature Version 4, and an HMAC of the body.
package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/hooks/signature"
	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/remote"
)

// Options say how to log in: exactly one of them is set. All texts may hold references to
// secrets.
type Options struct {
	// Basic is a name and a password. One of these ways is needed. All texts may hold references to
	// secrets.
	Basic *Basic `yaml:"basic"`
	// Bearer is a token.
	Bearer string `yaml:"bearer" example:"example-of-a-token"`
	// APIKey is a key in a header or in the query.
	APIKey *APIKey `yaml:"api_key" example:"{header: X-Api-Key, value: example-of-a-key}"`
	// OAuth2 gets a token with a client's credentials (RFC 6749, section 4.4).
	OAuth2 *OAuth2 `yaml:"oauth2"`
	// SigV4 signs as AWS does (Signature Version 4).
	SigV4 *SigV4 `yaml:"sigv4"`
	// HMAC signs the body.
	HMAC *HMAC `yaml:"hmac"`
	// Deauthorized is why the login was taken away: nothing is sent, and attempts fail, until there is another.
	Deauthorized string `yaml:"deauthorized" example:"the password leaked"`
	// Connection is the name of a connection, which says how.
	Connection string `yaml:"connection" example:"crm"`
	shared     *Connection
}

// Basic is a name and a password.
type Basic struct {
	// User is the name to log in with, without a colon.
	User string `yaml:"user" required:"true" example:"signalbox"`
	// Password is the user's.
	Password string `yaml:"password" required:"true" example:"example-of-a-password"`
}

// APIKey is a key in a header or in the query.
type APIKey struct {
	// Header is the header that has the key. It, or Query, is needed.
	Header string `yaml:"header" example:"X-Api-Key"`
	// Query is the parameter that has the key.
	Query string `yaml:"query" example:"api_key" with:"{header: null}"`
	// Value is the key.
	Value string `yaml:"value" required:"true" example:"example-of-a-key" with:"{header: X-Api-Key}"`
}

// HMAC signs the body in the form of hooks.
type HMAC struct {
	// Secret is the key of the signature.
	Secret         string `yaml:"secret" required:"true" example:"example-of-a-secret" with:"{header: X-Signature}"`
	signature.HMAC `yaml:",inline"`
}

// Request is what is about to be sent.
type Request struct {
	Method string
	URL    *url.URL
	Host   string // of the header
	Type   string // of the body
	Body   []byte
	// Set sets a header.
	Set func(name, value string)
}

// Login logs requests in. It is safe for concurrent use.
type Login struct {
	// header and query are what each request gets.
	header, query []signature.Field
	// body are members that a body gets which is a JSON object.
	body    []signature.Field
	oauth   *oauth
	sigv4   *sigv4
	hmac    *HMAC
	key     []byte
	secrets []string
	sets    []string
	// deauthorized is why nothing may be sent; nil if it may.
	deauthorized error
}

// kinds returns the keys of the options that are set.
func (o *Options) kinds() (keys []string) {
	for _, k := range []struct {
		key string
		set bool
	}{{"basic", o.Basic != nil}, {"bearer", o.Bearer != ""}, {"api_key", o.APIKey != nil}, {"oauth2", o.OAuth2 != nil}, {"sigv4", o.SigV4 != nil}, {"hmac", o.HMAC != nil}, {"deauthorized", o.Deauthorized != ""}, {"connection", o.Connection != ""}} {
		if k.set {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// Kind returns the key of the option that is set, and the name of a connection.
func (o *Options) Kind() string {
	return strings.TrimSpace(strings.Join(o.kinds(), " and ") + " " + o.Connection)
}

// Validate reports what is wrong with the options, which stand under key.
func (o *Options) Validate(v *targets.Validation, key string) {
	kinds := o.kinds()
	if len(kinds) != 1 {
		v.Fail([]string{key}, "must have one of basic, bearer, api_key, oauth2, sigv4, hmac, deauthorized and connection")
		return
	}
	c := &check{v, []string{key, kinds[0]}}
	switch {
	case o.Basic != nil:
		if user := c.text("user", o.Basic.User); strings.Contains(user, ":") {
			c.fail("user", "can't hold a colon")
		}
		c.text("password", o.Basic.Password)
	case o.APIKey != nil:
		o.APIKey.validate(c)
	case o.OAuth2 != nil:
		o.OAuth2.validate(c)
	case o.SigV4 != nil:
		o.SigV4.validate(c)
	case o.HMAC != nil:
		c.text("secret", o.HMAC.Secret)
		form := o.HMAC.HMAC
		form.SetDefaults()
		if key, reason := form.Fault(); key != "" {
			c.fail(key, "%s", reason)
		}
		for key, name := range map[string]string{"header": form.Header, "timestamp_header": form.TimestampHeader} {
			c.header(key, name)
		}
	case o.Bearer != "":
		c.path = c.path[:1]
		c.headerValue("bearer", c.text("bearer", o.Bearer))
	}
}

func (k *APIKey) validate(c *check) {
	if (k.Header == "") == (k.Query == "") {
		c.fail("", "must have one of header: and query:, the name that the key has there")
	}
	c.header("header", k.Header)
	value := c.text("value", k.Value)
	if k.Header != "" {
		c.headerValue("value", value)
	}
}

// check notes what is wrong below a path.
type check struct {
	v    *targets.Validation
	path []string
}

func (c *check) fail(key, format string, args ...any) {
	path := append([]string{}, c.path...)
	if key != "" {
		path = append(path, key)
	}
	c.v.Fail(path, format, args...)
}

// text returns a text with its references resolved, which must not be empty.
func (c *check) text(key, text string) string {
	path := append(append([]string{}, c.path...), key)
	if text == "" {
		c.v.Fail(path, "is missing")
		return ""
	}
	e, ok := c.v.Expand(path, text)
	if ok && e.Value == "" {
		c.v.Fail(path, "is empty")
	}
	return e.Value
}

func (c *check) header(key, name string) {
	if name == "" {
		return
	}
	if err := remote.CheckHeaderName(name); err != nil {
		c.fail(key, "%v", err)
	}
}

func (c *check) headerValue(key, value string) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.fail(key, "holds a character that a header cannot hold, such as a newline")
	}
}

// New returns the login of options that are valid. Token servers are asked over sends.
func New(o *Options, dir string, s secret.Source, sends Sender) (*Login, error) {
	if c := o.shared; c != nil {
		l, err := New(c.Auth, c.Dir, s, sends)
		if err != nil {
			return nil, err
		}
		if l.deauthorized != nil {
			l.deauthorized = fmt.Errorf("connection %q is deauthorized (%s); give it another login", c.Name, c.Auth.Deauthorized)
		}
		return l, l.add(c, s)
	}
	l := &Login{}
	r := &resolver{dir: dir, from: s}
	switch {
	case o.Basic != nil:
		user, password := r.text(o.Basic.User), r.secret(o.Basic.Password)
		value := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		r.secrets = append(r.secrets, value)
		l.set("Authorization", "Basic "+value)
	case o.Bearer != "":
		l.set("Authorization", "Bearer "+r.secret(o.Bearer))
	case o.APIKey != nil && o.APIKey.Header != "":
		l.set(o.APIKey.Header, r.secret(o.APIKey.Value))
	case o.APIKey != nil:
		l.query = []signature.Field{{Name: o.APIKey.Query, Value: r.secret(o.APIKey.Value)}}
	case o.OAuth2 != nil:
		l.oauth = o.OAuth2.new(r, sends)
		l.sets = []string{"Authorization"}
	case o.SigV4 != nil:
		l.sigv4 = o.SigV4.new(r)
		l.sets = []string{"Authorization", "X-Amz-Date"}
	case o.HMAC != nil:
		form := *o.HMAC
		form.SetDefaults()
		l.hmac, l.key = &form, []byte(r.secret(form.Secret))
		l.sets = []string{form.Header}
	case o.Deauthorized != "":
		l.deauthorized = fmt.Errorf("the target is deauthorized (%s); give it another login", o.Deauthorized)
	}
	l.secrets = r.secrets
	return l, r.err
}

// add adds what the requests of a connection get beside the login.
func (l *Login) add(c *Connection, s secret.Source) error {
	r := &resolver{dir: c.Dir, from: s, secrets: l.secrets}
	fields := func(texts map[string]string) (all []signature.Field) {
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			all = append(all, signature.Field{Name: name, Value: r.secret(texts[name])})
		}
		return all
	}
	for _, f := range fields(c.Headers) {
		l.set(f.Name, f.Value)
	}
	l.query = append(l.query, fields(c.Query)...)
	l.body = fields(c.Body)
	l.secrets = r.secrets
	return r.err
}

// Body returns a body with the members that the connection adds, if it is a JSON object.
func (l *Login) Body(body []byte) []byte {
	if l == nil || len(l.body) == 0 {
		return body
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return body
	}
	for _, f := range l.body {
		value, err := json.Marshal(f.Value)
		if err != nil {
			return body
		}
		members[f.Name] = value
	}
	if merged, err := json.Marshal(members); err == nil {
		return merged
	}
	return body
}

func (l *Login) set(name, value string) {
	l.header, l.sets = append(l.header, signature.Field{Name: name, Value: value}), append(l.sets, name)
}

// resolver resolves the references in texts, and keeps the first error.
type resolver struct {
	dir     string
	from    secret.Source
	secrets []string
	err     error
}

func (r *resolver) text(text string) string {
	e, err := r.from.Expand(text, r.dir)
	if r.err == nil {
		r.err = err
	}
	r.secrets = append(r.secrets, e.Secrets()...)
	return e.Value
}

// secret is text for what is never shown.
func (r *resolver) secret(text string) string {
	value := r.text(text)
	r.secrets = append(r.secrets, value)
	return value
}

// Secrets returns what must not be shown where a server repeats it, but tokens.
func (l *Login) Secrets() []string {
	if l == nil {
		return nil
	}
	return l.secrets
}

// Sets returns the headers that Apply sets, but those that only carry a time.
func (l *Login) Sets() []string {
	if l == nil {
		return nil
	}
	return l.sets
}

// Query returns what the query of each request gets.
func (l *Login) Query() []signature.Field {
	if l == nil {
		return nil
	}
	return l.query
}

// Apply logs a request in. Its error is an *targets.Error.
func (l *Login) Apply(ctx context.Context, r *Request) error {
	if l.deauthorized != nil {
		return &targets.Error{Code: targets.CodeNoPermissions, Tries: 1, Err: l.deauthorized}
	}
	for _, f := range l.header {
		r.Set(f.Name, f.Value)
	}
	switch {
	case l.oauth != nil:
		token, err := l.oauth.get(ctx)
		if err != nil {
			return err
		}
		r.Set("Authorization", "Bearer "+token)
	case l.sigv4 != nil:
		return l.sigv4.sign(ctx, r, time.Now())
	case l.hmac != nil:
		for _, f := range l.hmac.Sign(l.key, r.Body, time.Now()) {
			r.Set(f.Name, f.Value)
		}
	}
	return nil
}

// Renew forgets the token that a request was refused with, and reports whether there may be
// another.
func (l *Login) Renew(authorization string) bool {
	return l != nil && l.oauth != nil && l.oauth.drop(strings.TrimPrefix(authorization, "Bearer "))
}

// In hides tokens in a text.
func (l *Login) In(text string) string {
	if l == nil || l.oauth == nil {
		return text
	}
	return l.oauth.hide(text)
}
