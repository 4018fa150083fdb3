package redis

import (
	"net/url"
	"strconv"
	"strings"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: redis, or type: queue with a URL of Redis.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "redis",
		Schemes: Schemes,
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

const secureScheme = "rediss"

// Schemes are those of an address of Redis.
var Schemes = []string{"redis", secureScheme}

// Options are those of a target of type redis.
type Options struct {
	// The path of URL is the number of the database, 0 by default.
	remote.Options `yaml:",inline" example:"redis://127.0.0.1:6379" secure:"rediss://127.0.0.1:6379"`
	// Login is who logs in; else URL says it. A password alone is that of the user default.
	remote.Login `yaml:",inline"`
	// Stream is the key of the stream. After a beginning of its own it may hold
	// {{ expressions }} of the event.
	Stream string `yaml:"stream" required:"true" example:"orders"`
	// MaxLen is about how many entries the stream keeps; 0 keeps all.
	MaxLen int `yaml:"max_len" min:"0" example:"1000000"`
	// CreateStream makes a stream that does not exist.
	CreateStream bool `yaml:"create_stream"`
}

const (
	// maxKey is how long the key of a stream can be, in bytes; Redis itself takes far longer ones.
	maxKey = 1024
	// fieldBody is the field of an entry that has the body; the others are headers.
	fieldBody = "body"
)

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*targets.Config) { o.Options.SetDefaults() }

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	if u := o.Options.Validate(v, Schemes...); u != nil {
		CheckAddress(v, u, &o.Login, o.TLS)
	}
	for name := range o.Headers {
		if strings.EqualFold(name, fieldBody) {
			v.Fail([]string{"headers", name}, "is the field of an entry that has the event: give the header another name")
		}
	}
	template.CheckName(v, "stream", o.Stream, maxKey)
	switch {
	case o.Stream == "":
		v.Fail([]string{"stream"}, "is missing: name the stream to add to")
	case strings.HasPrefix(o.Stream, "{{"):
		v.Fail([]string{"stream"}, "begins with what the event says, so that it could be any key of the database: begin it with a word of its own, such as events:%s", o.Stream)
	}
	if o.MaxLen < 0 {
		v.Fail([]string{"max_len"}, "is %d: it must be at least 1; leave it out to keep all entries", o.MaxLen)
	}
	if o.User != "" && o.Password == "" {
		v.Fail([]string{"user"}, "needs a password beside it")
	}
	o.Login.Validate(v)
}

// CheckAddress reports what is wrong with an address, the login and TLS together.
func CheckAddress(v *targets.Validation, u *url.URL, login *remote.Login, secure remote.TLS) {
	if _, err := database(u); err != nil {
		v.Fail([]string{"url"}, "its path %q is no number of a database: write one such as /0, or none", u.Path)
	}
	remote.CheckServer(v, u, secure, secureScheme)
	login.CheckURL(u, v)
}

// database returns the number of the database in a URL.
func database(u *url.URL) (int, error) {
	path := strings.Trim(u.Path, "/")
	if path == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(path, 10, 16)
	return int(n), err
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["stream"] = o.Stream
}
