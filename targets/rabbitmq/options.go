package rabbitmq

import (
	"net/url"
	"strings"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: rabbitmq, or type: queue with a URL of AMQP.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "rabbitmq",
		Schemes: Schemes,
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

const secureScheme = "amqps"

// Schemes are those of an address of RabbitMQ.
var Schemes = []string{"amqp", secureScheme}

// Options are those of a target of type rabbitmq.
type Options struct {
	// The path of URL is the virtual host, / by default.
	remote.Options `yaml:",inline" example:"amqp://127.0.0.1:5672" with:"{routing_key: orders}" secure:"amqps://127.0.0.1:5671"`
	// Exchange is what is published to; empty is the default exchange, where RoutingKey is the name of
	// a queue. It may hold {{ expressions }} of the event. One of both is needed.
	Exchange string `yaml:"exchange" example:"events"`
	// RoutingKey is the key of each message. It may hold {{ expressions }} of the event.
	RoutingKey string `yaml:"routing_key" example:"orders"`
	// CreateQueue declares the queue of RoutingKey, durable, where it does not exist.
	CreateQueue bool `yaml:"create_queue" with:"{routing_key: orders}"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline"`
}

// The bounds of AMQP's short strings, in bytes (AMQP 0-9-1, 4.2.5.3).
const maxShort = 255

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	o.Options.SetDefaults()
	targets.SetDefault(&c.Concurrency, 256)
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	if u := o.Options.Validate(v, Schemes...); u != nil {
		CheckAddress(v, u, o.TLS)
	}
	template.CheckName(v, "exchange", o.Exchange, maxShort)
	template.CheckName(v, "routing_key", o.RoutingKey, maxShort)
	if o.Exchange == "" && o.RoutingKey == "" {
		v.Fail([]string{"routing_key"}, "is missing: name the queue to send to, or an exchange")
	}
	if o.CreateQueue && (o.Exchange != "" || template.Dynamic(o.RoutingKey)) {
		v.Fail([]string{"create_queue"}, "is only for one queue by its name: leave exchange out, and write routing_key without expressions")
	}
	o.Together(v)
	o.Login.Validate(v)
}

// virtualHost returns the virtual host of a URL (rabbitmq.com/uri-spec): one that holds a
// slash has it as %2F.
func virtualHost(u *url.URL) (string, error) {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if path == "" {
		return "/", nil
	}
	return url.PathUnescape(path)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["exchange"], shown["routing_key"] = o.Exchange, o.RoutingKey
}
