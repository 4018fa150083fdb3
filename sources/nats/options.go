// Package nats is the kind of source that takes messages from a stream of NATS JetStream.
package nats

import (
	"strings"

	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/nats"
	"signalbox/targets/remote"
)

// Kind returns the kind of source: type: nats.
func Kind() *sources.Kind {
	return &sources.Kind{Name: "nats", Options: func() sources.Options { return new(Options) }, New: newOpener}
}

// Options are those of a source of type nats.
type Options struct {
	// URL may be several servers of one cluster, with commas between them.
	remote.Server `yaml:",inline" example:"nats://127.0.0.1:4222"`
	// Access logs in.
	nats.Access `yaml:",inline"`
	// Stream is the stream to read.
	Stream string `yaml:"stream" required:"true" example:"ORDERS"`
	// Consumer is the durable consumer that remembers how far it was read. It is made where it does
	// not exist.
	Consumer string `yaml:"consumer" example:"signalbox-orders"`
	// Subject is the part of the stream that the consumer reads, with wildcards; empty is all.
	Subject string `yaml:"subject" example:"orders.*"`
	// Start is where a consumer that is made begins: with the oldest message that there is, or with
	// the next.
	Start string `yaml:"start" enum:"all|new"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *sources.Config) {
	targets.SetDefault(&o.Consumer, "signalbox-"+c.Name)
	targets.SetDefault(&o.Start, sources.StartAll)
}

// notInNames are the characters that no name of a stream or a consumer has.
const notInNames = " \t\r\n.*>/\\"

// Validate reports what is wrong with the options.
func (o *Options) Validate(v *targets.Validation) {
	if all := o.ValidateServers(v, nats.Schemes...); len(all) > 0 && strings.Trim(all[len(all)-1].Path, "/") != "" {
		v.Fail([]string{"url"}, "has the path %q: name the stream in stream, and what of it to read in subject", all[len(all)-1].Path)
	}
	if o.Stream == "" {
		v.Fail([]string{"stream"}, "is missing: name the stream to read")
	}
	for _, name := range []struct{ key, text string }{{"stream", o.Stream}, {"consumer", o.Consumer}} {
		if strings.ContainsAny(name.text, notInNames) {
			v.Fail([]string{name.key}, "%q is no name of a %s: it cannot hold spaces or any of . * > / \\", name.text, name.key)
		}
	}
	if strings.ContainsAny(o.Subject, " \t\r\n") || strings.Contains("."+o.Subject+".", "..") && o.Subject != "" {
		v.Fail([]string{"subject"}, "%q is no subject: it cannot hold spaces, and no part between two dots is empty", o.Subject)
	}
	v.OneOf("start", o.Start, sources.StartAll, sources.StartNew)
	o.Access.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Server.Show(shown)
	shown["stream"], shown["consumer"] = o.Stream, o.Consumer
	if o.Subject != "" {
		shown["subject"] = o.Subject
	}
}
