package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.uber.org/goleak"

	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/amazon"
	"signalbox/targets/egress"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/000000000000/"

func config(endpoint, queue string) sources.Config {
	o := &Options{Access: amazon.Access{Endpoint: endpoint, AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI"}}
	o.URL = "sqs://us-east-1" + path + queue
	return sources.Config{Name: "orders", Kind: Kind(), Type: "sqs", Options: o, Map: &sources.Map{DetailType: `subject + "/" + headers["X-N"]`}}
}

// server is a server of a test, and its queues.
type server struct {
	t        testing.TB
	endpoint string
	client   *awssqs.Client
	make     func(name string, attributes ...string)
}

func start(t testing.TB) *server {
	t.Helper()
	s := targetstest.StartFauxQS(t)
	return &server{t, s.Endpoint, s.Client, s.Queue}
}

// send sends messages whose bodies are {"n": 0} and so on: to a FIFO queue in so many groups.
func (s *server) send(queue string, n, groups int) {
	s.t.Helper()
	url := s.endpoint + path + queue
	for i := 0; i < n; i += perRequest {
		var entries []types.SendMessageBatchRequestEntry
		for k := i; k < min(i+perRequest, n); k++ {
			e := types.SendMessageBatchRequestEntry{
				Id: aws.String(fmt.Sprint(k)), MessageBody: aws.String(fmt.Sprintf(`{"n": %d}`, k)),
				MessageAttributes: map[string]types.MessageAttributeValue{"X-N": {DataType: aws.String("Number"), StringValue: aws.String(fmt.Sprint(k))}},
			}
			if groups > 0 {
				e.MessageGroupId, e.MessageDeduplicationId = aws.String(fmt.Sprint(k%groups)), e.Id
			}
			entries = append(entries, e)
		}
		out, err := s.client.SendMessageBatch(s.t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			s.t.Fatal(out, err)
		}
	}
}

// visible returns how many messages other readers of a queue get, and hides them from all.
func (s *server) visible(queue string) (n int) {
	s.t.Helper()
	url := s.endpoint + path + queue
	for {
		out, err := s.client.ReceiveMessage(s.t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: perRequest, VisibilityTimeout: 600})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return n
		}
		n += len(out.Messages)
	}
}

// empty checks that a queue has no messages, also none that somebody has in hand.
func (s *server) empty(queue string) {
	s.t.Helper()
	url := s.endpoint + path + queue
	out, err := s.client.GetQueueAttributes(s.t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{visibleMessages, inFlight}})
	if err != nil || out.Attributes[string(visibleMessages)] != "0" || out.Attributes[string(inFlight)] != "0" {
		s.t.Errorf("%s has %v; %v", queue, out, err)
	}
}

func stop(t *testing.T, s *sources.Supervisor) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesBecomeEvents(t *testing.T) {
	s := start(t)
	for name, wait := range map[string]string{"orders": "0", "waiting": "20"} {
		t.Run(name, func(t *testing.T) {
			s.make(name, "ReceiveMessageWaitTimeSeconds", wait)
			s.send(name, 600, 0)
			router := sourcestest.NewRouter(t)
			sup := sourcestest.Run(t, router, config(s.endpoint, name))
			router.Await(600)
			router.Each(600)
			for _, e := range router.Events() {
				if n := strings.Trim(string(e.Detail), `{"n: }`); e.DetailType != name+"/"+n || !strings.HasPrefix(e.Meta.DedupKey, "sqs/us-east-1/000000000000/"+name+"/") {
					t.Fatalf("got %s %s %s", e.DetailType, e.Detail, e.Meta.DedupKey)
				}
			}
			sourcestest.Until(t, "all is deleted", func() bool { return sup.Statuses()[0].Accepted == 600 })
			if router.Tries() > 10 {
				t.Errorf("600 messages came in %d batches", router.Tries())
			}
			stop(t, sup)
			s.empty(name)
		})
	}
}

