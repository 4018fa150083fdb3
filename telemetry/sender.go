package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"google.golang.org/protobuf/encoding/protowire"
)

// sender makes requests of spans, as https://opentelemetry.io/docs/specs/otlp/ says.
type sender struct {
	url     string
	headers map[string]string
	writer  *gzip.Writer // nil where bodies are not compressed
	timeout time.Duration
	client  *retryablehttp.Client
	version string
	// resource and scope are encoded: what the spans are of, and who has made them.
	resource, scope []byte
	// base ends when nothing more may be sent.
	base    context.Context
	abandon context.CancelFunc
}

// The tries of one request, and the waits between them where the receiver asks for none.
const (
	maxTries = 5
	minWait  = 500 * time.Millisecond
	maxWait  = 5 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 10
)

func newSender(o Options) (*sender, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxAnswer
	if o.CAFile != "" {
		roots, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("ca_file: %s has no certificate in PEM", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client.RetryMax, client.RetryWaitMin, client.RetryWaitMax = maxTries-1, minWait, maxWait
	client.CheckRetry, client.ErrorHandler = checkRetry, retryablehttp.PassthroughErrorHandler
	client.Backoff = func(least, most time.Duration, n int, resp *http.Response) time.Duration {
		return min(retryablehttp.DefaultBackoff(least, most, n, resp), most) // Retry-After has no say beyond that
	}
	s := &sender{url: o.Endpoint, headers: o.Headers, timeout: o.Timeout, version: o.Version, client: client}
	if o.Compression != "none" {
		s.writer, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	s.base, s.abandon = context.WithCancel(context.Background())
	for _, a := range o.resource() {
		s.resource = a.append(s.resource, 1)
	}
	s.scope = appendText(appendText(nil, 1, "signalbox"), 2, o.Version)
	return s, nil
}

// checkRetry tells what is tried again: what OTLP says of statuses, and connections that broke.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	}
	return false, nil
}

// send sends spans in one request, which is tried again for as long as there is time. It
// returns how many of them the receiver has refused.
func (s *sender) send(spans [][]byte) (refused int64, err error) {
	body := s.encode(spans)
	if s.writer != nil {
		body = s.gzipped(body)
	}
	ctx, cancel := context.WithTimeout(s.base, s.timeout)
	defer cancel()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, s.url, body)
	if err != nil {
		return 0, err
	}
	for name, value := range s.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "signalbox/"+s.version)
	if s.writer != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 != 2:
		return 0, fmt.Errorf("the receiver answers %d %s", resp.StatusCode, excerpt(answer, resp.Header.Get("Content-Type")))
	case err != nil:
		return 0, fmt.Errorf("the receiver's answer: %w", err)
	}
	return rejected(answer), nil
}

// encode returns an ExportTraceServiceRequest of encoded spans.
func (s *sender) encode(spans [][]byte) []byte {
	size := 0
	for _, span := range spans {
		size += len(span) + 4
	}
	scoped := appendBytes(make([]byte, 0, size+len(s.scope)+8), 1, s.scope)
	for _, span := range spans {
		scoped = appendBytes(scoped, 2, span)
	}
	all := appendBytes(make([]byte, 0, len(scoped)+len(s.resource)+16), 1, s.resource)
	all = appendBytes(all, 2, scoped)
	return appendBytes(make([]byte, 0, len(all)+8), 1, all)
}

// gzipped compresses a body, in memory that is used again.
func (s *sender) gzipped(body []byte) []byte {
	var out bytes.Buffer
	s.writer.Reset(&out)
	_, err := s.writer.Write(body)
	if errors.Join(err, s.writer.Close()) != nil {
		panic(err) // memory takes everything
	}
	return out.Bytes()
}

// excerpt returns the beginning of an answer in words; nothing of one that is not text.
func excerpt(answer []byte, contentType string) string {
	if !strings.HasPrefix(contentType, "text/") && !strings.HasPrefix(contentType, "application/json") {
		return ""
	}
	return text(strings.Join(strings.Fields(string(answer)), " "))
}

// rejected reads how many spans an ExportTraceServiceResponse says were refused; none where it
// says nothing that can be read: partial_success is field 1, and its rejected_spans field 1.
func rejected(answer []byte) int64 {
	partial, ok := field(answer, protowire.BytesType)
	if !ok {
		return 0
	}
	inner, _ := protowire.ConsumeBytes(partial)
	count, ok := field(inner, protowire.VarintType)
	if !ok {
		return 0
	}
	n, _ := protowire.ConsumeVarint(count)
	return int64(n)
}

// field returns the bytes from the value of field 1 of a message on.
func field(message []byte, wanted protowire.Type) ([]byte, bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return nil, false
		}
		if number == 1 && kind == wanted {
			return message, true
		}
		message = message[size:]
	}
	return nil, false
}
