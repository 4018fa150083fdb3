package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"signalbox/event"
)

// eventBridge is a real SDK client of ingest at url.
func eventBridge(t *testing.T, url, accessKey string) *eventbridge.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return eventbridge.New(eventbridge.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, "secret", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 3
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

func entry(source, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: aws.String(source), DetailType: aws.String("OrderCreated"), Detail: aws.String(detail)}
}

func TestPutEventsWithTheSDK(t *testing.T) {
	router := new(fakeRouter)
	client := eventBridge(t, serve(t, router, Options{}), "key")
	first := entry("shop", `{"a":"é\n"}`)
	first.Time = aws.Time(time.Unix(1700000000, 250_000_000))
	first.Resources = []string{"r"}
	first.EventBusName = aws.String("orders")
	first.TraceHeader = aws.String("Root=1")
	out, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{
		Entries: []types.PutEventsRequestEntry{first, entry("", `{}`), entry("shop", `[]`), entry("shop", `{"b":1}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range out.Entries {
		got = append(got, aws.ToString(e.EventId)+aws.ToString(e.ErrorCode)+": "+aws.ToString(e.ErrorMessage))
	}
	want := []string{"id-1: ", "InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.",
		"MalformedDetail: Detail is malformed.", "id-2: "}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || out.FailedEntryCount != 2 {
		t.Errorf("got %q, want %q", got, want)
	}
	events := router.taken()
	if len(events) != 2 {
		t.Fatalf("%d events accepted, want 2", len(events))
	}
	e := events[0]
	if string(e.Detail) != `{"a":"é\n"}` || !e.Time.Equal(*first.Time) || e.Meta.Bus != "orders" || e.Meta.XRay != "Root=1" || e.Resources[0] != "r" {
		t.Errorf("got %+v", e)
	}
}

func TestUnknownBusWithTheSDK(t *testing.T) {
	router := &fakeRouter{accept: func(events []*event.Event) ([]error, error) {
		return []error{&event.Error{Code: event.CodeNotFound, Message: "Event bus x does not exist."}}, nil
	}}
	client := eventBridge(t, serve(t, router, Options{}), "key")
	out, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("s", "{}")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(out.Entries[0].ErrorCode); got != "ResourceNotFoundException" {
		t.Errorf("got %s", got)
	}
}

func TestRequestErrorsWithTheSDK(t *testing.T) {
	many := make([]types.PutEventsRequestEntry, 11)
	for i := range many {
		many[i] = entry("s", "{}")
	}
	const printed = "PutEventsRequestEntry(time=null, source=s, resources=null, detailType=OrderCreated, detail={}, eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)"
	large := entry("s", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`)
	tests := map[string]struct {
		accept  func([]*event.Event) ([]error, error)
		entries []types.PutEventsRequestEntry
		code    string
		message string
		tries   int32
	}{
		"11 entries": {nil, many, "ValidationException",
			"1 validation error detected: Value '[" + strings.Repeat(printed+", ", 10) + printed + "]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10", 1},
		"too large": {nil, []types.PutEventsRequestEntry{large}, "ValidationException", "Total size of the entries in the request is over the limit.", 1},
		"backlog": {func([]*event.Event) ([]error, error) { return nil, fmt.Errorf("router: %w", busy{}) },
			many[:1], "ThrottlingException", "router: the backlog is full", 3},
		"store": {func([]*event.Event) ([]error, error) { return nil, errors.New("disk full") },
			many[:1], "InternalFailure", "nothing was accepted: the events could not be stored; send them again", 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			door := New(&fakeRouter{accept: test.accept}, Options{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tries.Add(1)
				door.ServeHTTP(w, r)
			}))
			defer server.Close()
			_, err := eventBridge(t, server.URL, "key").PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: test.entries})
			var api smithy.APIError
			if !errors.As(err, &api) {
				t.Fatalf("not an API error: %v", err)
			}
			if api.ErrorCode() != test.code || api.ErrorMessage() != test.message {
				t.Errorf("got %s: %s", api.ErrorCode(), api.ErrorMessage())
			}
			if got := tries.Load(); got != test.tries {
				t.Errorf("%d tries, want %d", got, test.tries)
			}
		})
	}
}

func TestOtherOperations(t *testing.T) {
	client := eventBridge(t, serve(t, new(fakeRouter), Options{}), "key")
	_, err := client.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("x"), EventPattern: aws.String("{}")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnknownOperationException" || !strings.Contains(api.ErrorMessage(), "PutRule is not supported here") {
		t.Errorf("got %v", err)
	}
}