// failing stands before a server, and says of the first entry that it could not be deleted, as
// often as it is told to.
func failing(t *testing.T, s *server, times int64) (endpoint string) {
	var left atomic.Int64
	left.Store(times)
	var front *httptest.Server
	front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		body = bytes.ReplaceAll(body, []byte(front.URL), []byte(s.endpoint))
		if q.Header.Get("X-Amz-Target") != "AmazonSQS.DeleteMessageBatch" || left.Add(-1) < 0 {
			s.forward(w, q, body)
			return
		}
		var in awssqs.DeleteMessageBatchInput
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		out := map[string]any{"Failed": []any{map[string]any{"Id": in.Entries[0].Id, "Code": "InternalError", "Message": "try it later", "SenderFault": false}}}
		if in.Entries = in.Entries[1:]; len(in.Entries) > 0 {
			done, err := s.client.DeleteMessageBatch(q.Context(), &in)
			if err != nil {
				t.Error(err)
				return
			}
			out["Successful"] = done.Successful
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// forward lets the server answer.
func (s *server) forward(w http.ResponseWriter, q *http.Request, body []byte) {
	behind, err := http.NewRequestWithContext(q.Context(), q.Method, s.endpoint, bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	behind.Header = q.Header.Clone()
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(behind)
	if err != nil {
		return // the request was given up
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func TestFIFO(t *testing.T) {
	s := start(t)
	for name, tt := range map[string]struct {
		fails int64
		dup   bool
	}{"all-well": {0, false}, "some-again": {tries - 1, false}, "fails": {tries, true}} {
		t.Run(name, func(t *testing.T) {
			queue := name + ".fifo"
			s.make(queue, "FifoQueue", "true")
			s.send(queue, 100, 7)
			router := sourcestest.NewRouter(t)
			sup := sourcestest.Run(t, router, config(failing(t, s, tt.fails), queue))
			router.Await(100)
			router.Each(100)
			last := map[int]int{}
			for _, e := range router.Events() {
				var d struct{ N int }
				if err := json.Unmarshal(e.Detail, &d); err != nil {
					t.Fatal(err)
				}
				if before, ok := last[d.N%7]; ok && d.N <= before {
					t.Errorf("%d came after %d", d.N, before)
				}
				last[d.N%7] = d.N
			}
			sourcestest.Until(t, "nothing is left", func() bool { lag := sup.Statuses()[0].Lag; return lag != nil && *lag == 0 })
			if st := sup.Statuses()[0]; (st.Duplicates > 0) != tt.dup || (st.Errors > 0) != tt.dup {
				t.Errorf("%d duplicates, %d errors", st.Duplicates, st.Errors)
			}
			stop(t, sup)
			s.empty(queue)
		})
	}
}

func TestABusyRouter(t *testing.T) {
	s := start(t)
	t.Run("messages stay hidden", func(t *testing.T) {
		s.make("held", "VisibilityTimeout", "1")
		s.send("held", 60, 0)
		router := sourcestest.NewRouter(t)
		router.Refuse(sourcestest.Busy{})
		sup := sourcestest.Run(t, router, config(s.endpoint, "held"))
		// It tries once a second: longer than minVisible.
		sourcestest.Until(t, "it has tried often", func() bool { return router.Tries() > 8 })
		if n := s.visible("held"); n > 0 {
			t.Errorf("%d messages came again", n)
		}
		router.Refuse(nil)
		router.Await(60)
		router.Each(60)
		sourcestest.Until(t, "all is deleted", func() bool { return sup.Statuses()[0].Accepted == 60 })
		if st := sup.Statuses()[0]; st.Duplicates > 0 || st.Errors > 0 {
			t.Errorf("%d duplicates, %d errors", st.Duplicates, st.Errors)
		}
		stop(t, sup)
		s.empty("held")
	})
	t.Run("a stop gives back", func(t *testing.T) {
		s.make("back", "VisibilityTimeout", "600")
		s.send("back", 60, 0)
		router := sourcestest.NewRouter(t)
		router.Refuse(sourcestest.Busy{})
		sup := sourcestest.Run(t, router, config(s.endpoint, "back"))
		sourcestest.Until(t, "it waits", func() bool { return sup.Statuses()[0].State == sources.StateBusy })
		if n := s.visible("back"); n > 0 {
			t.Fatalf("%d messages were not fetched", n)
		}
		stop(t, sup)
		if n := s.visible("back"); n != 60 {
			t.Errorf("%d messages were given back", n)
		}
	})
}

func TestAServerThatIsKilled(t *testing.T) {
	f := targetstest.StartFauxQS(t)
	s := &server{t, f.Endpoint, f.Client, f.Queue}
	s.make("orders")
	router := sourcestest.NewRouter(t)
	sup := sourcestest.Run(t, router, config(s.endpoint, "orders"))
	sourcestest.Until(t, "it runs", func() bool { return sup.Statuses()[0].State == sources.StateRunning })
	f.Kill()
	sourcestest.Until(t, "it fails", func() bool { return sup.Statuses()[0].State == sources.StateFailing })
	router.Pause(true)
	sup.Refresh()
	f.Start()
	s.make("orders")
	s.send("orders", 20, 0)
	router.Pause(false) // which tries at once
	sup.Refresh()
	router.Await(20)
	router.Each(20)
}

// fake answers as it is told to: fauxqs checks no keys.
func fake(t *testing.T, answer func(w http.ResponseWriter, q *http.Request, operation string)) (endpoint string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, operation, _ := strings.Cut(q.Header.Get("X-Amz-Target"), ".")
		answer(w, q, operation)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAStopEndsTheWait hangs where a stop does not end the request.
func TestAStopEndsTheWait(t *testing.T) {
	waits := make(chan bool, 1)
	sup := sourcestest.Run(t, sourcestest.NewRouter(t), config(fake(t, func(w http.ResponseWriter, q *http.Request, operation string) {
		if operation == "ReceiveMessage" {
			waits <- true
			<-q.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"Attributes":{"VisibilityTimeout":"30","ReceiveMessageWaitTimeSeconds":"0","ApproximateNumberOfMessages":"0","ApproximateNumberOfMessagesNotVisible":"0"}}`)
	}), "orders"))
	<-waits
	stop(t, sup)
}

func TestErrors(t *testing.T) {
	s := start(t)
	refuses := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"__type":"InvalidClientTokenId","message":"no such key: wJalrXUtnFEMI"}`)
	})
	odd := fake(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, `{"Attributes":{"VisibilityTimeout":"-1"}}`)
	})
	guard, err := egress.New(egress.Policy{Deny: []string{egress.Private}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		endpoint string
		env      sources.Env
		want     string
	}{
		"no queue":      {s.endpoint, sources.Env{}, `queue "none" at sqs://us-east-1/000000000000/none: `},
		"a hint":        {s.endpoint, sources.Env{}, "(status 400): make it, or name another"},
		"a wrong key":   {refuses, sources.Env{}, "InvalidClientTokenId: no such key: *** (status 403)"},
		"nobody there":  {"http://127.0.0.1:1", sources.Env{}, "refused"},
		"an odd answer": {odd, sources.Env{}, "the answer's VisibilityTimeout is no number"},
		"egress":        {s.endpoint, sources.Env{Egress: guard}, "may not connect"},
	} {
		if err := try(t, config(tt.endpoint, "none"), tt.env); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "wJalr") {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// try connects once.
func try(t *testing.T, c sources.Config, env sources.Env) error {
	t.Helper()
	s, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	opener, err := s.Kind.New(&s.Config, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := opener.Open(ctx)
	if err != nil {
		return opener.Hide(err)
	}
	conn.Close()
	return nil
}

func TestMessage(t *testing.T) {
	m := message("orders", "here", &types.Message{
		Body: aws.String("hello"), MessageId: aws.String("m-1"), ReceiptHandle: aws.String("r"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"X-Team": {StringValue: aws.String("blue")}, "n": {StringValue: aws.String("5")}, "Raw": {BinaryValue: []byte("a\xff")}, "none": {},
		},
		Attributes: map[string]string{"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793", "MessageGroupId": "g", "SentTimestamp": "1000"},
	})
	for name, want := range map[string]string{
		"x-team": "blue", "n": "5", "raw": "a\ufffd", "none": "", "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793", "message-group-id": "g",
	} {
		if got, ok := m.Headers[name]; !ok || got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if string(m.Body) != "hello" || m.ID != "m-1" || m.Subject != "orders" || !m.Time.Equal(time.Unix(1, 0)) {
		t.Errorf("got %+v", m)
	}
	if bare := message("orders", "here", &types.Message{}); !bare.Time.IsZero() || bare.ID != "" {
		t.Errorf("got %+v", bare)
	}
}

// TestSNS is the map that the documentation shows.
func TestSNS(t *testing.T) {
	c := config("", "orders")
	c.Map = &sources.Map{DetailType: "body.Subject", ID: "body.MessageId", Detail: "fromJSON(body.Message)"}
	s, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	m := message("orders", "here", &types.Message{Body: aws.String(
		`{"Type":"Notification","MessageId":"s-1","TopicArn":"arn:aws:sns:eu-central-1:123456789012:orders","Subject":"OrderCreated","Message":"{\"orderId\":\"o-1\"}"}`)})
	e, err := s.Decode(&m)
	if err != nil || e.DetailType != "OrderCreated" || string(e.Detail) != `{"orderId":"o-1"}` {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestOptions(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"url: ":                            func(o *Options) { o.URL = "" },
		"url: has no region":               func(o *Options) { o.URL = "sqs://eu/123456789012/orders" },
		"access_key_id: access_key_id and": func(o *Options) { o.SecretAccessKey = "" },
		"endpoint: has a login":            func(o *Options) { o.Endpoint = "http://a:b@127.0.0.1" },
	} {
		c := config("http://127.0.0.1:1", "orders")
		change(c.Options.(*Options))
		_, faults, _ := sources.New(c, secret.Source{})
		if len(faults) != 1 || !strings.HasPrefix(strings.Join(faults[0].Path, ".")+": "+faults[0].Err.Error(), want) {
			t.Errorf("got %v, want %s", faults, want)
		}
	}
	s, _, _ := sources.New(config("http://127.0.0.1:1", "orders"), secret.Source{})
	if shown := fmt.Sprint(s.Show()); !strings.Contains(shown, "endpoint:http://127.0.0.1:1") || strings.Contains(shown, "wJalr") {
		t.Errorf("it shows %s", shown)
	}
}
