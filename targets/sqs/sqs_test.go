package sqs

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"go.uber.org/goleak"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	region    = "us-east-1"
	account12 = "000000000000"
)

// server is a server of a test.
type server struct {
	*servers.FauxQS
	t testing.TB
}

func start(t testing.TB) *server { return &server{servers.StartFauxQS(t), t} }

// purge empties a queue.
func (s *server) purge(name string) {
	s.t.Helper()
	url := s.Endpoint + "/" + account12 + "/" + name
	if _, err := s.Client.PurgeQueue(context.Background(), &sqs.PurgeQueueInput{QueueUrl: &url}); err != nil {
		s.t.Fatal(err)
	}
}

// open opens a target of a service that is at an endpoint.
func open(t testing.TB, endpoint, queue string, change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	t.Helper()
	o := &Options{Options: amazon.Options{
		Options: remote.Options{URL: "sqs://" + region + "/" + account12 + "/" + queue},
		Access:  amazon.Access{Endpoint: endpoint, AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI"},
	}}
	c := targets.Config{Options: o, Timeout: 10 * time.Second}
	if change != nil {
		change(&c, o)
	}
	c.SetDefaults()
	return targetstest.Open(t, Kind(), c, env).(targets.BatchTarget)
}

func TestSend(t *testing.T) {
	s := start(t)
	s.Queue("orders")
	t.Run("a message", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", func(_ *targets.Config, o *Options) {
			o.Headers = map[string]string{"X-Team": "blue", "X-None": ""}
		}, targets.Env{})
		d := targetstest.Delivery()
		d.Meta = &event.Metadata{CorrelationID: "c-1", Synthetic: true, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "a=b"}
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := s.Receive("orders")
		if len(got) != 1 || aws.ToString(got[0].Body) != targetstest.Envelope {
			t.Fatalf("got %v", got)
		}
		has := servers.Attributes(got[0])
		if len(has) != 10 || has["x-team"] != "blue" || has["content-type"] != remote.ContentTypeJSON || has["x-signalbox-delivery-id"] != d.ID ||
			has["x-signalbox-event-id"] != d.EventID || has["x-correlation-id"] != "c-1" || has["traceparent"] == "" || has["x-signalbox-rule"] != "orders" {
			t.Errorf("its attributes are %v", has)
		}
		p, err := target.Preview(d)
		if err != nil || p.Method != "SEND" || p.Address != "sqs://us-east-1/000000000000/orders" || p.Body != targetstest.Envelope || len(p.Headers) != 10 || p.Headers["x-team"] != "blue" {
			t.Errorf("the preview is %+v, %v", p, err)
		}
	})
	t.Run("a dead letter", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", func(_ *targets.Config, o *Options) {
			o.Headers = map[string]string{"X-A": "1", "X-B": "1", "X-C": "1", "X-D": "1", "X-E": "1"}
		}, targets.Env{})
		d := targetstest.Delivery()
		d.Attributes = []targets.Attribute{
			{Name: "RULE_ARN", Value: "arn:aws:events:local:000000000000:rule/orders"}, {Name: "TARGET_ARN", Value: "arn:aws:sqs:eu-west-1:000000000000:q"},
			{Name: "ERROR_CODE", Value: "ERROR_FROM_TARGET"}, {Name: "ERROR_MESSAGE", Value: "grün,\nand \x01\xff"},
			{Name: "RETRY_ATTEMPTS", Value: "0"}, {Name: "EXHAUSTED_RETRY_CONDITION", Value: "MaximumRetryAttempts"},
		}
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := s.Receive("orders")
		if len(got) != 1 || aws.ToString(got[0].Body) != targetstest.Envelope {
			t.Fatalf("got %v", got)
		}
		has := servers.Attributes(got[0])
		p, err := target.Preview(d)
		for _, a := range d.Attributes {
			want := strings.NewReplacer("\x01", " ", "\xff", "\ufffd").Replace(a.Value)
			if has[a.Name] != want || p.Headers[a.Name] != want || aws.ToString(got[0].MessageAttributes[a.Name].DataType) != "String" {
				t.Errorf("%s is %q, and in the preview %q, %v, want %q", a.Name, has[a.Name], p.Headers[a.Name], err, want)
			}
		}
		if len(has) != 10 || has["x-d"] != "1" {
			t.Errorf("its attributes are %v", has)
		}
	})
	t.Run("a CloudEvent", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", func(_ *targets.Config, o *Options) { o.Format = remote.FormatCloudEvents }, targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		got := s.Receive("orders")
		if len(got) != 1 || servers.Attributes(got[0])["content-type"] != remote.ContentTypeCloudEvent || !strings.Contains(aws.ToString(got[0].Body), `"specversion":"1.0"`) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a batch of many requests, of which some are refused", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", nil, targets.Env{})
		batch := targetstest.BatchOf(45)
		batch[3].Body = []byte("a control character: \x01")
		batch[17].Body = []byte{0xff}
		batch[21].Body = []byte(strings.Repeat("x", Service.MaxBytes))
		batch[30].Body = []byte{}
		for i := 40; i < 45; i++ {
			batch[i].Body = []byte(strings.Repeat("x", 400<<10))
		}
		each, whole := target.DeliverBatch(t.Context(), batch)
		if got := s.Receive("orders"); whole != nil || len(got) != 41 {
			t.Errorf("%d messages; %v, %v", len(got), targetstest.Codes(t, each), whole)
		}
		for i, want := range map[int]string{3: "InvalidMessageContents", 17: "is not UTF-8", 21: "SQS takes 1048576", 30: "is empty"} {
			if e := targetstest.Error(t, each[i]); e.Code != targets.CodeInvalidParameter || !e.Final || !strings.Contains(e.Error(), want) {
				t.Errorf("%d: got %s, final %v: %v, want %s", i, e.Code, e.Final, e, want)
			}
		}
	})
}

