package targets

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestConfigSetDefaults(t *testing.T) {
	for _, test := range []struct {
		given       Config
		concurrency int
		check       func(Config) bool
	}{
		{Config{Type: TypeHTTP}, 32, func(c Config) bool {
			return c.Method == "POST" && c.Format == FormatEventBridge && *c.QuickRetries == 1
		}},
		{Config{Type: TypeQueue}, 256, func(c Config) bool { return c.Format == FormatEventBridge && c.Method == "" }},
		{Config{Type: TypeLog}, 1, func(c Config) bool { return c.To == LogToStdout }},
		{Config{Type: TypeLog, Path: "x"}, 1, func(c Config) bool { return c.To == LogToFile }},
		{Config{Type: TypeBus}, 32, func(c Config) bool { return c.MaxHops == 8 }},
		{Config{Type: TypeQueue, Batch: &Batch{}}, 8, func(c Config) bool {
			return c.Batch.MaxEvents == 100 && c.Batch.MaxBytes == 1<<20 && *c.Batch.MaxWait == 50*time.Millisecond
		}},
		{Config{Type: TypeLog, OrderBy: "detail.id"}, 1, func(c Config) bool { return c.OnDeadLetter == OnDeadLetterContinue }},
		{Config{Type: TypeHTTP, Concurrency: 2, QuickRetries: new(0)}, 2, func(c Config) bool { return *c.QuickRetries == 0 }},
	} {
		t.Run(test.given.Type, func(t *testing.T) {
			c := test.given
			c.SetDefaults()
			want := Retry{MaxAttempts: 185, MaxAge: 24 * time.Hour, MinBackoff: time.Second, MaxBackoff: 10 * time.Minute}
			if c.Retry != want || c.Timeout != 5*time.Second || c.Synthetic != SyntheticLog || c.Concurrency != test.concurrency || !test.check(c) {
				t.Errorf("defaults = %+v", c)
			}
			again := c
			again.SetDefaults()
			if !again.Equal(&c) {
				t.Errorf("defaults of defaults = %+v, want no change", again)
			}
		})
	}
}

