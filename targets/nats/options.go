package nats

import (
	"strings"

	"signalbox/targets"
	"signalbox/targets/remote"
)

// Kind returns the kind of target: type: nats, or type: queue with a URL of NATS.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "nats",
		Schemes: Schemes,
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

// Options are those of a target of type nats.
type Options struct {
	// URL may be several servers of one cluster, with commas between them. The path of the last is the subject if
	// Subject is not given.
	remote.Options `yaml:",inline" example:"nats://127.0.0.1:4222/events.orders" secure:"tls://127.0.0.1:4222/events.orders"`
	// Subject is what is published to. {source}, {detail-type}, {bus}, {rule}, {target} and {event-id}
	// stand for those of the delivery, with characters that a subject cannot hold replaced by "_".
	Subject string `yaml:"subject" example:"'events.{source}'" with:"{url: 'nats://127.0.0.1:4222'}"`
	// CreateStream creates Stream, with the subjects that are published to, if it does
	// not exist.
	CreateStream bool `yaml:"create_stream" with:"{stream: ORDERS}"`
	// Stream is the JetStream stream that must take the messages. It may be empty
	// unless CreateStream is set: then whichever stream has the subject takes them.
	Stream string `yaml:"stream" example:"ORDERS"`
	// Access logs in.
	Access `yaml:",inline"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	o.Options.SetDefaults()
	targets.SetDefault(&c.Concurrency, 256)
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	all := o.ValidateServers(v, Schemes...)
	subject := o.Subject
	if len(all) > 0 {
		inURL := strings.Trim(all[len(all)-1].Path, "/")
		switch {
		case subject == "" && inURL == "":
			v.Fail([]string{"subject"}, "is missing: name the subject to publish to, here or as the path of url")
		case subject != "" && inURL != "":
			v.Fail([]string{"subject"}, "url names a subject too, %q: keep one of them", inURL)
		case subject == "":
			subject = inURL
		}
	}
	if subject != "" {
		parsed, err := parseSubject(subject)
		switch {
		case err != nil:
			v.Fail([]string{"subject"}, "%v", err)
		case o.CreateStream && parsed.pattern() == ">":
			v.Fail([]string{"create_stream"}, "the stream would take every subject of the server: begin subject with a word of its own, such as events.%s", subject)
		}
	}
	if o.CreateStream && o.Stream == "" {
		v.Fail([]string{"create_stream"}, "needs the name of the stream in the field stream")
	}
	if strings.ContainsAny(o.Stream, " \t\r\n.*>/\\") {
		v.Fail([]string{"stream"}, "%q is no name of a stream: it cannot hold spaces or any of . * > / \\", o.Stream)
	}
	o.Access.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["subject"], shown["stream"] = o.Subject, o.Stream
}