func TestFIFO(t *testing.T) {
	s := start(t)
	s.Queue("orders.fifo", "FifoQueue", "true")
	for name, tt := range map[string]struct {
		change func(*targets.Config, *Options)
		group  string
	}{
		"the ordering key": {func(c *targets.Config, _ *Options) { c.OrderBy = "detail.orderId" }, "1"},
		"a key that is no group's name": {func(c *targets.Config, _ *Options) { c.OrderBy = "detail.orderId + ' of us'" },
			fmt.Sprintf("%x", sha256.Sum256([]byte("1 of us")))},
		"no key":         {func(c *targets.Config, _ *Options) { c.OrderBy = "detail.nothing" }, "the delivery's"},
		"a group chosen": {func(_ *targets.Config, o *Options) { o.Group = "of-{{ source }}" }, "of-shop.orders"},
	} {
		t.Run(name, func(t *testing.T) {
			target := open(t, s.Endpoint, "orders.fifo", tt.change, targets.Env{})
			d := targetstest.Delivery()
			d.ID = strings.ReplaceAll("id of "+name, " ", "-")
			if tt.group == "the delivery's" {
				tt.group = d.ID
			}
			for range 2 { // the repeat is dropped
				if err := target.Deliver(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			got := s.Receive("orders.fifo")
			if len(got) != 1 || got[0].Attributes["MessageGroupId"] != tt.group || got[0].Attributes["MessageDeduplicationId"] != d.ID {
				t.Errorf("got %v, want the group %s", got, tt.group)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	s := start(t)
	s.Queue("orders")
	refused := fmt.Sprintf("http://127.0.0.1:%d", servers.FreePort(t))
	for name, tt := range map[string]struct {
		endpoint, queue string
		change          func(*targets.Config, *Options)
		code, want      string
	}{
		"no queue":       {s.Endpoint, "nobody", nil, targets.CodeNoResource, "NonExistentQueue"},
		"nobody there":   {refused, "orders", nil, targets.CodeConnectionFailure, "connection refused"},
		"no credentials": {s.Endpoint, "orders", func(_ *targets.Config, o *Options) { o.AccessKeyID, o.SecretAccessKey = "", "" }, targets.CodeNoPermissions, "there are no credentials: set access_key_id"},
	} {
		t.Run(name, func(t *testing.T) {
			target := open(t, tt.endpoint, tt.queue, tt.change, targets.Env{Secrets: targetstest.Vars("AWS_EC2_METADATA_DISABLED", "true")})
			e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != tt.code || e.Final || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "wJalrXUtnFEMI") {
				t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
			}
		})
	}
	t.Run("it is broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, open(t, s.Endpoint, "orders", nil, targets.Env{}).Deliver(ctx, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("got %v", e)
		}
	})
	t.Run("it is killed, and comes back", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", nil, targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeConnectionFailure || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
		s.Start()
		s.Queue("orders")
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
	})
}

// TestAnswers are those that fauxqs does not give.
func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		answer     string
		code, want string
		final      bool
	}{
		"throttled":            {400, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}`, targets.CodeThrottling, "slow down", false},
		"no right":             {403, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not you"}`, targets.CodeNoPermissions, "not you", false},
		"a wrong key":          {403, `{"__type":"InvalidClientTokenId","message":"no such key"}`, targets.CodeNoPermissions, "no such key", false},
		"a wrong signature":    {403, `{"__type":"SignatureDoesNotMatch","message":"not wJalrXUtnFEMI"}`, targets.CodeNoPermissions, "not ***", false},
		"down":                 {503, `no JSON`, targets.CodeErrorFromTarget, "503", false},
		"down, in HTML":        {500, `<html>`, targets.CodeErrorFromTarget, "500", false},
		"a redirection":        {302, ``, targets.CodeErrorFromTarget, "302", false},
		"no such operation":    {400, `{"__type":"UnsupportedOperation","message":"not here"}`, targets.CodeInvalidParameter, "not here", true},
		"too long":             {400, `{"__type":"com.amazonaws.sqs#BatchRequestTooLong","message":"262144"}`, targets.CodeInvalidParameter, "262144", true},
		"an entry throttled":   {200, `{"Successful":[],"Failed":[{"Id":"0","Code":"KmsThrottled","Message":"the key","SenderFault":true}]}`, targets.CodeThrottling, "the key", false},
		"an entry without key": {200, `{"Successful":[],"Failed":[{"Id":"0","Code":"KmsAccessDenied","Message":"the key","SenderFault":true}]}`, targets.CodeNoPermissions, "the key", false},
		"an entry at fault":    {200, `{"Successful":[],"Failed":[{"Id":"0","Code":"New","Message":"it","SenderFault":true}]}`, targets.CodeInvalidParameter, "New: it", true},
		"an entry, later":      {200, `{"Successful":[],"Failed":[{"Id":"0","Code":"InternalError","Message":"it","SenderFault":false}]}`, targets.CodeErrorFromTarget, "InternalError: it", false},
		"of another entry":     {200, `{"Successful":[{"Id":"7","MessageId":"m"},{"Id":"x"},{"Id":"-1"}],"Failed":[]}`, targets.CodeErrorFromTarget, "", false},
		"of none":              {200, `{}`, targets.CodeErrorFromTarget, "does not name the message", false},
		"no JSON":              {200, `hello`, targets.CodeErrorFromTarget, "", false},
		"without an end":       {200, `{"Successful":["` + strings.Repeat("x", 1<<20), targets.CodeErrorFromTarget, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.answer)
			}))
			defer s.Close()
			e := targetstest.Error(t, open(t, s.URL, "orders", nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != tt.code || e.Final != tt.final || !strings.Contains(e.Error(), tt.want) || len(e.Error()) > 2000 || (e.Code == targets.CodeThrottling) != (e.RetryAfter > 0) {
				t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
			}
		})
	}
}

