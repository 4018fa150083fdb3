package config

import (
	"time"

	"signalbox/secret"
	"signalbox/telemetry"
)

// Telemetry is what is sent of what the router does, and where.
type Telemetry struct {
	// OTLP sends spans of events and deliveries to a receiver of OpenTelemetry.
	OTLP OTLP `yaml:"otlp"`
}

// OTLP is a receiver of OpenTelemetry that takes OTLP over HTTP, and what it gets. What is not set
// is as the standard variables of the environment say (OTEL_EXPORTER_OTLP_ENDPOINT and so on).
type OTLP struct {
	// Endpoint is the receiver's address, without /v1/traces; empty sends nothing unless the
	// environment names one.
	Endpoint string `yaml:"endpoint" example:"http://127.0.0.1:4318"`
	// Headers are sent with each request.
	Headers map[string]Secret `yaml:"headers" example:"{Authorization: Bearer abc}"`
	// Sample is the part of all traces that is sent. Failed attempts are always sent.
	Sample float64 `yaml:"sample" min:"0" max:"1"`
	// Timeout bounds one request with its repetitions; 0 is 10s.
	Timeout time.Duration `yaml:"timeout" min:"0s"`
	// Compression is that of requests; gzip unless the environment says otherwise.
	Compression string `yaml:"compression" enum:"gzip|none"`
	// CAFile has the root certificates of the receiver; empty are those of the system.
	CAFile string `yaml:"ca_file" example:"roots.pem"`
	// ServiceName is how traces call the router; empty is signalbox.
	ServiceName string `yaml:"service_name" example:"signalbox-eu"`
}

func (o *OTLP) validate(v *validation) {
	if o.Endpoint != "" {
		if err := telemetry.CheckEndpoint(o.Endpoint); err != nil {
			v.fail(err.Error(), "telemetry", "otlp", "endpoint")
		}
	}
	v.check(o.Sample >= 0 && o.Sample <= 1, "must be from 0 to 1", "telemetry", "otlp", "sample")
	v.check(o.Timeout >= 0, "must not be negative", "telemetry", "otlp", "timeout")
	if o.Compression != "" {
		v.oneOf(o.Compression, []string{"gzip", "none"}, "telemetry", "otlp", "compression")
	}
	for name, value := range o.Headers {
		if !telemetry.ValidHeader(name, value.Reveal()) {
			v.fail("must be a name and a value that a header can have", "telemetry", "otlp", "headers", name)
		}
	}
}

// Spans returns where spans are sent, and what the environment says of it where the file does not.
func (c *Config) Spans(version string, getenv func(string) string) (telemetry.Options, error) {
	o := c.Telemetry.OTLP
	x := telemetry.Options{Sample: o.Sample, Timeout: o.Timeout, Compression: o.Compression, Service: o.ServiceName, Version: version}
	if o.CAFile != "" {
		x.CAFile = secret.ResolvePath(c.Dir, o.CAFile)
	}
	if o.Endpoint != "" {
		x.Endpoint = telemetry.At(o.Endpoint)
	}
	for name, value := range o.Headers {
		if x.Headers == nil {
			x.Headers = map[string]string{}
		}
		x.Headers[name] = value.Reveal()
	}
	err := x.FromEnvironment(getenv)
	return x.WithDefaults(), err
}
