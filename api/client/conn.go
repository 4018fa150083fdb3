package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"signalbox/api"
	"signalbox/targets/remote"
)

// conn makes requests and reads answers.
type conn struct{ Options }

// Unreachable is the error where no router answers at an address.
type Unreachable struct {
	URL string
	Err error
}

// Error returns the reason, and what to look for.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("can't reach the router at %s: %s; %s", remote.MaskURL(u.URL), u.reason(), u.hint())
}

// hint returns what to try.
func (u *Unreachable) hint() string {
	var (
		root  x509.UnknownAuthorityError
		alert *net.OpError
	)
	switch {
	case errors.As(u.Err, &root):
		return "give its root certificate with --ca-cert or SIGNALBOX_CA_CERT"
	case errors.As(u.Err, &alert) && alert.Op == "remote error": // an alert of TLS
		return "it may ask for a certificate: give --client-cert and --client-key, of a root that it trusts"
	case errors.Is(u.Err, http.ErrSchemeMismatch):
		return "write http:// in --url"
	}
	return "is `signalbox serve` running? (--url)"
}

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// reason returns the cause without the request around it.
func (u *Unreachable) reason() string {
	var (
		call    *os.SyscallError
		lookup  *net.DNSError
		request *url.Error
	)
	switch {
	case errors.As(u.Err, &call):
		return call.Err.Error()
	case errors.As(u.Err, &lookup):
		return lookup.Err
	case errors.As(u.Err, &request):
		return request.Err.Error()
	}
	return u.Err.Error()
}

// params returns a query of names and their values, without those that are empty.
func params(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func (c *conn) get(ctx context.Context, path string, q url.Values, into any) error {
	return c.do(ctx, http.MethodGet, withQuery(path, q), "", nil, into)
}

// act makes a POST without a body.
func (c *conn) act(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodPost, path, "", nil, into)
}

func (c *conn) post(ctx context.Context, path string, req, into any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, "application/json", body, into)
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// do makes a request and decodes its answer.
func (c *conn) do(ctx context.Context, method, path, contentType string, body []byte, into any) error {
	resp, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: this is not the answer of a router: %w", method, remote.MaskURL(c.URL+path), err)
	}
	return nil
}

// send makes a request and turns every answer but a 2xx into an error.
func (c *conn) send(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	resp, err := c.request(ctx, method, path, contentType, body)
	if err != nil || resp.StatusCode/100 == 2 {
		return resp, err
	}
	defer resp.Body.Close()
	return nil, answerError(resp)
}

// request makes a request, whatever its answer. headers are names with their values.
func (c *conn) request(ctx context.Context, method, path, contentType string, body []byte, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address of the router: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if c.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.APIKey)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &Unreachable{URL: c.URL, Err: err}
	}
	return resp, nil
}

// maxProblem bounds how much of an answer that is an error is read, in bytes.
const maxProblem = 1 << 20

// answerError returns the error in an answer.
func answerError(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("answered %s: %w", resp.Status, err)
	}
	var answer struct{ Error *api.Error }
	problem := (*api.Error)(nil)
	switch path := resp.Request.URL.Path; {
	case path == "/v1/events", path == "/v1/commands", path == "/v1/queries":
		problem = sendError(resp, text)
	case json.Unmarshal(text, &answer) == nil:
		problem = answer.Error
	}
	if problem == nil && strings.Contains(string(text), "HTTP request to an HTTPS server") {
		problem = &api.Error{Message: "the router speaks HTTPS", Hint: "write https:// in --url"}
	}
	if problem == nil {
		problem = &api.Error{Message: strings.TrimSpace("answered " + resp.Status + " " + string(text[:min(len(text), 300)]))}
	}
	problem.Status = resp.StatusCode
	if problem.Status == http.StatusUnauthorized && problem.Hint == "" {
		problem.Hint = "give a key with --api-key or SIGNALBOX_API_KEY"
	}
	return problem
}
