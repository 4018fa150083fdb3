package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"signalbox/auth"
	"signalbox/event"
	"signalbox/machine"
)

const testToken = "0123456789abcdef"

// guarded serves a door behind these keys and hosts.
func guarded(t *testing.T, router *fakeRouter, hosts *auth.Hosts, list ...auth.Key) string {
	t.Helper()
	keys, err := auth.NewKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	guard := NewGuard(keys, hosts, 0, func(*http.Request, string) {})
	server := httptest.NewServer(guard.Guard(New(router, Options{})))
	t.Cleanup(server.Close)
	return server.URL
}

func TestKeys(t *testing.T) {
	url := guarded(t, new(fakeRouter), nil,
		auth.Key{Token: "another-key-of-ours"},
		auth.Key{Name: "shop", Token: testToken, Rights: auth.Rights{Send: []string{"default", "shop-*"}}},
		auth.Key{Name: "reader", Token: "a-key-that-only-reads", Rights: auth.Rights{Held: []auth.Right{auth.Read}}},
		auth.Key{Token: "an-old-key-unsigned", Unsigned: true, Rights: auth.Rights{Held: []auth.Right{auth.Admin}}})
	const sigV4 = "AWS4-HMAC-SHA256 Credential=%/20240301/eu-west-1/events/aws4_request, SignedHeaders=host, Signature=0"
	tests := map[string]struct {
		query, authorization string
		status               int
	}{
		"none":             {"", "", 401},
		"bearer":           {"", "Bearer " + testToken, 200},
		"lower case":       {"", "bearer " + testToken, 200},
		"prefix":           {"", "Bearer " + testToken[:15], 401},
		"longer":           {"", "Bearer " + testToken + "x", 401},
		"empty":            {"", "Bearer ", 401},
		"basic":            {"", "Basic " + testToken, 401},
		"bare id":          {"", strings.Replace(sigV4, "%", testToken, 1), 401},
		"bare id allowed":  {"", strings.Replace(sigV4, "%", "an-old-key-unsigned", 1), 200},
		"unknown id":       {"", strings.Replace(sigV4, "%", "x", 1), 401},
		"no id":            {"", strings.Replace(sigV4, "%", "", 1), 401},
		"its bus":          {"?bus=shop-eu", "Bearer " + testToken, 200},
		"another bus":      {"?bus=audit", "Bearer " + testToken, 403},
		"no right":         {"", "Bearer a-key-that-only-reads", 403},
		"no rights at all": {"", "Bearer another-key-of-ours", 403},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response, body := send(t, "POST", url+"/v1/events"+test.query, envelope, "Content-Type", "application/json", "Authorization", test.authorization)
			if response.StatusCode != test.status || strings.Contains(body, testToken) {
				t.Errorf("got %d %s, want %d", response.StatusCode, body, test.status)
			}
			if asks := response.Header.Get("WWW-Authenticate") != ""; asks != (test.status == 401) {
				t.Errorf("WWW-Authenticate is there: %v", asks)
			}
		})
	}
}

// trying answers one operation, which reads.
type trying struct{}

func (trying) Right(operation string) auth.Right {
	if operation == "TestEventPattern" {
		return auth.Read
	}
	return ""
}

func (trying) Call(*http.Request, string, []byte) (any, error) {
	return struct{ Result bool }{true}, nil
}

