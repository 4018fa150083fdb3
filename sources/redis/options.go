// Package redis is the kind of source that takes entries from a stream of Redis, in a consumer
// group.
package redis

import (
	"os"
	"strings"

	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/redis"
	"signalbox/targets/remote"
)

// Kind returns the kind of source: type: redis.
func Kind() *sources.Kind {
	return &sources.Kind{Name: "redis", Options: func() sources.Options { return new(Options) }, New: newOpener}
}

// Options are those of a source of type redis.
type Options struct {
	// The path of URL is the number of the database, 0 by default.
	remote.Server `yaml:",inline" example:"redis://127.0.0.1:6379" secure:"rediss://127.0.0.1:6379"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline"`
	// Stream is the key of the stream.
	Stream string `yaml:"stream" required:"true" example:"orders"`
	// Group is the consumer group that remembers how far the stream was read. It is made where it does
	// not exist.
	Group string `yaml:"group" example:"signalbox-orders"`
	// Consumer is the source's name in the group: what another of the same name has in hand, the
	// source would take for its own.
	Consumer string `yaml:"consumer" default:"NAME@HOST" example:"signalbox-1"`
	// Start is where a group that is made begins: with the oldest entry that there is, or with the
	// next.
	Start string `yaml:"start" enum:"all|new"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *sources.Config) {
	targets.SetDefault(&o.Group, "signalbox-"+c.Name)
	targets.SetDefault(&o.Consumer, c.Name+"@"+host())
	targets.SetDefault(&o.Start, sources.StartAll)
}

// host returns the name of the machine: routers that share a group are told apart by it, and one
// that is started again has its own.
func host() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "signalbox"
	}
	return name
}

// maxName is how long a name can be, in bytes.
const maxName = 1024

// Validate reports what is wrong with the options.
func (o *Options) Validate(v *targets.Validation) {
	if u := o.Server.Validate(v, redis.Schemes...); u != nil {
		redis.CheckAddress(v, u, &o.Login, o.TLS)
	}
	if o.Stream == "" {
		v.Fail([]string{"stream"}, "is missing: name the stream to read")
	}
	for _, name := range []struct{ key, text string }{{"stream", o.Stream}, {"group", o.Group}, {"consumer", o.Consumer}} {
		if len(name.text) > maxName || strings.ContainsAny(name.text, "\r\n") {
			v.Fail([]string{name.key}, "must be one line of at most %d bytes", maxName)
		}
	}
	v.OneOf("start", o.Start, sources.StartAll, sources.StartNew)
	if o.User != "" && o.Password == "" {
		v.Fail([]string{"user"}, "needs a password beside it")
	}
	o.Login.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Server.Show(shown)
	shown["stream"], shown["group"], shown["consumer"] = o.Stream, o.Group, o.Consumer
}