// TestAServiceThatTakesLess gets a batch in smaller requests.
func TestAServiceThatTakesLess(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		var in struct {
			Entries []struct{ ID, MessageBody string }
		}
		if err := json.NewDecoder(q.Body).Decode(&in); err != nil || len(in.Entries) > 3 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#BatchRequestTooLong","message":"too long"}`)
			return
		}
		var taken []map[string]string
		for _, e := range in.Entries {
			sum := md5.Sum([]byte(e.MessageBody))
			taken = append(taken, map[string]string{"Id": e.ID, "MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Successful": taken})
	}))
	defer s.Close()
	each, whole := open(t, s.URL, "orders", nil, targets.Env{}).DeliverBatch(t.Context(), targetstest.BatchOf(20))
	if each != nil || whole != nil {
		t.Error(each, whole)
	}
}

// TestTheServiceIsCutOffUnderLoad: what it had answered is there, and repeats have the same id.
func TestTheServiceIsCutOffUnderLoad(t *testing.T) {
	s := start(t)
	way := targetstest.NewWay(t, strings.TrimPrefix(s.Endpoint, "http://"))
	s.Endpoint = "http://" + way.Address // by which the server names queues
	s.Queue("orders")
	target := open(t, s.Endpoint, "orders", nil, targets.Env{})
	targetstest.SurvivesKill(t, target, func() {
		way.Cut()
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeConnectionFailure || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
		way.Mend()
	}, func() (ids []string) {
		for _, m := range s.Receive("orders") {
			ids = append(ids, servers.Attributes(m)["x-signalbox-delivery-id"])
		}
		return ids
	})
}
