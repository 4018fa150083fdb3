package http

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/hooks/signature"
	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/http/login"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: http.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "http",
		Traits:  targets.Traits{Answers: true, Replies: true, Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

var schemes = []string{"http", "https"}

// Options are those of a target of type http.
type Options struct {
	remote.Options `yaml:",inline" example:"https://warehouse.example.com/events"`
	// Method is that of the request. A GET, a HEAD and an OPTIONS have no body.
	Method string `yaml:"method" enum:"POST|PUT|PATCH|DELETE|GET|HEAD|OPTIONS"`
	// Path is added to that of the URL. It may hold {{ expressions }} of the event, as may Query and
	// the values of headers.
	Path string `yaml:"path" example:"'/orders/{{ detail.id }}'"`
	// Query is added to the query of the URL.
	Query map[string]string `yaml:"query" example:"{order: '{{ detail.id }}'}"`
	// SigningSecrets sign each delivery as Standard Webhooks does, each with every secret, so that
	// secrets can be rotated: whsec_ and the base64 of 24 to 64 bytes. They may hold references to
	// secrets.
	SigningSecrets []string `yaml:"signing_secrets" example:"[whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz]"`
	// RetryOn are statuses that are retried, other than by default. A 2xx is always a success.
	RetryOn []int `yaml:"retry_on" example:"[404]"`
	// FinalOn are statuses that are never retried, other than by default.
	FinalOn []int `yaml:"final_on" example:"[500]"`
	// QuickRetries is how often one attempt tries again, within 100 ms, when its connection broke
	// before anything was answered.
	QuickRetries *int `yaml:"quick_retries" min:"0" max:"3"`
	// Auth is how the target shows who sends.
	Auth *login.Options `yaml:"auth"`
	// Success are the statuses that mean success.
	Success []StatusRange `yaml:"success" default:"[200-299]" example:"[200-299, 409]"`
	// SuccessWhen is an expression over headers and body of the answer that must hold as well.
	SuccessWhen string `yaml:"success_when" example:"body.ok == true"`
	// Proxy is the address of a proxy.
	Proxy string `yaml:"proxy" example:"http://proxy.internal:3128"`
	// ProxyFromEnv uses HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyFromEnv bool `yaml:"proxy_from_env"`
	// MaxConnectionAge is about how old a connection becomes before another takes its place, so that a
	// change of the server's address is followed.
	MaxConnectionAge time.Duration `yaml:"max_connection_age" min:"1s"`
	// HTTP2 speaks HTTP/2 where an https server offers it.
	HTTP2 bool `yaml:"http2"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*targets.Config) {
	o.Options.SetDefaults()
	targets.SetDefault(&o.Method, "POST")
	targets.SetDefault(&o.MaxConnectionAge, time.Minute)
	if o.QuickRetries == nil {
		o.QuickRetries = new(1)
	}
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(c *targets.Config, v *targets.Validation) {
	o.Options.Validate(v, schemes...)
	if o.Format == remote.FormatCloudEventsBinary && c.Batch != nil {
		v.Fail([]string{"format"}, "cloudevents-binary holds one event in one request, so it can't be sent in batches: use cloudevents, or remove batch")
	}
	v.OneOf("method", o.Method, "POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS")
	o.texts(c, v)
	o.logins(v)
	o.answers(c, v)
	for i, text := range o.SigningSecrets {
		path := []string{"signing_secrets", strconv.Itoa(i)}
		if e, ok := v.Expand(path, text); ok {
			if _, err := signature.ParseSigning(e.Value); err != nil {
				v.Fail(path, "%v", err)
			}
		}
	}
	if o.MaxConnectionAge < time.Second {
		v.Fail([]string{"max_connection_age"}, "is %s: it must be at least 1s", o.MaxConnectionAge)
	}
	statuses(v, "retry_on", o.RetryOn)
	statuses(v, "final_on", o.FinalOn)
	for i, status := range o.FinalOn {
		if slices.Contains(o.RetryOn, status) {
			v.Fail([]string{"final_on", strconv.Itoa(i)}, "%d is in retry_on too", status)
		}
	}
	if n := o.QuickRetries; n != nil && (*n < 0 || *n > 3) {
		v.Fail([]string{"quick_retries"}, "is %d: it must be from 0 to 3; longer waits are the business of retry", *n)
	}
}

// logins checks how the target logs in, and the way to it.
func (o *Options) logins(v *targets.Validation) {
	e, err := v.Secrets.Expand(o.URL, v.Dir)
	u, urlErr := remote.ParseURL(e, schemes...)
	if err == nil && urlErr == nil {
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && egress.Metadata(addr) {
			v.Fail([]string{"url"}, "is an address that gives credentials of this machine, which nothing is sent to")
		}
	}
	if o.Auth != nil {
		o.Auth.Validate(v, "auth")
		if err == nil && urlErr == nil {
			o.shared(v, u)
		}
		if err == nil && urlErr == nil && u.User != nil {
			v.Fail([]string{"auth"}, "url has a login too: remove one")
		}
		for name := range o.Headers {
			if strings.EqualFold(name, "Authorization") {
				v.Fail([]string{"auth"}, "headers has Authorization too: remove one")
			}
		}
	}
	if o.Proxy == "" {
		return
	}
	if o.ProxyFromEnv {
		v.Fail([]string{"proxy"}, "stands beside proxy_from_env: remove one")
	}
	if e, ok := v.Expand([]string{"proxy"}, o.Proxy); ok {
		if _, err := remote.ParseURL(e, schemes...); err != nil {
			v.Fail([]string{"proxy"}, "%v", err)
		}
	}
}

// answers checks what means success.
func (o *Options) answers(c *targets.Config, v *targets.Validation) {
	for i, r := range o.Success {
		if r.From < 200 || r.To > 599 || r.From > r.To {
			v.Fail([]string{"success", strconv.Itoa(i)}, "must be a status or a range of statuses from 200 to 599, such as 200-299")
		}
	}
	if o.SuccessWhen == "" {
		return
	}
	if _, err := exprenv.CompileMessage(o.SuccessWhen); err != nil {
		v.Fail([]string{"success_when"}, "%v", err)
	}
	if c.Batch != nil {
		v.Fail([]string{"success_when"}, "is of one answer to one event: remove batch")
	}
}

// texts checks what may hold expressions.
func (o *Options) texts(c *targets.Config, v *targets.Validation) {
	if template.Dynamic(o.URL) {
		v.Fail([]string{"url"}, "can't hold {{ }}, as no event chooses where it is sent: write it in path or query")
	}
	fields := []string{}
	parse := func(text string, field ...string) {
		parsed, err := template.Parse(text, func(literal string) (string, error) {
			e, err := v.Secrets.Expand(literal, v.Dir)
			return e.Value, err
		})
		if err != nil {
			v.Fail(field, "%v", err)
		}
		if template.Dynamic(text) {
			fields = append(fields, field[0])
		}
		if field[0] == "path" && err == nil && text != "" {
			checkPath(v, parsed)
		}
	}
	parse(o.Path, "path")
	for _, name := range slices.Sorted(maps.Keys(o.Query)) {
		parse(o.Query[name], "query", name)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if template.Dynamic(o.Headers[name]) {
			parse(o.Headers[name], "headers", name)
		}
	}
	if c.Batch == nil {
		return
	}
	if len(fields) > 0 {
		v.Fail([]string{fields[0]}, "holds {{ }}, which is of one event, so it can't be sent in batches: remove batch")
	}
	if o.bodyless() {
		v.Fail([]string{"method"}, "%s has no body, so it can't be sent in batches: remove batch", o.Method)
	}
}

// bodyless reports whether the requests have no body.
func (o *Options) bodyless() bool {
	return o.Method == http.MethodGet || o.Method == http.MethodHead || o.Method == http.MethodOptions
}

// checkPath checks what is literal in a path.
func checkPath(v *targets.Validation, path template.Text) {
	literals := path.Literals()
	if !strings.HasPrefix(literals[0], "/") {
		v.Fail([]string{"path"}, "must begin with /")
	}
	for _, literal := range literals {
		if strings.ContainsAny(literal, "?# \t\n") {
			v.Fail([]string{"path"}, "can't hold spaces, ? and #: write %%20, and the query in query")
		} else if _, err := url.PathUnescape(literal); err != nil {
			v.Fail([]string{"path"}, "%v", err)
		}
	}
}

// static returns the options with the headers that are the same for every event.
func (o *Options) static() *remote.Options {
	out := o.Options
	out.Headers = maps.Clone(o.Headers)
	maps.DeleteFunc(out.Headers, func(_, value string) bool { return template.Dynamic(value) })
	return &out
}

// CheckParameters returns why a rule's parameters can't be added to the requests.
func (o *Options) CheckParameters(p *targets.Parameters) error {
	for _, h := range p.Headers {
		if err := remote.CheckHeaderName(h.Name); err != nil {
			return fmt.Errorf("header %s: %w", h.Name, err)
		}
	}
	return nil
}

func statuses(v *targets.Validation, field string, statuses []int) {
	for i, status := range statuses {
		if status < 300 || status > 599 {
			v.Fail([]string{field, strconv.Itoa(i)}, "%d is no status of an error: it must be from 300 to 599", status)
		}
	}
}

// SameBatch reports whether two deliveries may share a batch: not a synthetic event
// with a real one, as one header speaks for all, and not a CloudEvent with a
// transformed body, which has another content type, and none with parameters of its rule or attributes.
func (o *Options) SameBatch(a, b *targets.Delivery) bool {
	return a.Parameters == nil && b.Parameters == nil && a.Attributes == nil && b.Attributes == nil && a.Synthetic() == b.Synthetic() && (o.Format != remote.FormatCloudEvents || (a.Body == nil) == (b.Body == nil))
}

// LoginOptions returns how the target logs in; nil if it does not.
func (o *Options) LoginOptions() *login.Options { return o.Auth }

// shared checks that a connection's login goes only where it may.
func (o *Options) shared(v *targets.Validation, u *url.URL) {
	c := o.Auth.Shared()
	switch {
	case c == nil:
	case !c.Allows(u.Hostname()):
		v.Fail([]string{"url"}, "connection %q is only for %s: add the host to its hosts, or log in otherwise", c.Name, strings.Join(c.Hosts, ", "))
	case len(c.Hosts) == 0 || o.Proxy == "":
	case u.Scheme == "http" || c.Plain():
		v.Fail([]string{"proxy"}, "would be shown the login of connection %q, which is only for %s: use https", c.Name, strings.Join(c.Hosts, ", "))
	case o.TLS.InsecureSkipVerify || o.TLS.CAFile != "" || o.TLS.ServerName != "":
		// The proxy could pass itself off as the server.
		v.Fail([]string{"tls"}, "says beside proxy whom to trust, so that the proxy could be shown the login of connection %q, which is only for %s: remove ca_file, server_name and insecure_skip_verify, or the proxy",
			c.Name, strings.Join(c.Hosts, ", "))
	}
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["method"] = o.Method
	if o.Path != "" {
		shown["path"] = o.Path
	}
	if len(o.Query) > 0 {
		shown["query"] = slices.Sorted(maps.Keys(o.Query))
	}
	if o.Auth != nil {
		shown["auth"] = o.Auth.Kind()
	}
	if len(o.SigningSecrets) > 0 {
		shown["signed"] = true
	}
}
