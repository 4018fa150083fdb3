// Package amazon is what targets, sources and archives at services of Amazon share: who asks them and
// where they are, and what messages with attributes are for SQS and SNS.
package amazon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"signalbox/secret"
	"signalbox/targets/awscredentials"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

const (
	// idleTimeout is how long a connection is kept that nobody uses; AWS closes them later.
	idleTimeout = 15 * time.Second
	dialTimeout = 5 * time.Second
)

// Bounds are those of a caller.
type Bounds struct {
	// Idle is how many connections are kept that nobody uses.
	Idle int
	// Answer is how long an answer may be, in bytes.
	Answer int64
}

// Caller is what asks a service of AWS.
type Caller struct {
	// Endpoint is where the service is; nil for AWS's own address of the region.
	Endpoint    *string
	HTTP        *http.Client
	Credentials aws.CredentialsProvider
	// Secrets are what must not be shown.
	Secrets   []string
	transport *transport
}

// CallerOptions are what a caller is made of, beside the access.
type CallerOptions struct {
	Region  string
	Dir     string
	TLS     remote.TLS
	Secrets secret.Source
	Guard   *egress.Guard
	Bounds  Bounds
}

// Caller returns what asks the service. It connects to nothing.
func (o *Access) Caller(opts CallerOptions) (*Caller, error) {
	var texts [4]string
	c := &Caller{}
	for i, text := range []string{o.Endpoint, o.AccessKeyID, o.SecretAccessKey, o.SessionToken} {
		e, err := opts.Secrets.Expand(text, opts.Dir)
		if err != nil {
			return nil, err
		}
		texts[i] = e.Value
		c.Secrets = append(c.Secrets, e.Secrets()...)
	}
	c.Secrets = append(c.Secrets, texts[2:]...)
	tls, err := opts.TLS.Config(opts.Dir, opts.Secrets)
	if err != nil {
		return nil, err
	}
	c.transport = &transport{opts.Bounds.Answer, http.Transport{
		DialContext: opts.Guard.DialContext, TLSClientConfig: tls, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: opts.Bounds.Idle,
	}}
	c.HTTP = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.Credentials = found(awscredentials.Source{Secrets: opts.Secrets, Region: opts.Region, Client: c.HTTP}.New())
	if texts[0] != "" {
		c.Endpoint = &texts[0]
	}
	if texts[1] != "" {
		c.Credentials = credentials.NewStaticCredentialsProvider(texts[1], texts[2], texts[3])
	}
	return c, nil
}

// Close closes the connections that nobody uses.
func (c *Caller) Close() { c.transport.CloseIdleConnections() }

// found marks the errors of a provider.
func found(p aws.CredentialsProvider) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		c, err := p.Retrieve(ctx)
		if err != nil {
			return c, fmt.Errorf("%w: %w", errCredentials, err)
		}
		return c, nil
	})
}

// transport bounds what is read of an answer.
type transport struct {
	most int64 // bytes
	http.Transport
}

// RoundTrip sends a request.
func (t *transport) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := t.Transport.RoundTrip(q)
	if err == nil {
		answer.Body = bounded{io.LimitReader(answer.Body, t.most), answer.Body}
	}
	return answer, err
}

type bounded struct {
	io.Reader
	io.Closer
}
