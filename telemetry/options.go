package telemetry

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Options say where spans go, and which.
type Options struct {
	// Endpoint is the URL that spans are sent to; empty switches all off.
	Endpoint string
	Headers  map[string]string
	// Sample is the part of all traces that is sent, from 0 to 1; failed attempts are always.
	Sample float64
	// Timeout bounds one request with its repetitions.
	Timeout time.Duration
	// Compression is gzip or none.
	Compression string
	// CAFile has the root certificates of the receiver; empty are those of the system.
	CAFile string
	// Service is the name of the service, Resource are further attributes of it.
	Service  string
	Resource []Attribute
	Version  string
}

// Path is where a receiver takes spans, below its address.
const Path = "/v1/traces"

// At returns the URL of spans at a receiver's address.
func At(address string) string { return strings.TrimSuffix(address, "/") + Path }

// ValidHeader reports whether a request can have a header.
func ValidHeader(name, value string) bool {
	return httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

// FromEnvironment fills in what the variables of OpenTelemetry say, where the options do not
// say it themselves. Where they name no endpoint either, spans are off. See
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
func (o *Options) FromEnvironment(getenv func(string) string) error {
	of := func(name string) string {
		if v := getenv("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
			return v
		}
		return getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	if o.Endpoint == "" {
		exporter, disabled := getenv("OTEL_TRACES_EXPORTER"), getenv("OTEL_SDK_DISABLED")
		if strings.EqualFold(disabled, "true") || exporter != "" && exporter != "otlp" {
			return nil
		}
		if o.Endpoint = getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); o.Endpoint == "" {
			if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); base != "" {
				o.Endpoint = At(base)
			}
		}
		if o.Endpoint == "" {
			return nil
		}
		if p := of("PROTOCOL"); p != "" && p != "http/protobuf" {
			o.Endpoint = ""
			return fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %s: spans are only sent as http/protobuf, which receivers take at port 4318", p)
		}
		if err := CheckEndpoint(o.Endpoint); err != nil {
			o.Endpoint = ""
			return fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
		}
	}
	if o.Headers == nil {
		headers, err := pairs(of("HEADERS"))
		if err != nil {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %w", err)
		}
		for _, a := range headers {
			value := a.Text
			if !ValidHeader(a.Name, value) {
				return fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: a name or value that a header can't have")
			}
			if o.Headers == nil {
				o.Headers = map[string]string{}
			}
			o.Headers[a.Name] = value
		}
	}
	if v := of("TIMEOUT"); o.Timeout == 0 && v != "" {
		ms, err := strconv.Atoi(v)
		if err != nil || ms <= 0 {
			return fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT %q: write milliseconds", v)
		}
		o.Timeout = time.Duration(ms) * time.Millisecond
	}
	if o.Compression == "" {
		o.Compression = of("COMPRESSION")
	}
	if o.CAFile == "" {
		o.CAFile = of("CERTIFICATE")
	}
	if o.Service == "" {
		o.Service = getenv("OTEL_SERVICE_NAME")
	}
	more, err := pairs(getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	o.Resource = append(o.Resource, more...)
	return nil
}

// pairs reads key=value pairs separated by commas, whose values are escaped as in URLs.
func pairs(list string) (all []Attribute, err error) {
	for pair := range strings.SplitSeq(list, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if ok {
			value, err = url.PathUnescape(strings.TrimSpace(value))
		}
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("write name=value pairs separated by commas")
		}
		all = append(all, Attribute{Name: name, Text: value})
	}
	return all, nil
}

// CheckEndpoint returns what is wrong with the URL of a receiver.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is no URL such as http://127.0.0.1:4318", endpoint)
	}
	return nil
}

// WithDefaults fills in what nobody has said.
func (o Options) WithDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Compression == "" {
		o.Compression = "gzip"
	}
	if o.Service == "" {
		o.Service = "signalbox"
	}
	return o
}

// resource are the attributes of what the spans are of. Those that name the service count more.
func (o Options) resource() []Attribute {
	all := []Attribute{{Name: "service.name", Text: o.Service}, {Name: "service.version", Text: o.Version}}
	if host, err := os.Hostname(); err == nil {
		all = append(all, Attribute{Name: "host.name", Text: host})
	}
	for _, a := range o.Resource {
		if !slices.ContainsFunc(all[:2], func(b Attribute) bool { return a.Name == b.Name }) {
			all = append(all, a)
		}
	}
	return all
}
