package targets

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

var types = []string{TypeHTTP, TypeQueue, TypeLog, TypeBus}

// Validate gives everything that is wrong with a configuration that has its
// defaults, in the order of the fields; nil if nothing is. The references in it
// are resolved with s, and those that cannot be are mistakes too.
func (c *Config) Validate(s Secrets) []*FieldError {
	v := &validation{secrets: s, dir: c.Dir}
	if !slices.Contains(types, c.Type) {
		v.fail([]string{"type"}, "is %q: it must be one of %s", c.Type, strings.Join(types, ", "))
		return v.errs
	}
	v.lane(c)
	v.foreign(c)
	switch c.Type {
	case TypeHTTP:
		v.http(c)
	case TypeQueue:
		v.queue(c)
	case TypeLog:
		v.log(c)
	case TypeBus:
		v.bus(c)
	}
	return v.errs
}

type validation struct {
	secrets Secrets
	dir     string
	errs    []*FieldError
}

func (v *validation) fail(path []string, format string, args ...any) {
	v.errs = append(v.errs, &FieldError{path, fmt.Sprintf(format, args...)})
}

// lane checks what every kind takes.
func (v *validation) lane(c *Config) {
	r := c.Retry
	if r.MaxAttempts < 1 {
		v.fail([]string{"retry", "max_attempts"}, "is %d: the first attempt counts, so it must be at least 1", r.MaxAttempts)
	}
	if r.MaxAge <= 0 {
		v.fail([]string{"retry", "max_age"}, "is %s: it must be longer than 0", r.MaxAge)
	}
	if r.MinBackoff <= 0 {
		v.fail([]string{"retry", "min_backoff"}, "is %s: it must be longer than 0", r.MinBackoff)
	}
	if r.MaxBackoff < r.MinBackoff {
		v.fail([]string{"retry", "max_backoff"}, "is %s, less than min_backoff %s", r.MaxBackoff, r.MinBackoff)
	}
	v.retryBudget(&c.RetryBudget)
	v.breaker(&c.Breaker)
	if c.Timeout <= 0 {
		v.fail([]string{"timeout"}, "is %s: it must be longer than 0", c.Timeout)
	}
	if c.Concurrency < 1 || c.Concurrency > maxConcurrency {
		v.fail([]string{"concurrency"}, "is %d: it must be from 1 to %d", c.Concurrency, maxConcurrency)
	}
	if c.RateLimit.N < 0 || c.RateLimit.N > 0 && c.RateLimit.Per <= 0 {
		v.fail([]string{"rate_limit"}, "is not a rate: write a number and a time, such as 300/s")
	}
	v.batch(c)
	if c.Reply != "" {
		v.oneOf("reply", c.Reply, ReplyEvents, ReplyNone)
	}
	if c.Reply == ReplyEvents && c.Batch != nil {
		v.fail([]string{"reply"}, "the answer to a batch belongs to none of its deliveries: remove batch, or reply")
	}
	for i, name := range c.Emits {
		if name == "" {
			v.fail([]string{"emits", strconv.Itoa(i)}, "is empty: name the type of an event, or remove it")
		}
	}
	v.oneOf("synthetic", string(c.Synthetic), string(SyntheticLog), string(SyntheticDeliver), string(SyntheticDrop))
	v.oneOf("carry", c.Carry, CarryState, CarryReference, CarryVersion)
	if c.Type == TypeBus && c.Carry != CarryState {
		v.fail([]string{"carry"}, "is %q: a bus gets the event itself; let the targets of its rules ask for references", c.Carry)
	}
	switch {
	case c.OrderBy != "":
		v.oneOf("on_dead_letter", c.OnDeadLetter, OnDeadLetterContinue, OnDeadLetterStop)
	case c.OnDeadLetter != "":
		v.fail([]string{"on_dead_letter"}, "is only for a target with order_by: add that, such as order_by: detail.orderId, or remove this line")
	}
}

