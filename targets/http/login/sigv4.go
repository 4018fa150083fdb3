package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"signalbox/targets"
)

// SigV4 signs as AWS does.
type SigV4 struct {
	// Region is where the service is.
	Region string `yaml:"region" required:"true" example:"eu-central-1"`
	// Service is its name in signatures.
	Service string `yaml:"service" required:"true" example:"execute-api"`
	// ID is who signs.
	ID string `yaml:"access_key_id" required:"true" example:"AKIAEXAMPLE"`
	// Secret is the key of the signature.
	Secret string `yaml:"secret_access_key" required:"true" example:"example-of-a-secret"`
	// Token goes with credentials that are temporary.
	Token string `yaml:"session_token" example:"example-of-a-token"`
}

func (s *SigV4) validate(c *check) {
	c.text("region", s.Region)
	c.text("service", s.Service)
	c.text("access_key_id", s.ID)
	c.text("secret_access_key", s.Secret)
	if s.Token != "" {
		c.headerValue("session_token", c.text("session_token", s.Token))
	}
}

type sigv4 struct {
	credentials     aws.Credentials
	region, service string
	signer          *v4.Signer
}

func (s *SigV4) new(r *resolver) *sigv4 {
	out := &sigv4{region: r.text(s.Region), service: r.text(s.Service),
		credentials: aws.Credentials{AccessKeyID: r.text(s.ID), SecretAccessKey: r.secret(s.Secret)}}
	if s.Token != "" {
		out.credentials.SessionToken = r.secret(s.Token)
	}
	// S3 signs paths as they are, all others escape them once more.
	out.signer = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = out.service == "s3" })
	return out
}

// sign signs the method, the address, the body and its type.
func (s *sigv4) sign(ctx context.Context, r *Request, now time.Time) error {
	sum := sha256.Sum256(r.Body)
	hash := hex.EncodeToString(sum[:])
	q := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}, ContentLength: int64(len(r.Body))}
	if r.Type != "" {
		q.Header.Set("Content-Type", r.Type)
	}
	if s.service == "s3" {
		q.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if err := s.signer.SignHTTP(ctx, s.credentials, q, hash, s.service, s.region, now); err != nil {
		return &targets.Error{Code: targets.CodeInternalError, Tries: 1, Err: fmt.Errorf("the request can't be signed: %w", err)}
	}
	for name := range q.Header {
		if name != "Content-Type" {
			r.Set(name, q.Header.Get(name))
		}
	}
	return nil
}
