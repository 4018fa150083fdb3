package kinds

import (
	"slices"
	"testing"
	"time"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/bus"
	"signalbox/targets/http"
	"signalbox/targets/log"
	"signalbox/targets/nats"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func find(t *testing.T, name string) *targets.Kind {
	t.Helper()
	kind, err := All().Find(name, "", "", secret.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

// kindOf returns the kind of a configuration, by its type and URL.
func kindOf(t *testing.T, c *targets.Config) *targets.Kind {
	t.Helper()
	if c.Type == "queue" {
		return find(t, "nats")
	}
	return find(t, c.Type)
}

func TestFind(t *testing.T) {
	vars := targetstest.Vars("QUEUE", "tls://127.0.0.1:4222")
	for _, test := range []struct{ typ, url, want, err string }{
		{"http", "", "http", ""},
		{"nats", "", "nats", ""},
		{"queue", "nats://127.0.0.1/orders", "nats", ""},
		{"queue", "${QUEUE}/orders", "nats", ""},
		{"queue", "amqp://127.0.0.1", "rabbitmq", ""},
		{"queue", "rediss://127.0.0.1/1", "redis", ""},
		{"queue", "kafka+ssl://127.0.0.1/t", "kafka", ""},
		{"queue", "sqs://eu-central-1/123456789012/orders", "sqs", ""},
		{"queue", "sns://eu-central-1/123456789012/orders", "sns", ""},
		{"queue", "mqtt://127.0.0.1", "", "is queue, whose kind is told by the scheme of url: begin that with nats:// or tls:// or amqp:// or amqps:// or redis:// or rediss:// or kafka:// or kafka+ssl:// or sqs:// or sns://"},
		{"queue", "", "", "is queue, whose kind is told by the scheme of url: begin that with nats:// or tls:// or amqp:// or amqps:// or redis:// or rediss:// or kafka:// or kafka+ssl:// or sqs:// or sns://"},
		{"htpp", "", "", `is "htpp": it must be one of http, nats, rabbitmq, redis, kafka, sqs, sns, postgres, log, bus, queue (did you mean "http"?)`},
		{"", "", "", `is "": it must be one of http, nats, rabbitmq, redis, kafka, sqs, sns, postgres, log, bus, queue`},
	} {
		t.Run(test.typ+" "+test.url, func(t *testing.T) {
			kind, err := All().Find(test.typ, test.url, "", vars)
			switch {
			case err != nil:
				if err.Error() != test.err {
					t.Errorf("%v, want %q", err, test.err)
				}
			case kind.Name != test.want:
				t.Errorf("found %q, want %q%s", kind.Name, test.want, test.err)
			}
		})
	}
}

func TestConfigSetDefaults(t *testing.T) {
	for _, test := range []struct {
		kind        string
		given       targets.Config
		concurrency int
		check       func(targets.Config) bool
	}{
		{"http", targets.Config{}, 32, func(c targets.Config) bool {
			o := c.Options.(*http.Options)
			return o.Method == "POST" && o.Format == remote.FormatEventBridge && *o.QuickRetries == 1
		}},
		{"nats", targets.Config{}, 256, func(c targets.Config) bool { return c.Options.(*nats.Options).Format == remote.FormatEventBridge }},
		{"log", targets.Config{}, 1, func(c targets.Config) bool { return c.Options.(*log.Options).To == log.ToStdout }},
		{"log", targets.Config{Options: &log.Options{Path: "x"}}, 1, func(c targets.Config) bool { return c.Options.(*log.Options).To == log.ToFile }},
		{"bus", targets.Config{}, 32, func(c targets.Config) bool { return c.Options.(*bus.Options).MaxHops == 8 }},
		{"nats", targets.Config{Batch: &targets.Batch{}}, 8, func(c targets.Config) bool {
			return c.Batch.MaxEvents == 100 && c.Batch.MaxBytes == 1<<20 && *c.Batch.MaxWait == 50*time.Millisecond
		}},
		{"log", targets.Config{OrderBy: "detail.id"}, 1, func(c targets.Config) bool { return c.OnDeadLetter == targets.OnDeadLetterContinue }},
		{"http", targets.Config{Concurrency: 2, Options: &http.Options{QuickRetries: new(0)}}, 2, func(c targets.Config) bool { return *c.Options.(*http.Options).QuickRetries == 0 }},
	} {
		t.Run(test.kind, func(t *testing.T) {
			c := targetstest.Named(find(t, test.kind), test.given)
			c.SetDefaults()
			want := targets.Retry{MaxAttempts: 185, MaxAge: 24 * time.Hour, MinBackoff: time.Second, MaxBackoff: 10 * time.Minute}
			if c.Retry != want || c.Timeout != 5*time.Second || c.Synthetic != targets.SyntheticLog || c.Concurrency != test.concurrency || !test.check(c) {
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
	web := func() targets.Config {
		return targets.Config{Type: "http", Options: &http.Options{Options: remote.Options{URL: "http://127.0.0.1/"}}}
	}
	queue := func() targets.Config {
		return targets.Config{Type: "queue", Options: &nats.Options{Options: remote.Options{URL: "nats://127.0.0.1/orders"}}}
	}
	logs := func() targets.Config { return targets.Config{Type: "log", Options: &log.Options{}} }
	inside := func() targets.Config { return targets.Config{Type: "bus", Options: &bus.Options{Bus: "audit"}} }
	with := func(of func() targets.Config, change func(*targets.Config)) targets.Config {
		c := of()
		change(&c)
		return c
	}
	for _, test := range []struct {
		name   string
		config targets.Config
		want   []string
	}{
		{"http", web(), nil},
		{"queue", queue(), nil},
		{"log", logs(), nil},
		{"bus", inside(), nil},
		{"several at once", with(web, func(c *targets.Config) {
			c.Retry.MaxAttempts = -1
			c.Timeout = -1
			c.Concurrency = 100_000
			c.Options.(*http.Options).URL = ""
		}), []string{
			`retry.max_attempts: is -1: the first attempt counts, so it must be at least 1`,
			`timeout: is -1ns: it must be longer than 0`,
			`concurrency: is 100000: it must be from 1 to 10000`,
			`url: is missing`}},
		{"backoff", with(web, func(c *targets.Config) { c.Retry.MinBackoff = time.Minute; c.Retry.MaxBackoff = time.Second }), []string{
			`retry.max_backoff: is 1s, less than min_backoff 1m0s`}},
		{"synthetic", with(web, func(c *targets.Config) { c.Synthetic = "maybe" }), []string{
			`synthetic: is "maybe": it must be one of log, deliver, drop`}},
		{"carry", with(web, func(c *targets.Config) { c.Carry = "nothing" }), []string{
			`carry: is "nothing": it must be one of state, reference, version`}},
		{"breaker", with(web, func(c *targets.Config) { c.Breaker = targets.Breaker{Failures: -1, OpenFor: -1, Probes: -1} }), []string{
			`breaker.failures: is -1: it must be at least 1; breaker: off never opens the circuit`,
			`breaker.open_for: is -1ns: it must be longer than 0`,
			`breaker.probes: is -1: it must be from 1 to 10000`}},
		{"retry budget", with(web, func(c *targets.Config) {
			c.RetryBudget = targets.RetryBudget{Ratio: -1, MinRate: targets.Rate{N: -1, Per: 1}}
		}), []string{
			`retry_budget.ratio: is -1: it must be more than 0 and at most 10; 0.2 is one retry for five first attempts`,
			`retry_budget.min_rate: is not a rate: write a number and a time, such as 10/s`}},
		{"both off", with(web, func(c *targets.Config) { c.Breaker.Off, c.RetryBudget.Off = true, true }), nil},
		{"no http url", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "ftp://x/" }), []string{
			`url: "ftp://x/" is not an address: it must begin with http:// or https://`}},
		{"no host", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "http:///x" }), []string{`url: "http:///x" names no host`}},
		{"plain secrets in a broken url", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "http://user:p4/ss@host/x?k=v" }), []string{
			`url: "http://***@host/x?***" is no URL: in the login before the @ write characters such as / and # as %2F and %23`}},
		{"plain secrets in a url of another kind", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "user:p4ss@host" }), []string{
			`url: "***@host" is not an address: it must begin with http:// or https://`}},
		{"plain secrets before a fragment", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "http://user:#p4ss@host/" }), []string{
			`url: "http://***@host/" has a fragment (#), which is never sent`}},
		{"no variable", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "${NONE}" }), []string{
			`url: environment variable NONE is not set: set it, or give a default with ${NONE:-default}`}},
		{"secret in a broken url", with(web, func(c *targets.Config) { c.Options.(*http.Options).URL = "http://x:${SECRET}/" }), []string{
			`url: "http://x:***/" with its references resolved is no URL`}},
		{"broken reference", with(web, func(c *targets.Config) { c.Options.(*http.Options).Headers = map[string]string{"X-A": "${A B}"} }), []string{
			"headers.X-A: ${A B} is no reference: write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for the characters themselves"}},
		{"headers", with(web, func(c *targets.Config) {
			c.Options.(*http.Options).Headers = map[string]string{"a b": "1", "Content-Length": "1", "traceparent": "1", "x-signalbox-rule": "1", "X-A": "1\n2"}
		}), []string{
			`headers.Content-Length: it belongs to the connection and cannot be set`,
			`headers.X-A: the value holds a character that a header cannot hold, such as a newline`,
			`headers.a b: "a b" is no name of a header`,
			`headers.traceparent: each delivery carries its own and it cannot be set`,
			`headers.x-signalbox-rule: names that begin with X-Signalbox- are set by each delivery and cannot be set`}},
		{"method", with(web, func(c *targets.Config) { c.Options.(*http.Options).Method = "TRACE" }), []string{`method: is "TRACE": it must be one of POST, PUT, PATCH, DELETE, GET, HEAD, OPTIONS`}},
		{"signing secret", with(web, func(c *targets.Config) {
			c.Options.(*http.Options).SigningSecrets = []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "x"}
		}), []string{
			`signing_secrets.1: a signing secret begins with whsec_, or whsk_ for ed25519`}},
		{"statuses", with(web, func(c *targets.Config) {
			c.Options.(*http.Options).RetryOn = []int{404, 200}
			c.Options.(*http.Options).FinalOn = []int{404}
		}), []string{
			`retry_on.1: 200 is no status of an error: it must be from 300 to 599`,
			`final_on.0: 404 is in retry_on too`}},
		{"quick retries", with(web, func(c *targets.Config) { c.Options.(*http.Options).QuickRetries = new(9) }), []string{
			`quick_retries: is 9: it must be from 0 to 3; longer waits are the business of retry`}},
		{"half a key pair", with(web, func(c *targets.Config) { c.Options.(*http.Options).TLS.KeyFile = "x" }), []string{`tls: cert_file and key_file go together`}},
		{"no CA", with(web, func(c *targets.Config) { c.Options.(*http.Options).TLS.CAFile = "/none" }), []string{`tls: ca_file: open /none: no such file or directory`}},
		{"no subject", with(queue, func(c *targets.Config) { c.Options.(*nats.Options).URL = "nats://x" }), []string{
			`subject: is missing: name the subject to publish to, here or as the path of url`}},
		{"two subjects", with(queue, func(c *targets.Config) { c.Options.(*nats.Options).Subject = "a" }), []string{`subject: url names a subject too, "orders": keep one of them`}},
		{"placeholder", with(queue, func(c *targets.Config) {
			c.Options.(*nats.Options).URL = "nats://x"
			c.Options.(*nats.Options).Subject = "a.{detail}"
		}), []string{
			`subject: "a.{detail}": unknown placeholder {detail}: it must be one of {source}, {detail-type}, {bus}, {rule}, {target}, {event-id}`}},
		{"wildcard", with(queue, func(c *targets.Config) {
			c.Options.(*nats.Options).URL = "nats://x"
			c.Options.(*nats.Options).Subject = "a.*"
		}), []string{
			`subject: "a.*": a subject to publish to cannot hold '*'`}},
		{"stream", with(queue, func(c *targets.Config) { c.Options.(*nats.Options).CreateStream = true }), []string{`create_stream: needs the name of the stream in the field stream`}},
		{"batch", with(web, func(c *targets.Config) {
			c.Batch = &targets.Batch{MaxEvents: 10_001, MaxBytes: 10, MaxWait: new(time.Hour)}
		}), []string{
			`batch.max_events: is 10001: it must be from 1 to 10000`,
			`batch.max_bytes: is 10B: it must be from 1KiB to 64MiB`,
			`batch.max_wait: is 1h: it must be from 0s to 5m`}},
		{"batch of one body and its headers", with(web, func(c *targets.Config) {
			c.Batch = &targets.Batch{}
			c.Options.(*http.Options).Format = remote.FormatCloudEventsBinary
		}), []string{
			`format: cloudevents-binary holds one event in one request, so it can't be sent in batches: use cloudevents, or remove batch`}},
		{"batch on a bus", with(inside, func(c *targets.Config) { c.Batch = &targets.Batch{} }), []string{
			`batch: a target of type bus takes no batches`}},
		{"batch of a queue", with(queue, func(c *targets.Config) {
			c.Batch = &targets.Batch{}
			c.Options.(*nats.Options).Format = remote.FormatCloudEventsBinary
		}), nil},
		{"stream of everything", with(queue, func(c *targets.Config) {
			c.Options.(*nats.Options).URL = "nats://x"
			c.Options.(*nats.Options).Subject = "{source}.x"
			c.Options.(*nats.Options).Stream = "S"
			c.Options.(*nats.Options).CreateStream = true
		}), []string{`create_stream: the stream would take every subject of the server: begin subject with a word of its own, such as events.{source}.x`}},
		{"two logins", with(queue, func(c *targets.Config) {
			c.Options.(*nats.Options).User = "u"
			c.Options.(*nats.Options).Password = "p"
			c.Options.(*nats.Options).Token = "t"
		}), []string{
			`token: give only one of user and password, token, and credentials_file`}},
		{"path", with(logs, func(c *targets.Config) { c.Options.(*log.Options).To = log.ToFile }), []string{`path: is missing: name the file to append to`}},
		{"order", with(web, func(c *targets.Config) { c.OrderBy = "detail.id"; c.OnDeadLetter = "stop" }), nil},
		{"unknown on_dead_letter", with(web, func(c *targets.Config) { c.OrderBy = "detail.id"; c.OnDeadLetter = "halt" }), []string{
			`on_dead_letter: is "halt": it must be one of continue, stop`}},
		{"on_dead_letter without order_by", with(web, func(c *targets.Config) { c.OnDeadLetter = "stop" }), []string{
			`on_dead_letter: is only for a target with order_by: add that, such as order_by: detail.orderId, or remove this line`}},
		{"path on stdout", with(logs, func(c *targets.Config) {
			c.Options.(*log.Options).To = log.ToStdout
			c.Options.(*log.Options).Path = "x"
		}), []string{`path: is only for to: file`}},
		{"reply", with(queue, func(c *targets.Config) { c.Reply = targets.ReplyEvents; c.Emits = []string{"A", ""} }), []string{
			`reply: a target of type queue gives no answers that are read`,
			`emits.1: is empty: name the type of an event, or remove it`}},
		{"bus", targets.Config{Type: "bus", Options: &bus.Options{MaxHops: 100}}, []string{
			`bus: is missing: name the bus to put events on`, `max_hops: is 100: it must be from 1 to 64`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.Kind = kindOf(t, &test.config)
			test.config.SetDefaults()
			var got []string
			for _, err := range test.config.Validate(targetstest.Vars("SECRET", "s3cr3t")) {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("errors\n%q, want\n%q", got, test.want)
			}
		})
	}
}