const maxConcurrency = 10_000

// foreign finds the fields that the type does not take.
func (v *validation) foreign(c *Config) {
	for _, f := range []struct {
		name  string
		given bool
		types []string
	}{
		{"url", c.URL != "", []string{TypeHTTP, TypeQueue}},
		{"headers", len(c.Headers) > 0, []string{TypeHTTP, TypeQueue}},
		{"format", c.Format != "", []string{TypeHTTP, TypeQueue}},
		{"batch", c.Batch != nil, []string{TypeHTTP, TypeQueue}},
		{"tls", c.TLS != TLS{}, []string{TypeHTTP, TypeQueue}},
		{"method", c.Method != "", []string{TypeHTTP}},
		{"signing_secrets", len(c.SigningSecrets) > 0, []string{TypeHTTP}},
		{"retry_on", len(c.RetryOn) > 0, []string{TypeHTTP}},
		{"final_on", len(c.FinalOn) > 0, []string{TypeHTTP}},
		{"reply", c.Reply != "", []string{TypeHTTP}},
		{"quick_retries", c.QuickRetries != nil, []string{TypeHTTP}},
		{"proxy_from_env", c.ProxyFromEnv, []string{TypeHTTP}},
		{"http2", c.HTTP2, []string{TypeHTTP}},
		{"subject", c.Subject != "", []string{TypeQueue}},
		{"stream", c.Stream != "", []string{TypeQueue}},
		{"create_stream", c.CreateStream, []string{TypeQueue}},
		{"user", c.User != "", []string{TypeQueue}},
		{"password", c.Password != "", []string{TypeQueue}},
		{"token", c.Token != "", []string{TypeQueue}},
		{"credentials_file", c.CredentialsFile != "", []string{TypeQueue}},
		{"to", c.To != "", []string{TypeLog}},
		{"path", c.Path != "", []string{TypeLog}},
		{"bus", c.Bus != "", []string{TypeBus}},
		{"max_hops", c.MaxHops != 0, []string{TypeBus}},
	} {
		if f.given && !slices.Contains(f.types, c.Type) {
			v.fail([]string{f.name}, "a target of type %s does not take it, only one of type %s does", c.Type, strings.Join(f.types, " or "))
		}
	}
}

func (v *validation) http(c *Config) {
	v.url(c.URL, "http", "https")
	v.headers(c.Headers)
	v.oneOf("format", c.Format, FormatEventBridge, FormatCloudEvents, FormatCloudEventsBinary)
	v.oneOf("method", c.Method, "POST", "PUT", "PATCH", "DELETE")
	for i, text := range c.SigningSecrets {
		path := []string{"signing_secrets", strconv.Itoa(i)}
		if e, ok := v.expand(path, text); ok {
			if _, err := parseSigningSecret(e.value); err != nil {
				v.fail(path, "%v", err)
			}
		}
	}
	v.statuses("retry_on", c.RetryOn)
	v.statuses("final_on", c.FinalOn)
	for i, status := range c.FinalOn {
		if slices.Contains(c.RetryOn, status) {
			v.fail([]string{"final_on", strconv.Itoa(i)}, "%d is in retry_on too", status)
		}
	}
	if n := c.QuickRetries; n != nil && (*n < 0 || *n > 3) {
		v.fail([]string{"quick_retries"}, "is %d: it must be from 0 to 3; longer waits are the business of retry", *n)
	}
	v.tls(c)
}

func (v *validation) statuses(field string, statuses []int) {
	for i, status := range statuses {
		if status < 300 || status > 599 {
			v.fail([]string{field, strconv.Itoa(i)}, "%d is no status of an error: it must be from 300 to 599", status)
		}
	}
}

func (v *validation) tls(c *Config) {
	if c.TLS == (TLS{}) {
		return
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		v.fail([]string{"tls"}, "cert_file and key_file go together")
		return
	}
	if _, err := tlsConfig(c.TLS, c.Dir, v.secrets); err != nil {
		v.fail([]string{"tls"}, "%v", err)
	}
}