// TestTryingOutNeedsTheRightToRead: a key that may only send learns nothing of patterns, and
// one without rights gets the same answer whatever buses and rules there are.
func TestTryingOutNeedsTheRightToRead(t *testing.T) {
	router := &fakeRouter{accept: func(evs []*event.Event) ([]error, error) {
		t.Errorf("the router was asked about %+v", evs[0])
		return make([]error, len(evs)), nil
	}}
	keys, err := auth.NewKeys([]auth.Key{
		{Name: "shop", Token: testToken, Rights: auth.Rights{Send: []string{"shop"}}},
		{Name: "none", Token: "a-key-without-rights"},
		{Name: "reader", Token: "a-key-that-only-reads", Rights: auth.Rights{Held: []auth.Right{auth.Read}}}})
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int32
	server := httptest.NewServer(NewGuard(keys, nil, 0, func(*http.Request, string) {}).Guard(New(router, Options{
		Control: trying{},
		Plan:    func(context.Context, *event.Event) (any, error) { return "the plan", nil },
		Refused: func(*http.Request, string) { refused.Add(1) },
	})))
	t.Cleanup(server.Close)
	ask := func(token, operation, body string) string {
		response, answer := send(t, "POST", server.URL+"/", body, "Authorization", "Bearer "+token, "Content-Type", awsContentType, "X-Amz-Target", "AWSEvents."+operation)
		return fmt.Sprint(response.StatusCode, answer)
	}
	put := func(bus string) string {
		return `{"Entries":[{"Source":"s","DetailType":"T","Detail":"{}","EventBusName":"` + bus + `"},{"Source":"s"}]}`
	}
	const denied = `{"__type":"AccessDeniedException","message":"the key \"%s\" %s: add it to the key's rights%s"}`
	for name, test := range map[string]struct{ got, want string }{
		"a pattern, read": {ask("a-key-that-only-reads", "TestEventPattern", "{}"), `200{"Result":true}`},
		"a pattern, send": {ask(testToken, "TestEventPattern", "{}"), "400" + fmt.Sprintf(denied, "shop", "has no right to read, which TestEventPattern needs", "")},
		"a pattern, none": {ask("a-key-without-rights", "TestEventPattern", "{"), "400" + fmt.Sprintf(denied, "none", "has no right to read, which TestEventPattern needs", "")},
		"a bus, none":     {ask("a-key-without-rights", "PutEvents", put("shop")), "400" + fmt.Sprintf(denied, "none", `may not send to bus \"shop\"`, ", under send")},
		"no bus, none":    {ask("a-key-without-rights", "PutEvents", put("nowhere")), "400" + fmt.Sprintf(denied, "none", `may not send to bus \"nowhere\"`, ", under send")},
		"a bus, read":     {ask("a-key-that-only-reads", "PutEvents", put("shop")), "400" + fmt.Sprintf(denied, "reader", `may not send to bus \"shop\"`, ", under send")},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", name, test.got, test.want)
		}
	}
	if response, answer := send(t, "POST", server.URL+"/v1/events?dry_run=true&bus=shop", envelope, "Content-Type", "application/json", "Authorization", "Bearer "+testToken); response.StatusCode != 403 || strings.Contains(answer, "the plan") {
		t.Errorf("a dry run without the right: %d %s", response.StatusCode, answer)
	}
	if n := refused.Load(); n != 6 {
		t.Errorf("%d refusals were told, want 6", n)
	}
}