func TestConfigValidate(t *testing.T) {
	http := Config{Type: TypeHTTP, URL: "http://127.0.0.1/"}
	queue := Config{Type: TypeQueue, URL: "nats://127.0.0.1/orders"}
	logs := Config{Type: TypeLog}
	bus := Config{Type: TypeBus, Bus: "audit"}
	with := func(c Config, change func(*Config)) Config { change(&c); return c }
	for _, test := range []struct {
		name   string
		config Config
		want   []string
	}{
		{"http", http, nil},
		{"queue", queue, nil},
		{"log", logs, nil},
		{"bus", bus, nil},
		{"no type", Config{}, []string{`type: is "": it must be one of http, queue, log, bus`}},
		{"unknown type", Config{Type: "htpp"}, []string{`type: is "htpp": it must be one of http, queue, log, bus`}},
		{"url on a log", with(logs, func(c *Config) { c.URL = "http://x" }), []string{
			`url: a target of type log does not take it, only one of type http or queue does`}},
		{"bus on http", with(http, func(c *Config) { c.Bus = "x" }), []string{
			`bus: a target of type http does not take it, only one of type bus does`}},
		{"several at once", with(http, func(c *Config) { c.Retry.MaxAttempts = -1; c.Timeout = -1; c.Concurrency = 100_000; c.URL = "" }), []string{
			`retry.max_attempts: is -1: the first attempt counts, so it must be at least 1`,
			`timeout: is -1ns: it must be longer than 0`,
			`concurrency: is 100000: it must be from 1 to 10000`,
			`url: is missing`}},
		{"backoff", with(http, func(c *Config) { c.Retry.MinBackoff = time.Minute; c.Retry.MaxBackoff = time.Second }), []string{
			`retry.max_backoff: is 1s, less than min_backoff 1m0s`}},
		{"synthetic", with(http, func(c *Config) { c.Synthetic = "maybe" }), []string{
			`synthetic: is "maybe": it must be one of log, deliver, drop`}},
		{"carry", with(http, func(c *Config) { c.Carry = "nothing" }), []string{
			`carry: is "nothing": it must be one of state, reference, version`}},
		{"breaker", with(http, func(c *Config) { c.Breaker = Breaker{Failures: -1, OpenFor: -1, Probes: -1} }), []string{
			`breaker.failures: is -1: it must be at least 1; breaker: off never opens the circuit`,
			`breaker.open_for: is -1ns: it must be longer than 0`,
			`breaker.probes: is -1: it must be from 1 to 10000`}},
		{"retry budget", with(http, func(c *Config) { c.RetryBudget = RetryBudget{Ratio: -1, MinRate: Rate{N: -1, Per: 1}} }), []string{
			`retry_budget.ratio: is -1: it must be more than 0 and at most 10; 0.2 is one retry for five first attempts`,
			`retry_budget.min_rate: is not a rate: write a number and a time, such as 10/s`}},
		{"both off", with(http, func(c *Config) { c.Breaker.Off, c.RetryBudget.Off = true, true }), nil},
		{"no http url", with(http, func(c *Config) { c.URL = "ftp://x/" }), []string{
			`url: "ftp://x/" is not an address: it must begin with http:// or https://`}},
		{"no host", with(http, func(c *Config) { c.URL = "http:///x" }), []string{`url: "http:///x" names no host`}},
		{"plain secrets in a broken url", with(http, func(c *Config) { c.URL = "http://user:p4/ss@host/x?k=v" }), []string{
			`url: "http://***@host/x?***" is no URL: in the login before the @ write characters such as / and # as %2F and %23`}},
		{"plain secrets in a url of another kind", with(http, func(c *Config) { c.URL = "user:p4ss@host" }), []string{
			`url: "***@host" is not an address: it must begin with http:// or https://`}},
		{"plain secrets before a fragment", with(http, func(c *Config) { c.URL = "http://user:#p4ss@host/" }), []string{
			`url: "http://***@host/" has a fragment (#), which is never sent`}},
		{"no variable", with(http, func(c *Config) { c.URL = "${NONE}" }), []string{
			`url: environment variable NONE is not set: set it, or give a default with ${NONE:-default}`}},
		{"secret in a broken url", with(http, func(c *Config) { c.URL = "http://x:${SECRET}/" }), []string{
			`url: "http://x:***/" with its references resolved is no URL`}},
		{"broken reference", with(http, func(c *Config) { c.Headers = map[string]string{"X-A": "${A B}"} }), []string{
			"headers.X-A: ${A B} is no reference: write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for the characters themselves"}},
		{"headers", with(http, func(c *Config) {
			c.Headers = map[string]string{"a b": "1", "Content-Length": "1", "traceparent": "1", "x-signalbox-rule": "1", "X-A": "1\n2"}
		}), []string{
			`headers.Content-Length: it belongs to the connection and cannot be set`,
			`headers.X-A: the value holds a character that a header cannot hold, such as a newline`,
			`headers.a b: "a b" is no name of a header`,
			`headers.traceparent: each delivery carries its own and it cannot be set`,
			`headers.x-signalbox-rule: names that begin with X-Signalbox- are set by each delivery and cannot be set`}},
		{"method", with(http, func(c *Config) { c.Method = "GET" }), []string{`method: is "GET": it must be one of POST, PUT, PATCH, DELETE`}},
		{"signing secret", with(http, func(c *Config) { c.SigningSecrets = []string{exampleSecret, "x"} }), []string{
			`signing_secrets.1: a signing secret begins with whsec_`}},
		{"statuses", with(http, func(c *Config) { c.RetryOn = []int{404, 200}; c.FinalOn = []int{404} }), []string{
			`retry_on.1: 200 is no status of an error: it must be from 300 to 599`,
			`final_on.0: 404 is in retry_on too`}},
		{"quick retries", with(http, func(c *Config) { c.QuickRetries = new(9) }), []string{
			`quick_retries: is 9: it must be from 0 to 3; longer waits are the business of retry`}},
		{"half a key pair", with(http, func(c *Config) { c.TLS.KeyFile = "x" }), []string{`tls: cert_file and key_file go together`}},
		{"no CA", with(http, func(c *Config) { c.TLS.CAFile = "/none" }), []string{`tls: ca_file: open /none: no such file or directory`}},
		{"no subject", with(queue, func(c *Config) { c.URL = "nats://x" }), []string{
			`subject: is missing: name the subject to publish to, here or as the path of url`}},
		{"two subjects", with(queue, func(c *Config) { c.Subject = "a" }), []string{`subject: url names a subject too, "orders": keep one of them`}},
		{"placeholder", with(queue, func(c *Config) { c.URL = "nats://x"; c.Subject = "a.{detail}" }), []string{
			`subject: "a.{detail}": unknown placeholder {detail}: it must be one of {source}, {detail-type}, {bus}, {rule}, {target}, {event-id}`}},
		{"wildcard", with(queue, func(c *Config) { c.URL = "nats://x"; c.Subject = "a.*" }), []string{
			`subject: "a.*": a subject to publish to cannot hold '*'`}},
		{"stream", with(queue, func(c *Config) { c.CreateStream = true }), []string{`create_stream: needs the name of the stream in the field stream`}},
		{"batch", with(http, func(c *Config) { c.Batch = &Batch{MaxEvents: 10_001, MaxBytes: 10, MaxWait: new(time.Hour)} }), []string{
			`batch.max_events: is 10001: it must be from 1 to 10000`,
			`batch.max_bytes: is 10B: it must be from 1KiB to 64MiB`,
			`batch.max_wait: is 1h: it must be from 0s to 5m`}},
		{"batch of one body and its headers", with(http, func(c *Config) { c.Batch = &Batch{}; c.Format = FormatCloudEventsBinary }), []string{
			`format: cloudevents-binary holds one event in one request, so it can't be sent in batches: use cloudevents, or remove batch`}},
		{"batch on a bus", with(bus, func(c *Config) { c.Batch = &Batch{} }), []string{
			`batch: a target of type bus does not take it, only one of type http or queue does`}},
		{"batch of a queue", with(queue, func(c *Config) { c.Batch = &Batch{}; c.Format = FormatCloudEventsBinary }), nil},
		{"stream of everything", with(queue, func(c *Config) {
			c.URL = "nats://x"
			c.Subject = "{source}.x"
			c.Stream = "S"
			c.CreateStream = true
		}), []string{`create_stream: the stream would take every subject of the server: begin subject with a word of its own, such as events.{source}.x`}},
		{"two logins", with(queue, func(c *Config) { c.User = "u"; c.Password = "p"; c.Token = "t" }), []string{
			`token: give only one of user and password, token, and credentials_file`}},
		{"path", with(logs, func(c *Config) { c.To = LogToFile }), []string{`path: is missing: name the file to append to`}},
		{"order", with(http, func(c *Config) { c.OrderBy = "detail.id"; c.OnDeadLetter = "stop" }), nil},
		{"unknown on_dead_letter", with(http, func(c *Config) { c.OrderBy = "detail.id"; c.OnDeadLetter = "halt" }), []string{
			`on_dead_letter: is "halt": it must be one of continue, stop`}},
		{"on_dead_letter without order_by", with(http, func(c *Config) { c.OnDeadLetter = "stop" }), []string{
			`on_dead_letter: is only for a target with order_by: add that, such as order_by: detail.orderId, or remove this line`}},
		{"path on stdout", with(logs, func(c *Config) { c.To = LogToStdout; c.Path = "x" }), []string{`path: is only for to: file`}},
		{"reply", with(queue, func(c *Config) { c.Reply = ReplyEvents; c.Emits = []string{"A", ""} }), []string{
			`emits.1: is empty: name the type of an event, or remove it`,
			`reply: a target of type queue does not take it, only one of type http does`}},
		{"bus", Config{Type: TypeBus, MaxHops: 100}, []string{
			`bus: is missing: name the bus to put events on`, `max_hops: is 100: it must be from 1 to 64`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.SetDefaults()
			var got []string
			for _, err := range test.config.Validate(vars("SECRET", "s3cr3t")) {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("errors\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestSecretsExpand(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("t0k3n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, value, masked string }{
		{"", "", ""},
		{"plain $HOME $$", "plain $HOME $$", "plain $HOME $$"},
		{"Bearer ${A}", "Bearer secret", "Bearer ***"},
		{"${A}${A:-x}-${file:token}", "secretsecret-t0k3n", "******-***"},
		{"${NONE:-http://x}/${A}", "http://x/secret", "http://x/***"},
		{"${EMPTY:-x}${EMPTY}", "x", "x"},
		{"$${A} and ${A}", "${A} and secret", "${A} and ***"},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := vars("A", "secret", "EMPTY", "").expand(test.text, dir)
			if err != nil {
				t.Fatal(err)
			}
			if e.value != test.value || e.masked() != test.masked {
				t.Errorf("expanded to %q, shown as %q, want %q and %q", e.value, e.masked(), test.value, test.masked)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	secrets := vars("URL", "https://hooks.example:8443/services/T0/B0?k=v", "HOST", "10.0.0.1", "PASSWORD", "p4ss", "TOKEN", "t0k3n")
	for _, test := range []struct{ text, want string }{
		{"http://127.0.0.1:9000/events?key=s3cr3t&v=&x", "http://127.0.0.1:9000/events?key=***&v=&***"},
		{"${URL}", "https://hooks.example:8443/***"},
		{"${NONE:-http://127.0.0.1:9000/events}", "http://127.0.0.1:9000/events"},
		{"http://${HOST}:9000/events", "http://10.0.0.1:9000/events"},
		{"http://user:${PASSWORD}@${HOST}", "http://***@10.0.0.1"},
		{"http://user:plain@127.0.0.1/x", "http://***@127.0.0.1/x"},
		{"http://127.0.0.1/${TOKEN}/x?key=${TOKEN}", "http://127.0.0.1/***/x?key=***"},
		{"http://127.0.0.1?key=${TOKEN}", "http://127.0.0.1?key=***"},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := secrets.expand(test.text, "")
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := address(e); got != test.want {
				t.Errorf("shown as %q, want %q", got, test.want)
			}
		})
	}
}
