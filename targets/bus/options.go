package bus

import "signalbox/targets"

// Kind returns the kind of target: type: bus.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "bus",
		Traits:  targets.Traits{Forwards: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

// Options are those of a target of type bus.
type Options struct {
	// Bus is the bus that it puts events on.
	Bus string `yaml:"bus" required:"true" example:"default"`
	// MaxHops is how many buses an event may pass through; the target refuses to send it on after
	// that.
	MaxHops int `yaml:"max_hops" min:"1" max:"64"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*targets.Config) { targets.SetDefault(&o.MaxHops, 8) }

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	if o.Bus == "" {
		v.Fail([]string{"bus"}, "is missing: name the bus to put events on")
	}
	if o.MaxHops < 1 || o.MaxHops > 64 {
		v.Fail([]string{"max_hops"}, "is %d: it must be from 1 to 64", o.MaxHops)
	}
}

// ToBus is the bus that the target puts events on.
func (o *Options) ToBus() string { return o.Bus }

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) { shown["bus"] = o.Bus }
