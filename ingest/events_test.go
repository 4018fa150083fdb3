package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"signalbox/event"
)

const envelope = `{"source":"s","detail-type":"T","detail":{"a":1}}`

// cloudEvent is one as the CloudEvents SDK makes it.
func cloudEvent(t *testing.T) cloudevents.Event {
	t.Helper()
	e := cloudevents.NewEvent()
	e.SetID("ce-1")
	e.SetSource("/shop")
	e.SetType("com.example.created.v1")
	e.SetSubject("größe 100%")
	e.SetExtension("partitionkey", "p")
	if err := e.SetData(cloudevents.ApplicationJSON, map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCloudEventsSDK(t *testing.T) {
	for name, mode := range map[string]func(context.Context) context.Context{
		"binary":     binding.WithForceBinary,
		"structured": binding.WithForceStructured,
	} {
		t.Run(name, func(t *testing.T) {
			router := new(fakeRouter)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			client, err := cloudevents.NewClientHTTP(cehttp.WithTarget(serve(t, router, Options{})+"/v1/events"), cehttp.WithRoundTripper(transport))
			if err != nil {
				t.Fatal(err)
			}
			if result := client.Send(mode(t.Context()), cloudEvent(t)); !protocol.IsACK(result) {
				t.Fatalf("not acknowledged: %v", result)
			}
			checkCloudEvent(t, router.taken())
		})
	}
}

func TestCloudEventsSDKBatch(t *testing.T) {
	router := new(fakeRouter)
	request, err := cehttp.NewHTTPRequestFromEvents(t.Context(), serve(t, router, Options{})+"/v1/events", []cloudevents.Event{cloudEvent(t)})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	checkCloudEvent(t, router.taken())
}

func checkCloudEvent(t *testing.T, events []*event.Event) {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("%d events accepted, want 1", len(events))
	}
	e := events[0]
	if e.ID != "ce-1" || e.Source != "/shop" || e.DetailType != "com.example.created.v1" || string(e.Detail) != `{"a":1}` ||
		e.Meta.PartitionKey != "p" || e.Meta.SchemaVersion != "1" {
		t.Errorf("got %+v", e)
	}
	var back cloudevents.Event
	if err := back.UnmarshalJSON(e.AppendCloudEvent(nil)); err != nil {
		t.Fatal(err)
	}
	if err := back.Validate(); err != nil {
		t.Error(err)
	}
	if back.Subject() != "größe 100%" {
		t.Errorf("subject %q", back.Subject())
	}
}

func TestEvents(t *testing.T) {
	jsonType := []string{"Content-Type", "application/json; charset=utf-8"}
	deep := strings.Repeat(`{"a":`, 10_000)
	tests := map[string]struct {
		method, query, body string
		headers             []string
		status              int
		want                string
	}{
		"one":      {"POST", "", envelope, jsonType, 200, `{"events":[{"id":"id-1"}]}`},
		"array":    {"POST", "", "[" + envelope + "," + envelope + "]", jsonType, 200, `{"events":[{"id":"id-1"},{"id":"id-2"}]}`},
		"own id":   {"POST", "", `{"id":"mine",` + envelope[1:], jsonType, 200, `{"events":[{"id":"mine"}]}`},
		"one bad":  {"POST", "", "[" + envelope + `,{"source":"s"}]`, jsonType, 400, `{"error":{"code":"InvalidArgument","message":"1 of 2 events are not valid, and none was accepted: fix or remove them"},"events":[{},{"error":{"code":"InvalidArgument","message":"[1]: detail-type: is required and must not be empty","details":{"path":"[1].detail-type"}}}]}`},
		"dry run":  {"POST", "?dry_run=true", envelope, jsonType, 200, `{"dry_run":true,"events":[{"plan":{"would":"go"}}]}`},
		"misspelt": {"POST", "?dryrun=true", envelope, jsonType, 400, `{"error":{"code":"InvalidArgument","message":"query: unknown parameter \"dryrun\": dry_run, synthetic and bus are known","details":{"path":"query"}}}`},
		"boolean":  {"POST", "?synthetic=yes", envelope, jsonType, 400, `{"error":{"code":"InvalidArgument","message":"query: synthetic: \"yes\" is neither true nor false","details":{"path":"query"}}}`},
		"curl":     {"POST", "", envelope, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `{"error":{"code":"UnsupportedMediaType","message":"Content-Type \"application/x-www-form-urlencoded\" is not supported`},
		"avro":     {"POST", "", "x", []string{"Content-Type", "application/cloudevents+avro"}, 415, `{"error":{"code":"UnsupportedMediaType",`},
		"charset":  {"POST", "", envelope, []string{"Content-Type", "application/json; charset=latin1"}, 415, `{"error":{"code":"UnsupportedMediaType",`},
		"encoding": {"POST", "", envelope, append([]string{"Content-Encoding", "br"}, jsonType...), 415, `{"error":{"code":"UnsupportedContentEncoding",`},
		"not gzip": {"POST", "", envelope, append([]string{"Content-Encoding", "gzip"}, jsonType...), 400, `{"error":{"code":"SerializationException","message":"the body can't be read: gzip: invalid header"}}`},
		"GET":      {"GET", "", "", nil, 405, `{"error":{"code":"MethodNotAllowed",`},
		"path":     {"POST", "/x", envelope, jsonType, 404, `{"error":{"code":"NotFound",`},
		"UTF-8":    {"POST", "", "{\"source\":\"\xff\"}", jsonType, 400, `{"error":{"code":"SerializationException","message":"the body is not valid JSON: byte 11: invalid UTF-8: 0xff (send the text in UTF-8)","details":{"offset":11}}}`},
		"twice":    {"POST", "", `{"source":"s","source":"s"}`, jsonType, 400, `{"error":{"code":"InvalidArgument","message":"source: this key is there twice; send it once","details":{"path":"source"}}}`},
		"deep":     {"POST", "", deep, jsonType, 400, `{"error":{"code":"SerializationException","message":"the body is not valid JSON: byte 5005: objects and arrays nest deeper than 1000 levels`},
		"no batch": {"POST", "", " [ ] ", []string{"Content-Type", "application/cloudevents-batch+json"}, 200, `{"events":[]}`},
		"a mark":   {"POST", "", "\xef\xbb\xbf" + envelope, jsonType, 200, `{"events":[{"id":"id-1"}]}`},
		"binary":   {"POST", "", "x", []string{"ce-id", "1"}, 400, `{"error":{"code":"InvalidArgument","message":"specversion: is required and must not be empty","details":{"path":"specversion"}}}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			router := new(fakeRouter)
			url := serve(t, router, Options{Plan: func(context.Context, *event.Event) (any, error) {
				return map[string]string{"would": "go"}, nil
			}})
			response, body := send(t, test.method, url+"/v1/events"+test.query, test.body, test.headers...)
			if response.StatusCode != test.status || !strings.HasPrefix(body, test.want) {
				t.Errorf("got  %d %s\nwant %d %s", response.StatusCode, body, test.status, test.want)
			}
			if accepted := len(router.taken()) > 0; accepted != strings.Contains(body, `"id":`) {
				t.Errorf("accepted %d events, answered %s", len(router.taken()), body)
			}
		})
	}
}

func TestEventsErrorsOfTheRouter(t *testing.T) {
	tests := map[string]struct {
		errs   []error
		err    error
		status int
		want   string
	}{
		"bus":     {errs: []error{&event.Error{Code: event.CodeNotFound, Message: "no bus x"}}, status: 404, want: `{"error":{"code":"ResourceNotFoundException","message":"no bus x"},"events":[{"error":`},
		"backlog": {err: busy{}, status: 429, want: `{"error":{"code":"ThrottlingException","message":"the backlog is full"}}`},
		"store":   {err: errors.New("secret path"), status: 503, want: `{"error":{"code":"InternalFailure","message":"nothing was accepted: the events could not be stored; send them again"}}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			url := serve(t, &fakeRouter{accept: func([]*event.Event) ([]error, error) { return test.errs, test.err }}, Options{})
			response, body := send(t, "POST", url+"/v1/events", envelope, "Content-Type", "application/json")
			if response.StatusCode != test.status || !strings.HasPrefix(body, test.want) {
				t.Errorf("got  %d %s\nwant %d %s", response.StatusCode, body, test.status, test.want)
			}
			if retry := response.Header.Get("Retry-After"); (retry != "") != (test.err != nil) {
				t.Errorf("Retry-After %q", retry)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	router := new(fakeRouter)
	url := serve(t, router, Options{}) + "/v1/events"
	send(t, "POST", url+"?bus=orders", envelope, "Content-Type", "application/json", "traceparent", parent, "tracestate", "a=b",
		"X-Amzn-Trace-Id", "Root=1", "X-Correlation-Id", "c", HeaderSynthetic, "true", "X-Signalbox-Hops", "4", "X-Signalbox-Path", "e-1;T;b;r;t")
	send(t, "POST", url+"?synthetic=true", `{"source":"s","detail-type":"T","trace-header":"Root=2","detail":{"metadata":{"correlationId":"own"}}}`,
		"Content-Type", "application/json", "traceparent", "nonsense", "tracestate", "a=b", "X-Amzn-Trace-Id", "Root=1", "X-Correlation-Id", "c")
	events := router.taken()
	if len(events) != 2 {
		t.Fatalf("%d events, want 2", len(events))
	}
	m := events[0].Meta
	if m.TraceParent != parent || m.TraceState != "a=b" || m.XRay != "Root=1" || m.CorrelationID != "c" || !m.Synthetic || m.Bus != "orders" || m.Hops != 4 || len(m.Path) != 1 {
		t.Errorf("headers: got %+v", m)
	}
	m = events[1].Meta
	if m.TraceParent != "" || m.TraceState != "" || m.XRay != "Root=2" || m.CorrelationID != "own" || !m.Synthetic {
		t.Errorf("the event's own: got %+v", m)
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	url := serve(t, new(fakeRouter), Options{MaxBody: 1000}) + "/v1/events"
	response, body := send(t, "POST", url, zipped(t, envelope), "Content-Type", "application/json", "Content-Encoding", "gzip")
	if response.StatusCode != 200 {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	bomb := zipped(t, strings.Repeat(" ", 100_000))
	response, body = send(t, "POST", url, bomb, "Content-Type", "application/json", "Content-Encoding", "gzip")
	if len(bomb) > 1000 || response.StatusCode != 413 {
		t.Errorf("a bomb of %d bytes: got %d %s", len(bomb), response.StatusCode, body)
	}
}

func TestHandshake(t *testing.T) {
	url := serve(t, new(fakeRouter), Options{}) + "/v1/events"
	response, _ := send(t, "OPTIONS", url, "", "WebHook-Request-Origin", "eventemitter.example.com", "WebHook-Request-Rate", "120")
	if response.StatusCode != 200 || response.Header.Get("WebHook-Allowed-Origin") != "eventemitter.example.com" ||
		response.Header.Get("WebHook-Allowed-Rate") != "120" || response.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("got %d %v", response.StatusCode, response.Header)
	}
}