func (v *validation) queue(c *Config) {
	u := v.url(c.URL, "nats", "tls")
	v.headers(c.Headers)
	v.oneOf("format", c.Format, FormatEventBridge, FormatCloudEvents, FormatCloudEventsBinary)
	subject := c.Subject
	if u != nil {
		inURL := strings.Trim(u.Path, "/")
		switch {
		case subject == "" && inURL == "":
			v.fail([]string{"subject"}, "is missing: name the subject to publish to, here or as the path of url")
		case subject != "" && inURL != "":
			v.fail([]string{"subject"}, "url names a subject too, %q: keep one of them", inURL)
		case subject == "":
			subject = inURL
		}
	}
	if subject != "" {
		parsed, err := parseSubject(subject)
		switch {
		case err != nil:
			v.fail([]string{"subject"}, "%v", err)
		case c.CreateStream && parsed.pattern() == ">":
			v.fail([]string{"create_stream"}, "the stream would take every subject of the server: begin subject with a word of its own, such as events.%s", subject)
		}
	}
	if c.CreateStream && c.Stream == "" {
		v.fail([]string{"create_stream"}, "needs the name of the stream in the field stream")
	}
	if strings.ContainsAny(c.Stream, " \t\r\n.*>/\\") {
		v.fail([]string{"stream"}, "%q is no name of a stream: it cannot hold spaces or any of . * > / \\", c.Stream)
	}
	if (c.User == "") != (c.Password == "") {
		v.fail([]string{"user"}, "user and password go together")
	}
	v.expand([]string{"user"}, c.User)
	v.expand([]string{"password"}, c.Password)
	v.expand([]string{"token"}, c.Token)
	ways := 0
	for _, given := range []bool{c.User != "", c.Token != "", c.CredentialsFile != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		v.fail([]string{"token"}, "give only one of user and password, token, and credentials_file")
	}
	v.tls(c)
}

func (v *validation) log(c *Config) {
	v.oneOf("to", c.To, LogToStdout, LogToFile, LogToZap)
	switch {
	case c.To == LogToFile && c.Path == "":
		v.fail([]string{"path"}, "is missing: name the file to append to")
	case c.To != LogToFile && c.Path != "":
		v.fail([]string{"path"}, "is only for to: file")
	}
}

func (v *validation) bus(c *Config) {
	if c.Bus == "" {
		v.fail([]string{"bus"}, "is missing: name the bus to put events on")
	}
	if c.MaxHops < 1 || c.MaxHops > 64 {
		v.fail([]string{"max_hops"}, "is %d: it must be from 1 to 64", c.MaxHops)
	}
}

func (v *validation) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.fail([]string{field}, "is %q: it must be one of %s", value, strings.Join(allowed, ", "))
	}
}

func (v *validation) expand(path []string, text string) (expanded, bool) {
	e, err := v.secrets.expand(text, v.dir)
	if err != nil {
		v.fail(path, "%v", err)
	}
	return e, err == nil
}

// url checks an address, and gives it if it is right.
func (v *validation) url(text string, schemes ...string) *url.URL {
	field := []string{"url"}
	if text == "" {
		v.fail(field, "is missing")
		return nil
	}
	e, ok := v.expand(field, text)
	if !ok {
		return nil
	}
	u, err := parseURL(e, schemes...)
	if err != nil {
		v.fail(field, "%v", err)
		return nil
	}
	return u
}

func (v *validation) headers(headers map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field := []string{"headers", name}
		if err := checkHeaderName(name); err != nil {
			v.fail(field, "%v", err)
		}
		e, ok := v.expand(field, headers[name])
		if ok && !validHeaderValue(e.value) {
			v.fail(field, "the value holds a character that a header cannot hold, such as a newline")
		}
	}
}
