// Package remote is what the kinds of target beyond the network share: addresses, TLS,
// headers, and what a delivery becomes in a protocol that has headers.
package remote

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"signalbox/secret"
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
	// URL is where the target is. It may hold references to secrets.
	URL string `yaml:"url" required:"true"`
	// Secret tells whether what the references in URL stand for is secret. The login and the query
	// of URL always are.
	Secret *bool `yaml:"secret" default:"true" example:"false"`
	// Headers are sent with each delivery. The values may hold references to secrets.
	Headers map[string]string `yaml:"headers" example:"{X-Team: shop}"`
	// Format is the form of an event that no rule transforms: the canonical envelope, a CloudEvent in
	// JSON, or the detail with the attributes of the CloudEvent in headers.
	Format string `yaml:"format" enum:"eventbridge|cloudevents|cloudevents-binary" example:"cloudevents"`
	// TLS is whom to trust, and which certificate to show, where the scheme is a secure one.
	TLS TLS `yaml:"tls"`

	// shown is URL as it may be shown; Validate sets it.
	shown string
}

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults() { targets.SetDefault(&o.Format, FormatEventBridge) }

// Validate reports what is wrong with the options, and returns the URL if it is right.
func (o *Options) Validate(v *targets.Validation, schemes ...string) *url.URL {
	u := o.url(v, schemes)
	o.fields(v)
	return u
}

// fields reports what is wrong with all but URL.
func (o *Options) fields(v *targets.Validation) {
	o.headers(v)
	v.OneOf("format", o.Format, FormatEventBridge, FormatCloudEvents, FormatCloudEventsBinary)
	o.TLS.Validate(v)
}

// ValidateServer is Validate for a server that takes no query: TLS is
// for the last of the schemes.
func (o *Options) ValidateServer(v *targets.Validation, schemes ...string) *url.URL {
	u := o.Validate(v, schemes...)
	if u == nil {
		return nil
	}
	CheckServer(v, u, o.TLS, schemes[len(schemes)-1])
	return u
}

// Show adds what of the options may be shown: of the headers their names.
func (o *Options) Show(shown map[string]any) {
	shown["url"], shown["format"] = o.Shown(), o.Format
	if len(o.Headers) > 0 {
		shown["headers"] = slices.Sorted(maps.Keys(o.Headers))
	}
}

// Shown returns the URL as it may be shown, once it has been validated.
func (o *Options) Shown() string {
	url, _, hasQuery := strings.Cut(cmp.Or(o.shown, maskSeveral(o.URL)), "?")
	if hasQuery {
		url += "?" + secret.Mask
	}
	return url
}

func (o *Options) url(v *targets.Validation, schemes []string) *url.URL {
	e, ok := o.expand(v)
	if !ok {
		return nil
	}
	u, err := ParseURL(e, schemes...)
	if err != nil {
		v.Fail([]string{"url"}, "%v", err)
		return nil
	}
	o.shown, _ = Shown(o.public(e))
	return u
}

// expand resolves the references in the URL.
func (o *Options) expand(v *targets.Validation) (e secret.Text, ok bool) {
	if o.URL == "" {
		v.Fail([]string{"url"}, "is missing")
		return e, false
	}
	return v.Expand([]string{"url"}, o.URL)
}

// public returns the URL with what is secret in it.
func (o *Options) public(e secret.Text) secret.Text {
	if o.Secret != nil && !*o.Secret {
		return e.Open()
	}
	return e
}

// Address returns the URL, and as it may be shown, with the secrets to hide where a server
// repeats them.
func (o *Options) Address(s secret.Source, dir string, schemes ...string) (u *url.URL, shown string, secrets []string, err error) {
	e, err := s.Expand(o.URL, dir)
	if err != nil {
		return nil, "", nil, err
	}
	if u, err = ParseURL(e, schemes...); err != nil {
		return nil, "", nil, err
	}
	shown, secrets = Shown(o.public(e))
	return u, shown, secrets, nil
}

func (o *Options) headers(v *targets.Validation) {
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		field := []string{"headers", name}
		if err := CheckHeaderName(name); err != nil {
			v.Fail(field, "%v", err)
		}
		e, ok := v.Expand(field, o.Headers[name])
		if ok && !validHeaderValue(e.Value) {
			v.Fail(field, "the value holds a character that a header cannot hold, such as a newline")
		}
	}
}
