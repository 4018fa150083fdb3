package api

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
	"strconv"
	"strings"

	"signalbox/dlq"
	"signalbox/targets/remote"
)

// Client speaks to a running router.
type Client struct {
	// URL is the router's address, such as http://127.0.0.1:8080.
	URL string
	// APIKey is sent as a bearer token; empty sends none.
	APIKey string
	// HTTP makes the requests; nil is http.DefaultClient.
	HTTP *http.Client
}

// Unreachable means that no router answers at an address.
type Unreachable struct {
	URL string
	Err error
}

// Error returns what to look for.
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

// reason is the cause without the request around it.
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

// DeadLetters returns up to limit dead letters that the filter lets through, from
// where an earlier page ended. A filter by ids is not supported: use DeadLetter.
func (c *Client) DeadLetters(ctx context.Context, f dlq.Filter, cursor string, limit int) (page dlq.Page, err error) {
	q := queryOf(f)
	q.Set("limit", strconv.Itoa(limit))
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return page, c.get(ctx, "/v1/deadletters", q, &page)
}

// DeadLetter returns one dead letter.
func (c *Client) DeadLetter(ctx context.Context, id string) (*dlq.Letter, error) {
	letter := new(dlq.Letter)
	return letter, c.get(ctx, "/v1/deadletters/"+url.PathEscape(id), nil, letter)
}

// Redrive begins to send dead letters again. The router continues with it, whoever
// watches.
func (c *Client) Redrive(ctx context.Context, req RedriveRequest) (j dlq.Job, err error) {
	req.DryRun = false
	return j, c.postJSON(ctx, "/v1/deadletters/redrive", req, &j)
}

// PreviewRedrive returns what a redrive would do now.
func (c *Client) PreviewRedrive(ctx context.Context, req RedriveRequest) (p dlq.Preview, err error) {
	req.DryRun = true
	return p, c.postJSON(ctx, "/v1/deadletters/redrive", req, &p)
}

// Redrives returns the redrives that the router knows of, the latest first.
func (c *Client) Redrives(ctx context.Context) ([]dlq.Job, error) {
	var list RedriveList
	err := c.get(ctx, "/v1/redrives", nil, &list)
	return list.Redrives, err
}

// RedriveJob returns a redrive as it stands.
func (c *Client) RedriveJob(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, c.get(ctx, "/v1/redrives/"+url.PathEscape(id), nil, &j)
}

// CancelRedrive stops a redrive; it has ended when its state says so.
func (c *Client) CancelRedrive(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, c.post(ctx, "/v1/redrives/"+url.PathEscape(id)+"/cancel", "", nil, &j)
}

// ResumeRedrive continues with a redrive that stopped or was cancelled.
func (c *Client) ResumeRedrive(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, c.post(ctx, "/v1/redrives/"+url.PathEscape(id)+"/resume", "", nil, &j)
}

// Purge drops dead letters for good.
func (c *Client) Purge(ctx context.Context, req PurgeRequest, report func(dlq.Progress)) (dlq.Progress, error) {
	return c.steps(ctx, "/v1/deadletters/purge", req, report)
}

// Explain returns which rules an event matches, and why the others do not. The
// event is one in any form that /v1/events takes as JSON, or {"id": …} of one
// already taken in. The bus may be empty.
func (c *Client) Explain(ctx context.Context, bus string, event []byte) (e Explanation, err error) {
	path := "/v1/explain"
	if bus != "" {
		path += "?" + url.Values{"bus": {bus}}.Encode()
	}
	return e, c.post(ctx, path, "application/json", event, &e)
}

// Backup returns a copy of the router's store, for backup.Receive. The caller closes it.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup", "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return c.do(ctx, http.MethodGet, path, "", nil, into)
}

func (c *Client) post(ctx context.Context, path, contentType string, body []byte, into any) error {
	return c.do(ctx, http.MethodPost, path, contentType, body, into)
}

func (c *Client) postJSON(ctx context.Context, path string, req, into any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return c.post(ctx, path, "application/json", body, into)
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, into any) error {
	resp, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: the answer is not what a router says: %w", method, remote.MaskURL(c.URL+path), err)
	}
	return nil
}

// steps makes a request that is answered line by line.
func (c *Client) steps(ctx context.Context, path string, req any, report func(dlq.Progress)) (dlq.Progress, error) {
	var last Step
	body, err := json.Marshal(req)
	if err != nil {
		return last.Progress, err
	}
	resp, err := c.send(ctx, http.MethodPost, path, "application/json", body)
	if err != nil {
		return last.Progress, err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); !last.Finished; {
		var step Step
		if err := dec.Decode(&step); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return last.Progress, fmt.Errorf("broken off after %d of %d: %w", last.Done, last.Total, err)
		}
		last = step
		if report != nil && !last.Finished {
			report(last.Progress)
		}
	}
	if last.Problem != nil {
		return last.Progress, fmt.Errorf("broken off after %d of %d: %w", last.Done, last.Total, last.Problem)
	}
	return last.Progress, nil
}

// send makes a request and turns every answer but a 2xx into an error.
func (c *Client) send(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	resp, err := c.request(ctx, method, path, contentType, body)
	if err != nil || resp.StatusCode/100 == 2 {
		return resp, err
	}
	defer resp.Body.Close()
	return nil, answerError(resp)
}

// request makes a request, whatever its answer.
func (c *Client) request(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address of the router: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.APIKey)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
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

func answerError(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("answered %s: %w", resp.Status, err)
	}
	var answer struct{ Error *Error }
	problem := (*Error)(nil)
	switch path := resp.Request.URL.Path; {
	case path == "/v1/events", path == "/v1/commands", path == "/v1/queries":
		problem = sendError(resp, text)
	case json.Unmarshal(text, &answer) == nil:
		problem = answer.Error
	}
	if problem == nil && strings.Contains(string(text), "HTTP request to an HTTPS server") {
		problem = &Error{Message: "the router speaks HTTPS", Hint: "write https:// in --url"}
	}
	if problem == nil {
		problem = &Error{Message: strings.TrimSpace("answered " + resp.Status + " " + string(text[:min(len(text), 300)]))}
	}
	problem.Status = resp.StatusCode
	if problem.Status == http.StatusUnauthorized && problem.Hint == "" {
		problem.Hint = "give a key with --api-key or SIGNALBOX_API_KEY"
	}
	return problem
}
