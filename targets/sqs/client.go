package sqs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"signalbox/secret"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

const (
	// idleTimeout is how long a connection is kept that nobody uses; AWS closes them later.
	idleTimeout = 15 * time.Second
	dialTimeout = 5 * time.Second
)

// Client asks the service for one queue.
type Client struct {
	*sqs.Client
	Queue
	// URL is how the service knows the queue, Shown its address as it may be shown.
	URL, Shown string
	transport  *transport
}

// Bounds are those of a client.
type Bounds struct {
	// Idle is how many connections are kept that nobody uses.
	Idle int
	// Answer is how long an answer may be, in bytes.
	Answer int64
}

// NewClient returns a client, and what is secret in its configuration. It connects to nothing.
func NewClient(dir string, server *remote.Server, access *Access, bounds Bounds, s secret.Source, guard *egress.Guard) (*Client, []string, error) {
	u, shown, secrets, err := server.Address(s, dir, Scheme)
	if err != nil {
		return nil, nil, err
	}
	q, err := ParseQueue(u)
	if err != nil {
		return nil, nil, err
	}
	caller, err := access.Caller(CallerOptions{Region: q.Region, Dir: dir, TLS: server.TLS, Secrets: s, Guard: guard, Bounds: bounds})
	if err != nil {
		return nil, nil, err
	}
	secrets = append(secrets, caller.Secrets...)
	c := &Client{Queue: q, URL: q.url(aws.ToString(caller.Endpoint)), Shown: shown, transport: caller.transport}
	options := sqs.Options{
		Region: q.Region, HTTPClient: caller.HTTP, Retryer: aws.NopRetryer{}, // whoever sends or reads tries again
		Credentials: caller.Credentials, BaseEndpoint: caller.Endpoint,
	}
	c.Client = sqs.New(options)
	return c, secrets, nil
}

// Close closes the connections that nobody uses.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

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
