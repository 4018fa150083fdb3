package sqs

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"signalbox/secret"
	"signalbox/targets/amazon"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

// Client asks the service for one queue.
type Client struct {
	*sqs.Client
	amazon.Place
	// URL is how the service knows the queue, Shown its address as it may be shown.
	URL, Shown string
	caller     *amazon.Caller
}

// NewClient returns a client, and what is secret in its configuration. It connects to nothing.
func NewClient(dir string, server *remote.Server, access *amazon.Access, bounds amazon.Bounds, s secret.Source, guard *egress.Guard) (*Client, []string, error) {
	u, shown, secrets, err := server.Address(s, dir, Service.Scheme)
	if err != nil {
		return nil, nil, err
	}
	place, err := Service.Place(u)
	if err != nil {
		return nil, nil, err
	}
	caller, err := access.Caller(amazon.CallerOptions{Region: place.Region, Dir: dir, TLS: server.TLS, Secrets: s, Guard: guard, Bounds: bounds})
	if err != nil {
		return nil, nil, err
	}
	c := newClient(place, caller)
	c.Shown = shown
	return c, append(secrets, caller.Secrets...), nil
}

func newClient(place amazon.Place, caller *amazon.Caller) *Client {
	return &Client{
		Client: sqs.New(sqs.Options{
			Region: place.Region, HTTPClient: caller.HTTP, Retryer: aws.NopRetryer{}, // whoever sends or reads tries again
			Credentials: caller.Credentials, BaseEndpoint: caller.Endpoint,
		}),
		Place: place, URL: place.At(caller.Base(Service.Scheme, place.Region)), caller: caller,
	}
}

// Close closes the connections that nobody uses.
func (c *Client) Close() { c.caller.Close() }