// TestSignaturesOfTheSDK signs with a real client, and changes what it sends on the way.
func TestSignaturesOfTheSDK(t *testing.T) {
	const id, secret = "AKIDSHOP", "0123456789abcdef0123456789abcdef"
	router := new(fakeRouter)
	url := guarded(t, router, nil, auth.Key{Name: "shop", ID: id, Secret: secret, Rights: auth.Rights{Send: []string{"default"}}})
	put := func(id, secret, bus string, change func(*http.Request)) string {
		t.Helper()
		client := eventbridge.New(eventbridge.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
			HTTPClient: &http.Client{Transport: changing(change)}, RetryMaxAttempts: 1,
		})
		e := entry("s", "{}")
		if bus != "" {
			e.EventBusName = &bus
		}
		_, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{e}})
		var fault smithy.APIError
		if errors.As(err, &fault) {
			return fault.ErrorCode()
		}
		if err != nil {
			return err.Error()
		}
		return ""
	}
	same := func(*http.Request) {}
	for name, test := range map[string]struct{ got, want string }{
		"signed":             {put(id, secret, "", same), ""},
		"another secret":     {put(id, secret+"x", "", same), "InvalidSignatureException"},
		"another id":         {put("AKIDOTHER", secret, "", same), "UnrecognizedClientException"},
		"another bus":        {put(id, secret, "audit", same), "AccessDeniedException"},
		"another host":       {put(id, secret, "", func(r *http.Request) { r.Host = "other.test" }), "InvalidSignatureException"},
		"another path":       {put(id, secret, "", func(r *http.Request) { r.URL.RawQuery = "x=1" }), "InvalidSignatureException"},
		"another target":     {put(id, secret, "", func(r *http.Request) { r.Header.Set("X-Amz-Target", "AWSEvents.TestEventPattern") }), "InvalidSignatureException"},
		"another date":       {put(id, secret, "", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }), "InvalidSignatureException"},
		"a CloudEvent of it": {put(id, secret, "", func(r *http.Request) { r.Header.Set("Ce-Id", "1") }), "InvalidSignatureException"},
		"a test of it":       {put(id, secret, "", func(r *http.Request) { r.Header.Set("X-Signalbox-Synthetic", "true") }), "InvalidSignatureException"},
		"an unsigned header": {put(id, secret, "", func(r *http.Request) { r.Header.Set("X-Proxy", "1") }), ""},
		"another body": {put(id, secret, "", func(r *http.Request) {
			body := `{"Entries":[{"Source":"evil","DetailType":"T","Detail":"{}"}]}`
			r.Body, r.ContentLength = http.NoBody, 0
			r.Body = readCloser{strings.NewReader(body)}
			r.ContentLength = int64(len(body))
		}), "InvalidSignatureException"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", name, test.got, test.want)
		}
	}
	if n := len(router.taken()); n != 2 {
		t.Errorf("%d events were taken, want 2", n)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// changing changes each request after it has been signed.
type changing func(*http.Request)

func (c changing) RoundTrip(r *http.Request) (*http.Response, error) {
	c(r)
	return http.DefaultTransport.RoundTrip(r)
}

func TestHosts(t *testing.T) {
	url := guarded(t, new(fakeRouter), &auth.Hosts{Names: []string{"events.internal", "10.0.0.7:8080"}})
	for host, status := range map[string]int{
		"": 200, "localhost:1": 200, "LOCALHOST.": 200, "[::1]:8080": 200, "127.9.9.9": 200, "events.internal:9": 200, "10.0.0.7": 200,
		"evil.test": 421, "evil.test:8080": 421, "localhost.evil.test": 421, "127.0.0.1.evil.test": 421, "10.0.0.8": 421, "0.0.0.0": 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/v1/events", strings.NewReader(envelope))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: %d, want %d", host, response.StatusCode, status)
		}
	}
}

// TestASignedBodyThatNeverComes is waited for no longer than any other: whoever knows the id of
// a key, which is no secret, can begin one.
func TestASignedBodyThatNeverComes(t *testing.T) {
	keys, err := auth.NewKeys([]auth.Key{{Name: "shop", ID: "AKIDSHOP", Secret: "0123456789abcdef0123456789abcdef"}})
	if err != nil {
		t.Fatal(err)
	}
	guard := NewGuard(keys, nil, 0, func(*http.Request, string) {})
	server, err := NewServer(guard.Guard(New(new(fakeRouter), Options{})), ServerOptions{Listen: "127.0.0.1:0", AllowUnauthenticated: true, ReadTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	defer func() { _ = server.Stop(context.Background()) }()
	c, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Now().UTC().Format("20060102T150405Z")
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nX-Amz-Date: %s\r\nAuthorization: AWS4-HMAC-SHA256 "+
		"Credential=AKIDSHOP/%s/eu/events/aws4_request, SignedHeaders=host;x-amz-date, Signature=0\r\n\r\n{", now, now[:8])
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") {
		t.Errorf("answered %q, %v", answer, err)
	}
}

// TestGuessesKeepNobodyOut: a refusal that is held back takes no place of those that have a key.
func TestGuessesKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load := NewLoad(16, machine.Memory{Bodies: 1 << 20, Work: 1 << 20}, nil)
		keys, err := auth.NewKeys([]auth.Key{{Token: testToken}})
		if err != nil {
			t.Fatal(err)
		}
		handler := load.Bound(NewGuard(keys, nil, 0, func(*http.Request, string) {}).Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		asking := func(token string) *http.Request {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/targets", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			return r
		}
		for range 10 * load.management.most {
			go handler.ServeHTTP(httptest.NewRecorder(), asking("wrong"))
		}
		synctest.Wait() // all wait for their refusal
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, asking(testToken)); answer.Code != http.StatusOK {
			t.Errorf("who has a key: %d %s", answer.Code, answer.Body)
		}
		time.Sleep(refusalWait)
		synctest.Wait()
	})
}
