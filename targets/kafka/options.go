package kafka

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: kafka, or type: queue with a URL of Kafka.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "kafka",
		Schemes: Schemes,
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

const secureScheme = "kafka+ssl"

// Schemes are those of addresses of brokers.
var Schemes = []string{"kafka", secureScheme}

// Options are those of a target of type kafka.
type Options struct {
	// The host of URL may be several brokers to begin with, separated by commas; all others are
	// learned from them. Its path is the topic if Topic is not given.
	remote.Options `yaml:",inline" example:"kafka://127.0.0.1:9092/orders" secure:"kafka+ssl://127.0.0.1:9093/orders"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline" beside:"{sasl_mechanism: SCRAM-SHA-256}"`
	// SASLMechanism is how the user logs in.
	SASLMechanism string `yaml:"sasl_mechanism" enum:"PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" with:"{user: signalbox, password: example-of-a-password}"`
	// Topic is what is produced to. After a beginning of its own it may hold {{ expressions }}
	// of the event.
	Topic string `yaml:"topic" example:"orders" with:"{url: 'kafka://127.0.0.1:9092'}"`
	// Key is an expression over the event whose result is the record's key; by default it is the
	// ordering key.
	Key string `yaml:"key" example:"detail.orderId"`
	// CreateTopic creates Topic where it does not exist, as the brokers create topics by default.
	CreateTopic bool `yaml:"create_topic"`
	// Compression is that of batches.
	Compression string `yaml:"compression" enum:"none|gzip|snappy|lz4|zstd"`
	// MaxMessageBytes is the most that the topic takes (max.message.bytes).
	MaxMessageBytes document.Size `yaml:"max_message_bytes" min:"1KiB" max:"64MiB" default:"1000012"`
}

const (
	// maxTopic is how long the name of a topic can be, in bytes.
	maxTopic = 249
	// defaultMaxMessage is the default of other clients too.
	defaultMaxMessage = 1_000_012
)

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	o.Options.SetDefaults()
	targets.SetDefault(&c.Concurrency, 256)
	targets.SetDefault(&o.Compression, "none")
	targets.SetDefault(&o.MaxMessageBytes, defaultMaxMessage)
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	if u := o.Options.ValidateServer(v, Schemes...); u != nil {
		o.address(u, v)
	}
	if o.Key != "" {
		if _, err := exprenv.CompileOrderKey(o.Key); err != nil {
			v.Fail([]string{"key"}, "%v", err)
		}
	}
	v.OneOf("compression", o.Compression, slices.Sorted(maps.Keys(codecs))...)
	if o.MaxMessageBytes < 1<<10 || o.MaxMessageBytes > 64<<20 { // a request has 100 MiB at the most
		v.Fail([]string{"max_message_bytes"}, "is %s: it must be from 1KiB to 64MiB", o.MaxMessageBytes)
	}
	o.Together(v)
	o.Login.Validate(v)
}

// address checks what URL holds, and what goes with it.
func (o *Options) address(u *url.URL, v *targets.Validation) {
	checkAddress(v, u, &o.Login, o.SASLMechanism)
	inURL := strings.Trim(u.Path, "/")
	switch {
	case o.Topic == "" && inURL == "":
		v.Fail([]string{"topic"}, "is missing: name the topic to produce to, here or as the path of url")
	case o.Topic != "" && inURL != "":
		v.Fail([]string{"topic"}, "url names a topic too, %q: keep one of them", inURL)
	default:
		o.checkTopic(cmp.Or(o.Topic, inURL), v)
	}
}

// CheckAddress reports what is wrong with an address, how somebody logs in there, and TLS together.
func CheckAddress(v *targets.Validation, u *url.URL, login *remote.Login, mechanism string, secure remote.TLS) {
	remote.CheckServer(v, u, secure, secureScheme)
	checkAddress(v, u, login, mechanism)
}

func checkAddress(v *targets.Validation, u *url.URL, login *remote.Login, mechanism string) {
	for _, broker := range brokers(u) {
		if one, err := url.Parse("//" + broker); err != nil || one.Hostname() == "" {
			v.Fail([]string{"url"}, "%q is no broker: write each as host:port, separated by commas", broker)
		}
	}
	login.CheckURL(u, v)
	names, field := slices.Sorted(maps.Keys(mechanisms)), []string{"sasl_mechanism"}
	switch logsIn := login.User != "" || u.User != nil; {
	case logsIn && mechanism == "":
		v.Fail(field, "is missing: say how the user logs in, by %s", strings.Join(names, ", "))
	case !logsIn && mechanism != "":
		v.Fail(field, "needs a user and a password beside it")
	case logsIn:
		v.OneOf("sasl_mechanism", mechanism, names...)
	}
	if mechanism == "PLAIN" && u.Scheme != secureScheme {
		v.Warn(field, "PLAIN sends the password as it is, and without TLS everyone on the way can read it: use %s://, or a SCRAM mechanism", secureScheme)
	}
}

// CheckTopic reports what is wrong with the name of a topic.
func CheckTopic(v *targets.Validation, topic string) {
	field := []string{"topic"}
	if len(topic) > maxTopic {
		v.Fail(field, "is %d bytes long; a name has at most %d", len(topic), maxTopic)
	}
	checkLetters(v, topic, topic)
}

// checkLetters reports whether a part of a topic's name can be one.
func checkLetters(v *targets.Validation, topic, part string) bool {
	bad := notInTopic.FindString(part)
	if bad != "" {
		v.Fail([]string{"topic"}, "%q is no name of a topic: it cannot hold %q, only letters, digits, dots, underscores and hyphens", topic, bad)
	}
	return bad == ""
}

// notInTopic is what the name of a topic cannot hold.
var notInTopic = regexp.MustCompile(`[^a-zA-Z0-9._-]`)

func (o *Options) checkTopic(text string, v *targets.Validation) {
	template.CheckName(v, "topic", text, maxTopic)
	topic, err := template.ParseName("topic", text, maxTopic)
	if err != nil {
		return // which CheckName has said
	}
	field := []string{"topic"}
	for _, literal := range topic.Text.Literals() {
		if !checkLetters(v, text, literal) {
			return
		}
	}
	switch {
	case strings.HasPrefix(text, "__"):
		v.Fail(field, "begins with __: these topics are Kafka's own")
	case strings.HasPrefix(strings.TrimLeft(text, "_."), "{{"):
		v.Fail(field, "begins with what the event says, so that it could be any topic of the cluster: begin it with a word of its own, such as events.%s", text)
	case o.CreateTopic && template.Dynamic(text):
		v.Fail([]string{"create_topic"}, "is only for one topic by its name: events could create any number of them")
	}
}

// brokers returns the addresses of a URL; the client knows the port of one that has none.
func brokers(u *url.URL) []string { return strings.Split(u.Host, ",") }

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["topic"] = o.Topic
}