func TestAWSRequests(t *testing.T) {
	url := serve(t, new(fakeRouter), Options{MaxBody: 10_000})
	put := []string{"X-Amz-Target", "AWSEvents.PutEvents", "Content-Type", "application/x-amz-json-1.1"}
	tests := map[string]struct {
		method, body string
		headers      []string
		status       int
		want         string
	}{
		"fine": {"POST", `{"Entries":[{"Source":"s","DetailType":"T","Detail":"{}"}]}`, put, 200, `{"FailedEntryCount":0,"Entries":[{"EventId":"id-1"}]}`},
		"reason": {"POST", `{"Entries":[{"Source":"s","DetailType":"T","Detail":"{"}]}`, put, 200,
			`{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed.","Reason":"byte 1: expected a key in double quotes, but the text ends here"}]}`},
		"GET":       {"GET", ``, nil, 405, `{"__type":"MethodNotAllowed",`},
		"no target": {"POST", `{}`, nil, 400, `{"__type":"UnknownOperationException","message":"the header X-Amz-Target is missing`},
		"service":   {"POST", `{}`, []string{"X-Amz-Target", "DynamoDB.PutItem"}, 400, `{"__type":"UnknownOperationException",`},
		"form":      {"POST", `{}`, []string{"X-Amz-Target", "AWSEvents.PutEvents", "Content-Type", "text/plain"}, 415, `{"__type":"UnsupportedMediaTypeException",`},
		"broken":    {"POST", `{"Entries":`, put, 400, `{"__type":"SerializationException","message":"the body is not valid JSON: byte 11:`},
		"twice":     {"POST", `{"Entries":[{"Source":"s","Source":"s"}]}`, put, 400, `{"__type":"SerializationException","message":"Entries[0].Source is there twice`},
		"UTF-8":     {"POST", "{\"Entries\":\"\xff\"}", put, 400, `{"__type":"SerializationException","message":"the body is not valid JSON: byte 12: invalid UTF-8`},
		"deep":      {"POST", `{"Entries":` + strings.Repeat("[", 9000), put, 400, `{"__type":"SerializationException",`},
		"too large": {"POST", `{"x":"` + strings.Repeat("x", 10_000), put, 413, `{"__type":"RequestEntityTooLargeException",`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response, body := send(t, test.method, url+"/", test.body, test.headers...)
			if response.StatusCode != test.status || !strings.HasPrefix(body, test.want) {
				t.Errorf("got  %d %s\nwant %d %s", response.StatusCode, body, test.status, test.want)
			}
			if got := response.Header.Get("Content-Type"); got != awsContentType {
				t.Errorf("content type %q", got)
			}
			if id := response.Header.Get("X-Amzn-Requestid"); len(id) != 36 {
				t.Errorf("request id %q", id)
			}
			if kind := response.Header.Get("X-Amzn-Errortype"); (kind == "") != (test.status == 200) {
				t.Errorf("error type %q", kind)
			}
		})
	}
}

func TestBacklogTellsWhenToTryAgain(t *testing.T) {
	url := serve(t, &fakeRouter{accept: func([]*event.Event) ([]error, error) { return nil, busy{} }}, Options{})
	response, _ := send(t, "POST", url+"/", `{"Entries":[{"Source":"s","DetailType":"T","Detail":"{}"}]}`, "X-Amz-Target", "AWSEvents.PutEvents")
	if response.StatusCode != 429 || response.Header.Get("Retry-After") != "2" {
		t.Errorf("got %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
}

// discard is a ResponseWriter that keeps its header between requests.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkPutEvents(b *testing.B) {
	detail := `{"id":"` + strings.Repeat("0123456789", 57) + `","n":1}`
	one := fmt.Sprintf(`{"Source":"s","DetailType":"T","Detail":%q}`, detail)
	body := `{"Entries":[` + strings.Repeat(one+",", 9) + one + `]}`
	answers := make([]error, 10)
	door := New(&fakeRouter{accept: func(events []*event.Event) ([]error, error) {
		for _, e := range events {
			e.ID = "0197b6a0-0000-7000-8000-000000000001"
		}
		return answers, nil
	}}, Options{})
	w := discard{make(http.Header)}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
		door.ServeHTTP(w, r)
	}
}
