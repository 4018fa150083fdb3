package sqs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"signalbox/targets"
	"signalbox/targets/awscredentials"
	"signalbox/targets/remote"
)

const (
	// idleTimeout is how long a connection is kept that nobody uses; AWS closes them later.
	idleTimeout = 15 * time.Second
	dialTimeout = 5 * time.Second
	// maxAnswer bounds the answer to ten entries, in bytes.
	maxAnswer = 256 << 10
)

// connect makes the client. It connects to nothing.
func (t *target) connect(c *targets.Config, q queue, env targets.Env, secrets []string) error {
	o := c.Options.(*Options)
	var texts [4]string
	for i, text := range []string{o.Endpoint, o.AccessKeyID, o.SecretAccessKey, o.SessionToken} {
		e, err := env.Secrets.Expand(text, c.Dir)
		if err != nil {
			return err
		}
		texts[i] = e.Value
		secrets = append(secrets, e.Secrets()...)
	}
	endpoint := texts[0]
	secrets = append(secrets, texts[2:]...)
	t.hidden = remote.NewHidden(secrets)
	t.url = q.url(endpoint)
	tls, err := o.TLS.Config(c.Dir, env.Secrets)
	if err != nil {
		return err
	}
	t.transport = &transport{http.Transport{
		DialContext: env.Egress.DialContext, TLSClientConfig: tls, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 10 * c.Concurrency,
	}}
	client := &http.Client{Transport: t.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	options := sqs.Options{
		Region: q.region, HTTPClient: client, Retryer: aws.NopRetryer{}, // the lane tries again
		Credentials: found(awscredentials.Source{Secrets: env.Secrets, Region: q.region, Client: client}.New()),
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	if texts[1] != "" {
		options.Credentials = credentials.NewStaticCredentialsProvider(texts[1], texts[2], texts[3])
	}
	t.client = sqs.New(options)
	return nil
}

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
type transport struct{ http.Transport }

// RoundTrip sends a request.
func (t *transport) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := t.Transport.RoundTrip(q)
	if err == nil {
		answer.Body = bounded{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

type bounded struct {
	io.Reader
	io.Closer
}
