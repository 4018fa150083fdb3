package amazon

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Service is a service of messages with attributes.
type Service struct {
	// Name is its own, Scheme what the address of a place begins with, and Noun what a place is.
	Name, Scheme, Noun string
	// MaxName is how long the name of a place may be, MaxBytes how large the entries of a request are together,
	// and each of them.
	MaxName, MaxBytes int
	// SystemTrace means that the trace of X-Ray is none of the attributes.
	SystemTrace bool
}

// Options are those of a target that sends messages to a service.
type Options struct {
	// URL is SCHEME://REGION/ACCOUNT/NAME.
	remote.Options `yaml:",inline"`
	// Access is where the service is, and who asks it.
	Access `yaml:",inline"`
}

// Access is where the service is, and who asks it. All of it may hold references to secrets.
type Access struct {
	// Endpoint is where the service is, if not at AWS's own address of the region.
	Endpoint string `yaml:"endpoint" example:"http://127.0.0.1:9324"`
	// AccessKeyID signs requests. Without it, credentials are looked for where AWS's own clients do.
	AccessKeyID string `yaml:"access_key_id" example:"AKIAEXAMPLE" with:"{secret_access_key: example-of-a-secret}"`
	// SecretAccessKey goes with AccessKeyID.
	SecretAccessKey string `yaml:"secret_access_key" example:"example-of-a-secret" with:"{access_key_id: AKIAEXAMPLE}"`
	// SessionToken goes with credentials that are temporary.
	SessionToken string `yaml:"session_token" example:"example-of-a-token" with:"{access_key_id: AKIAEXAMPLE, secret_access_key: example-of-a-secret}"`
}

// maxHeaders is how many headers of a configuration fit beside the attributes of its own that a
// message always has.
const maxHeaders = maxAttributes - 5

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(*targets.Config) { o.Options.SetDefaults() }

// ValidateFor reports what is wrong with the options of a target of a service, and with the text of its
// message group.
func (o *Options) ValidateFor(s *Service, group string, c *targets.Config, v *targets.Validation) {
	if u := o.Options.Validate(v, s.Scheme); u != nil {
		if p, err := s.Place(u); err != nil {
			v.Fail([]string{"url"}, "%v", err)
		} else {
			s.group(group, c, p, v)
		}
	}
	if o.Format == remote.FormatCloudEventsBinary {
		v.Fail([]string{"format"}, "can't be %s: a message of %s has at most %d attributes; use %s", o.Format, s.Name, maxAttributes, remote.FormatCloudEvents)
	}
	o.attributes(s, v)
	o.Access.Validate(v)
}

// Validate reports what is wrong with it.
func (o *Access) Validate(v *targets.Validation) {
	o.endpoint(v)
	if (o.AccessKeyID == "") != (o.SecretAccessKey == "") {
		v.Fail([]string{"access_key_id"}, "access_key_id and secret_access_key go together")
	}
	for field, text := range map[string]string{"access_key_id": o.AccessKeyID, "secret_access_key": o.SecretAccessKey, "session_token": o.SessionToken} {
		v.Expand([]string{field}, text)
	}
}

func (s *Service) group(group string, c *targets.Config, p Place, v *targets.Validation) {
	template.CheckName(v, "group", group, maxGroupText)
	switch {
	case !p.FIFO() && group != "":
		v.Fail([]string{"group"}, "is only for FIFO %ss, whose names end with .fifo", s.Noun)
	case p.FIFO() && group == "" && c.OrderBy == "":
		v.Fail([]string{"group"}, "is missing: a FIFO %s keeps the order within a group: set order_by, or group", s.Noun)
	}
}

// attributeName is the name of an attribute (SQS, MessageAttributeValue).
var attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func (o *Options) attributes(s *Service, v *targets.Validation) {
	if n := len(o.Headers); n > maxHeaders {
		v.Fail([]string{"headers"}, "are %d: a message of %s has at most %d attributes, of which %d are free", n, s.Name, maxAttributes, maxHeaders)
	}
	for name := range o.Headers {
		lower := strings.ToLower(name)
		if !attributeName.MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
			v.Fail([]string{"headers", name}, "can't be the name of an attribute of %s: use letters, digits, - and _", s.Name)
		}
	}
}

func (o *Access) endpoint(v *targets.Validation) {
	if o.Endpoint == "" {
		return
	}
	e, ok := v.Expand([]string{"endpoint"}, o.Endpoint)
	if !ok {
		return
	}
	u, err := remote.ParseURL(e, "http", "https")
	switch {
	case err != nil:
		v.Fail([]string{"endpoint"}, "%v", err)
	case u.User != nil || u.RawQuery != "":
		v.Fail([]string{"endpoint"}, "has a login or a query, which are not sent: set access_key_id and secret_access_key")
	}
}

// Place is a queue or a topic of an account in a region.
type Place struct{ Region, Account, Name string }

var (
	regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	account    = regexp.MustCompile(`^[0-9]{12}$`)
	placeName  = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)
)

// Place returns the place of a URL SCHEME://REGION/ACCOUNT/NAME.
func (s *Service) Place(u *url.URL) (Place, error) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case u.User != nil:
		return Place{}, errors.New("has a login: set access_key_id and secret_access_key")
	case u.Port() != "" || u.RawQuery != "" || len(parts) != 2:
		return Place{}, fmt.Errorf("is not %s://REGION/ACCOUNT/%s; where the service is elsewhere, endpoint says so", s.Scheme, strings.ToUpper(s.Noun))
	case !regionName.MatchString(u.Host):
		return Place{}, fmt.Errorf("has no region such as eu-central-1 after %s://", s.Scheme)
	case !account.MatchString(parts[0]):
		return Place{}, errors.New("has no account of 12 digits after the region")
	case !placeName.MatchString(parts[1]) || len(parts[1]) > s.MaxName:
		return Place{}, fmt.Errorf("has no name of a %s at its end: up to %d letters, digits, - and _, with .fifo at the end where the %s is of that kind", s.Noun, s.MaxName, s.Noun)
	}
	return Place{u.Host, parts[0], parts[1]}, nil
}

// FIFO reports whether the place keeps an order.
func (p Place) FIFO() bool { return strings.HasSuffix(p.Name, ".fifo") }

// At returns the address of the place below that of its service.
func (p Place) At(base string) string {
	return strings.Join([]string{strings.TrimRight(base, "/"), p.Account, p.Name}, "/")
}

// Base returns where a service is: at AWS's own address of the region, if nowhere else.
func (c *Caller) Base(service, region string) string {
	if c.Endpoint != nil {
		return *c.Endpoint
	}
	base := "https://" + service + "." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		base += ".cn"
	}
	return base
}

// ShowWith adds what of the options may be shown, and the text of the message group.
func (o *Options) ShowWith(group string, shown map[string]any) {
	o.Options.Show(shown)
	o.Access.Show(shown)
	if group != "" {
		shown["group"] = group
	}
}

// Show adds what may be shown.
func (o *Access) Show(shown map[string]any) {
	if o.Endpoint != "" {
		shown["endpoint"] = remote.MaskURL(o.Endpoint)
	}
}
