// Package remote is what the kinds of target beyond the network share: addresses, TLS,
// headers, and what a delivery becomes in a protocol that has headers.
package remote

import (
	"maps"
	"net/url"
	"slices"

	"signalbox/targets"
)

// The forms in which an event that no rule transforms is sent.
const (
	// FormatEventBridge is the canonical envelope as it is.
	FormatEventBridge = "eventbridge"
	// FormatCloudEvents is a CloudEvent in JSON, in the structured mode.
	FormatCloudEvents = "cloudevents"
	// FormatCloudEventsBinary is the event's detail as the body, with the attributes
	// of the CloudEvent in headers.
	FormatCloudEventsBinary = "cloudevents-binary"
)

// Options are those of a target that is reached by a URL. URL and the values of
// Headers may hold references to secrets.
type Options struct {
	// URL is where the target is.
	URL string `yaml:"url"`
	// Headers are sent with each delivery.
	Headers map[string]string `yaml:"headers"`
	// Format is the form of an event that no rule transforms, FormatEventBridge by
	// default.
	Format string `yaml:"format"`
	// TLS is for addresses whose scheme has it.
	TLS TLS `yaml:"tls"`
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults() { targets.SetDefault(&o.Format, FormatEventBridge) }

// Validate reports what is wrong with the options, and returns the URL if it is right.
func (o *Options) Validate(v *targets.Validation, schemes ...string) *url.URL {
	u := o.url(v, schemes)
	o.headers(v)
	v.OneOf("format", o.Format, FormatEventBridge, FormatCloudEvents, FormatCloudEventsBinary)
	o.tls(v)
	return u
}

// Show adds what of the options may be shown: of the headers their names.
func (o *Options) Show(shown map[string]any) {
	shown["url"], shown["format"] = MaskURL(o.URL), o.Format
	if len(o.Headers) > 0 {
		shown["headers"] = slices.Sorted(maps.Keys(o.Headers))
	}
}

func (o *Options) url(v *targets.Validation, schemes []string) *url.URL {
	field := []string{"url"}
	if o.URL == "" {
		v.Fail(field, "is missing")
		return nil
	}
	e, ok := v.Expand(field, o.URL)
	if !ok {
		return nil
	}
	u, err := ParseURL(e, schemes...)
	if err != nil {
		v.Fail(field, "%v", err)
		return nil
	}
	return u
}

func (o *Options) headers(v *targets.Validation) {
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		field := []string{"headers", name}
		if err := checkHeaderName(name); err != nil {
			v.Fail(field, "%v", err)
		}
		e, ok := v.Expand(field, o.Headers[name])
		if ok && !validHeaderValue(e.Value) {
			v.Fail(field, "the value holds a character that a header cannot hold, such as a newline")
		}
	}
}

func (o *Options) tls(v *targets.Validation) {
	if o.TLS == (TLS{}) {
		return
	}
	if (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		v.Fail([]string{"tls"}, "cert_file and key_file go together")
		return
	}
	if _, err := o.TLS.Config(v.Dir, v.Secrets); err != nil {
		v.Fail([]string{"tls"}, "%v", err)
	}
}
