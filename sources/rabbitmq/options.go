// Package rabbitmq is the kind of source that takes messages from a queue of RabbitMQ (AMQP
// 0-9-1).
package rabbitmq

import (
	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/rabbitmq"
	"signalbox/targets/remote"
)

// Kind returns the kind of source: type: rabbitmq.
func Kind() *sources.Kind {
	return &sources.Kind{Name: "rabbitmq", Options: func() sources.Options { return new(Options) }, New: newOpener}
}

// Options are those of a source of type rabbitmq.
type Options struct {
	// The path of URL is the virtual host, / by default.
	remote.Server `yaml:",inline" example:"amqp://127.0.0.1:5672" secure:"amqps://127.0.0.1:5671"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline"`
	// Queue is the queue to read. It must exist.
	Queue string `yaml:"queue" required:"true" example:"orders"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*sources.Config) {}

// maxShort is the longest short string of AMQP, in bytes (AMQP 0-9-1, 4.2.5.3).
const maxShort = 255

// Validate reports what is wrong with the options.
func (o *Options) Validate(v *targets.Validation) {
	if u := o.Server.Validate(v, rabbitmq.Schemes...); u != nil {
		rabbitmq.CheckAddress(v, u, o.TLS)
	}
	switch {
	case o.Queue == "":
		v.Fail([]string{"queue"}, "is missing: name the queue to read")
	case len(o.Queue) > maxShort:
		v.Fail([]string{"queue"}, "is %d bytes long; a name has at most %d", len(o.Queue), maxShort)
	}
	o.Together(v)
	o.Login.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Server.Show(shown)
	shown["queue"] = o.Queue
}
