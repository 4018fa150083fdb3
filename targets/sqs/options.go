package sqs

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: sqs, or type: queue with a URL of SQS.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "sqs",
		Schemes: []string{Scheme},
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

// Scheme is what the address of a queue begins with.
const Scheme = "sqs"

// Options are those of a target of type sqs.
type Options struct {
	// URL is sqs://REGION/ACCOUNT/QUEUE.
	remote.Options `yaml:",inline" example:"sqs://eu-central-1/123456789012/orders"`
	// Access is where the service is, and who asks it.
	Access `yaml:",inline"`
	// Group is the message group of a FIFO queue. It may hold {{ expressions }} of the event. By
	// default it is the ordering key.
	Group string `yaml:"group" example:"orders" with:"{url: 'sqs://eu-central-1/123456789012/orders.fifo'}"`
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

// Validate reports what is wrong with the options.
func (o *Options) Validate(c *targets.Config, v *targets.Validation) {
	if u := o.Options.Validate(v, Scheme); u != nil {
		if q, err := ParseQueue(u); err != nil {
			v.Fail([]string{"url"}, "%v", err)
		} else {
			o.group(c, q, v)
		}
	}
	if o.Format == remote.FormatCloudEventsBinary {
		v.Fail([]string{"format"}, "can't be %s: a message of SQS has at most %d attributes; use %s", o.Format, maxAttributes, remote.FormatCloudEvents)
	}
	o.attributes(v)
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

func (o *Options) group(c *targets.Config, q Queue, v *targets.Validation) {
	template.CheckName(v, "group", o.Group, maxGroupText)
	switch {
	case !q.fifo() && o.Group != "":
		v.Fail([]string{"group"}, "is only for FIFO queues, whose names end with .fifo")
	case q.fifo() && o.Group == "" && c.OrderBy == "":
		v.Fail([]string{"group"}, "is missing: a FIFO queue keeps the order within a group: set order_by, or group")
	}
}

// attributeName is the name of an attribute (SQS, MessageAttributeValue).
var attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func (o *Options) attributes(v *targets.Validation) {
	if n := len(o.Headers); n > maxHeaders {
		v.Fail([]string{"headers"}, "are %d: a message of SQS has at most %d attributes, of which %d are free", n, maxAttributes, maxHeaders)
	}
	for name := range o.Headers {
		lower := strings.ToLower(name)
		if !attributeName.MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
			v.Fail([]string{"headers", name}, "can't be the name of an attribute of SQS: use letters, digits, - and _")
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

// Queue is a queue of an account in a region.
type Queue struct{ Region, Account, Name string }

var (
	regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	account    = regexp.MustCompile(`^[0-9]{12}$`)
	queueName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)
)

// ParseQueue returns the queue of a URL sqs://REGION/ACCOUNT/QUEUE.
func ParseQueue(u *url.URL) (Queue, error) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case u.User != nil:
		return Queue{}, errors.New("has a login: set access_key_id and secret_access_key")
	case u.Port() != "" || u.RawQuery != "" || len(parts) != 2:
		return Queue{}, errors.New("is not sqs://REGION/ACCOUNT/QUEUE; where the service is elsewhere, endpoint says so")
	case !regionName.MatchString(u.Host):
		return Queue{}, errors.New("has no region such as eu-central-1 after sqs://")
	case !account.MatchString(parts[0]):
		return Queue{}, errors.New("has no account of 12 digits after the region")
	case !queueName.MatchString(parts[1]):
		return Queue{}, errors.New("has no name of a queue at its end: up to 80 letters, digits, - and _, with .fifo at the end where the queue is of that kind")
	}
	return Queue{u.Host, parts[0], parts[1]}, nil
}

func (q Queue) fifo() bool { return strings.HasSuffix(q.Name, ".fifo") }

// url is how the service knows the queue.
func (q Queue) url(endpoint string) string {
	if endpoint == "" {
		endpoint = "https://sqs." + q.Region + ".amazonaws.com"
		if strings.HasPrefix(q.Region, "cn-") {
			endpoint += ".cn"
		}
	}
	return strings.Join([]string{strings.TrimRight(endpoint, "/"), q.Account, q.Name}, "/")
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	o.Access.Show(shown)
	if o.Group != "" {
		shown["group"] = o.Group
	}
}

// Show adds what may be shown.
func (o *Access) Show(shown map[string]any) {
	if o.Endpoint != "" {
		shown["endpoint"] = remote.MaskURL(o.Endpoint)
	}
}
