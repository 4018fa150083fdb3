// Package kafka is the kind of source that reads a topic of Kafka, in a consumer group.
package kafka

import (
	"strings"

	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/kafka"
	"signalbox/targets/remote"
)

// Kind returns the kind of source: type: kafka.
func Kind() *sources.Kind {
	return &sources.Kind{Name: "kafka", Options: func() sources.Options { return new(Options) }, New: newOpener}
}

// Options are those of a source of type kafka.
type Options struct {
	// The host of URL may be several brokers to begin with, separated by commas.
	remote.Server `yaml:",inline" example:"kafka://127.0.0.1:9092" secure:"kafka+ssl://127.0.0.1:9093"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline" beside:"{sasl_mechanism: SCRAM-SHA-256}"`
	// SASLMechanism is how the user logs in.
	SASLMechanism string `yaml:"sasl_mechanism" enum:"PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" with:"{user: signalbox, password: example-of-a-password}"`
	// Topic is what to read. It must exist.
	Topic string `yaml:"topic" required:"true" example:"orders"`
	// Group is the consumer group that remembers how far the topic was read.
	Group string `yaml:"group" example:"signalbox-orders"`
	// Start is where a group begins that has read nothing of the topic: with the oldest record that
	// there is, or with the next.
	Start string `yaml:"start" enum:"all|new"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *sources.Config) {
	targets.SetDefault(&o.Group, "signalbox-"+c.Name)
	targets.SetDefault(&o.Start, sources.StartAll)
}

// maxGroup is how long the name of a group can be, in bytes.
const maxGroup = 1024

// Validate reports what is wrong with the options.
func (o *Options) Validate(v *targets.Validation) {
	if u := o.Server.Validate(v, kafka.Schemes...); u != nil {
		kafka.CheckAddress(v, u, &o.Login, o.SASLMechanism, o.TLS)
		if strings.Trim(u.Path, "/") != "" {
			v.Fail([]string{"url"}, "has a path: name the topic by topic")
		}
	}
	if o.Topic == "" {
		v.Fail([]string{"topic"}, "is missing: name the topic to read")
	}
	kafka.CheckTopic(v, o.Topic)
	if len(o.Group) > maxGroup || strings.ContainsAny(o.Group, "\r\n") {
		v.Fail([]string{"group"}, "must be one line of at most %d bytes", maxGroup)
	}
	v.OneOf("start", o.Start, sources.StartAll, sources.StartNew)
	o.Together(v)
	o.Login.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Server.Show(shown)
	shown["topic"], shown["group"] = o.Topic, o.Group
}
