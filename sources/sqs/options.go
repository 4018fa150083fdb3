// Package sqs is the kind of source that takes messages from a queue of Amazon SQS.
package sqs

import (
	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/remote"
	"signalbox/targets/sqs"
)

// Kind returns the kind of source: type: sqs.
func Kind() *sources.Kind {
	return &sources.Kind{Name: "sqs", Options: func() sources.Options { return new(Options) }, New: newOpener}
}

// Options are those of a source of type sqs.
type Options struct {
	// URL is sqs://REGION/ACCOUNT/QUEUE. The queue must exist.
	remote.Server `yaml:",inline" example:"sqs://eu-central-1/123456789012/orders"`
	// Access is where the service is, and who asks it.
	amazon.Access `yaml:",inline"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*sources.Config) {}

// Validate reports what is wrong with the options.
func (o *Options) Validate(v *targets.Validation) {
	if u := o.Server.Validate(v, sqs.Service.Scheme); u != nil {
		if _, err := sqs.Service.Place(u); err != nil {
			v.Fail([]string{"url"}, "%v", err)
		}
	}
	o.Access.Validate(v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Server.Show(shown)
	o.Access.Show(shown)
}
