package log

import (
	"time"

	"signalbox/targets"
)

// Kind returns the kind of target: type: log.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name: "log",
		Traits: targets.Traits{
			Observes: true,
			// As many lines as wait, in one write.
			Gather: &targets.Batch{MaxEvents: 1024, MaxBytes: 1 << 20, MaxWait: new(time.Duration(0))},
		},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

// The places where a log target writes.
const (
	ToStdout = "stdout"
	ToFile   = "file"
	ToZap    = "zap"
)

// Options are those of a target of type log.
type Options struct {
	// To is where it writes: ToStdout by default, or ToFile if Path is given.
	To string `yaml:"to"`
	// Path is the file that it appends to.
	Path string `yaml:"path"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	targets.SetDefault(&c.Concurrency, 1)
	if o.Path != "" {
		targets.SetDefault(&o.To, ToFile)
	}
	targets.SetDefault(&o.To, ToStdout)
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	v.OneOf("to", o.To, ToStdout, ToFile, ToZap)
	switch {
	case o.To == ToFile && o.Path == "":
		v.Fail([]string{"path"}, "is missing: name the file to append to")
	case o.To != ToFile && o.Path != "":
		v.Fail([]string{"path"}, "is only for to: file")
	}
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) { shown["to"], shown["path"] = o.To, o.Path }
