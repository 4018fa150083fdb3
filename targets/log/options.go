package log

import (
	"os"
	"path/filepath"
	"time"

	"signalbox/document"
	"signalbox/secret"
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
	// To is where it writes: to standard output, to the file at Path, which is then the default, or to
	// the router's own log.
	To string `yaml:"to" enum:"stdout|file|zap" example:"zap"`
	// Path is the file that it appends to. It is opened again when it has been moved or
	// removed.
	Path string `yaml:"path" example:"events.log"`
	// Rotate moves the file away when it is full; others see to that where it is left out.
	Rotate *Rotate `yaml:"rotate" with:"{path: events.log}"`
}

// Rotate is when a file is moved away, and how many of those are kept.
type Rotate struct {
	// MaxBytes is how large the file may be.
	MaxBytes document.Size `yaml:"max_bytes" min:"1KiB"`
	// Keep is how many full files are kept.
	Keep int `yaml:"keep" min:"1" max:"1000"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	targets.SetDefault(&c.Concurrency, 1)
	if o.Path != "" {
		targets.SetDefault(&o.To, ToFile)
	}
	targets.SetDefault(&o.To, ToStdout)
	if o.Rotate != nil {
		targets.SetDefault(&o.Rotate.MaxBytes, 100<<20)
		targets.SetDefault(&o.Rotate.Keep, 5)
	}
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
	o.rotation(v)
	if o.To != ToFile || o.Path == "" {
		return
	}
	dir := filepath.Dir(secret.ResolvePath(v.Dir, o.Path))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		v.Warn([]string{"path"}, "there is no directory %s here: the router starts only where there is one", dir)
	}
}

func (o *Options) rotation(v *targets.Validation) {
	switch r := o.Rotate; {
	case r == nil:
	case o.To != ToFile:
		v.Fail([]string{"rotate"}, "is only for to: file")
	case r.MaxBytes < minRotate:
		v.Fail([]string{"rotate", "max_bytes"}, "is %s: it must be at least 1KiB", r.MaxBytes)
	case r.Keep < 1 || r.Keep > maxKeep:
		v.Fail([]string{"rotate", "keep"}, "is %d: it must be from 1 to %d", r.Keep, maxKeep)
	}
}

const (
	minRotate = 1 << 10
	maxKeep   = 1000
)

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) { shown["to"], shown["path"] = o.To, o.Path }
