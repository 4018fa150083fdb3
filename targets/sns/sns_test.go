package sns

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a target of a service that is at an endpoint.
func open(t testing.TB, endpoint, topic string, change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	t.Helper()
	o := &Options{Options: amazon.Options{
		Options: remote.Options{URL: "sns://us-east-1/000000000000/" + topic},
		Access:  amazon.Access{Endpoint: endpoint, AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI"},
	}}
	c := targets.Config{Options: o, Timeout: 10 * time.Second}
	if change != nil {
		change(&c, o)
	}
	c.SetDefaults()
	return targetstest.Open(t, Kind(), c, env).(targets.BatchTarget)
}

func TestPublish(t *testing.T) {
	s := servers.StartFauxQS(t)
	s.Topic("orders")
	t.Run("a message", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", func(_ *targets.Config, o *Options) { o.Headers = map[string]string{"X-Team": "blue & grün"} }, targets.Env{})
		d := targetstest.Delivery()
		d.Meta = &event.Metadata{CorrelationID: "c-1", Synthetic: true, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "a=b"}
		d.Body = []byte("größer & <kleiner> + 100% \"\u2028\n")
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := s.Receive("orders")
		if len(got) != 1 || aws.ToString(got[0].Body) != string(d.Body) {
			t.Fatalf("got %v", got)
		}
		has := servers.Attributes(got[0])
		if len(has) != 10 || has["x-team"] != "blue & grün" || has["content-type"] != remote.ContentTypeText || has["x-signalbox-delivery-id"] != d.ID || has["traceparent"] == "" {
			t.Errorf("its attributes are %v", has)
		}
		p, err := target.Preview(d)
		if err != nil || p.Method != "SEND" || p.Address != "sns://us-east-1/000000000000/orders" || p.Body != string(d.Body) || len(p.Headers) != 10 || p.Headers["x-team"] == "" {
			t.Errorf("the preview is %+v, %v", p, err)
		}
	})
	t.Run("a batch of many requests, of which some are refused", func(t *testing.T) {
		batch := targetstest.BatchOf(45)
		batch[3].Body = []byte{}
		batch[17].Body = []byte{0xff}
		batch[21].Body = []byte(strings.Repeat("x", Service.MaxBytes))
		for i := 40; i < 45; i++ {
			batch[i].Body = []byte(strings.Repeat("x", 100<<10))
		}
		each, whole := open(t, s.Endpoint, "orders", nil, targets.Env{}).DeliverBatch(t.Context(), batch)
		if got := s.Receive("orders"); whole != nil || len(got) != 42 {
			t.Errorf("%d messages; %v, %v", len(got), targetstest.Codes(t, each), whole)
		}
		for i, want := range map[int]string{3: "is empty", 17: "is not UTF-8", 21: "SNS takes 262144"} {
			if e := targetstest.Error(t, each[i]); e.Code != targets.CodeInvalidParameter || !e.Final || !strings.Contains(e.Error(), want) {
				t.Errorf("%d: got %s, final %v: %v, want %s", i, e.Code, e.Final, e, want)
			}
		}
	})
	t.Run("a topic that keeps an order", func(t *testing.T) {
		s.Topic("orders.fifo")
		target := open(t, s.Endpoint, "orders.fifo", func(c *targets.Config, _ *Options) { c.OrderBy = "detail.orderId" }, targets.Env{})
		for range 2 { // the second is a repeat, and dropped
			if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
				t.Fatal(err)
			}
		}
		got := s.Receive("orders.fifo")
		if len(got) != 1 || got[0].Attributes["MessageGroupId"] != "1" || got[0].Attributes["MessageDeduplicationId"] != targetstest.Delivery().ID {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("no such topic", func(t *testing.T) {
		e := targetstest.Error(t, open(t, s.Endpoint, "none", nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
		if e.Code != targets.CodeNoResource || e.Final || e.Status != 404 || !strings.Contains(e.Error(), "NotFound: Topic does not exist") {
			t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
		}
	})
	t.Run("it is killed, and comes back", func(t *testing.T) {
		target := open(t, s.Endpoint, "orders", nil, targets.Env{})
		s.Kill()
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeConnectionFailure || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
		s.Start()
		s.Topic("orders")
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
	})
}

// TestAnswers are those that the test's server does not give.
func TestAnswers(t *testing.T) {
	fault := func(code, text string) string {
		return `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + text + `</Message></Error><RequestId>r</RequestId></ErrorResponse>`
	}
	result := func(inside string) string {
		return `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>` + inside + `</PublishBatchResult></PublishBatchResponse>`
	}
	failed := func(code, fault string) string {
		return result(`<Successful/><Failed><member><Id>0</Id><Code>` + code + `</Code><Message>it</Message><SenderFault>` + fault + `</SenderFault></member></Failed>`)
	}
	for name, tt := range map[string]struct {
		status     int
		answer     string
		code, want string
		final      bool
	}{
		"throttled":         {400, fault("Throttling", "slow down"), targets.CodeThrottling, "slow down", false},
		"no right":          {403, fault("AuthorizationError", "not you"), targets.CodeNoPermissions, "not you", false},
		"a wrong signature": {403, fault("SignatureDoesNotMatch", "not wJalrXUtnFEMI"), targets.CodeNoPermissions, "not ***", false},
		"a wrong parameter": {400, fault("InvalidParameter", "it"), targets.CodeInvalidParameter, "InvalidParameter: it", true},
		"too long":          {400, fault("BatchRequestTooLong", "it"), targets.CodeInvalidParameter, "it", true},
		"down":              {503, "no XML", targets.CodeErrorFromTarget, "503", false},
		"a redirection":     {302, "", targets.CodeErrorFromTarget, "302", false},
		"an entry at fault": {200, failed("New", "true"), targets.CodeInvalidParameter, "New: it", true},
		"an entry, later":   {200, failed("InternalError", "false"), targets.CodeErrorFromTarget, "InternalError: it", false},
		"of another entry":  {200, result(`<Successful><member><Id>7</Id></member></Successful>`), targets.CodeErrorFromTarget, "does not name the message", false},
		"of none":           {200, `<PublishBatchResponse/>`, targets.CodeErrorFromTarget, "does not name the message", false},
		"no XML":            {200, "hello", targets.CodeConnectionFailure, "no XML", false},
		"without an end":    {200, "<a>" + strings.Repeat("x", 1<<20), targets.CodeConnectionFailure, "no XML", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
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

// TestTheRequest is as AWS's own clients send it.
func TestTheRequest(t *testing.T) {
	var asked *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_ = q.ParseForm()
		asked = q
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"PublishBatchResponse"`
			ID      []string `xml:"PublishBatchResult>Successful>member>Id"`
		}{ID: []string{"0"}})
	}))
	defer s.Close()
	if err := open(t, s.URL, "orders", nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	signed := asked.Header.Get("Authorization")
	if !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(signed, "/us-east-1/sns/aws4_request") {
		t.Errorf("it is signed with %s", signed)
	}
	form := asked.PostForm
	if form.Get("TopicArn") != "arn:aws:sns:us-east-1:000000000000:orders" || form.Get("Action") != "PublishBatch" || form.Get("PublishBatchRequestEntries.member.1.Message") != targetstest.Envelope {
		t.Errorf("got %v", form)
	}
}

func TestValidate(t *testing.T) {
	const good = "sns://eu-central-1/123456789012/orders"
	for name, tt := range map[string]struct {
		o     amazon.Options
		group string
		want  string
	}{
		"all well":       {amazon.Options{Options: remote.Options{URL: good}}, "", ""},
		"a long name":    {amazon.Options{Options: remote.Options{URL: "sns://eu-central-1/123456789012/" + strings.Repeat("x", 256)}}, "", ""},
		"FIFO, no group": {amazon.Options{Options: remote.Options{URL: good + ".fifo"}}, "", "group: is missing: a FIFO topic keeps the order"},
		"a group":        {amazon.Options{Options: remote.Options{URL: good}}, "x", "group: is only for FIFO topics"},
		"no topic":       {amazon.Options{Options: remote.Options{URL: "sns://eu-central-1/123456789012"}}, "", "url: is not sns://REGION/ACCOUNT/TOPIC"},
		"too long":       {amazon.Options{Options: remote.Options{URL: good + strings.Repeat("x", 256)}}, "", "url: has no name of a topic at its end: up to 256"},
		"an ARN":         {amazon.Options{Options: remote.Options{URL: "arn:aws:sns:eu-central-1:123456789012:orders"}}, "", "url: "},
		"binary":         {amazon.Options{Options: remote.Options{URL: good, Format: remote.FormatCloudEventsBinary}}, "", "format: can't be cloudevents-binary: a message of SNS"},
	} {
		t.Run(name, func(t *testing.T) {
			targetstest.Faults(t, Kind(), &Options{tt.o, tt.group}, targetstest.Vars(), tt.want)
		})
	}
}

func TestPartitions(t *testing.T) {
	var got []string
	for _, region := range []string{"eu-central-1", "cn-north-1", "us-gov-west-1"} {
		s := newTopic(amazon.Place{Region: region, Account: "1", Name: "t"}, &amazon.Caller{}).(*topic)
		got = append(got, fmt.Sprint(s.arn, " ", s.server))
	}
	if want := []string{
		"arn:aws:sns:eu-central-1:1:t https://sns.eu-central-1.amazonaws.com",
		"arn:aws-cn:sns:cn-north-1:1:t https://sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:sns:us-gov-west-1:1:t https://sns.us-gov-west-1.amazonaws.com",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestTheServiceIsCutOffUnderLoad: what it had answered is there, and repeats have the same id.
func TestTheServiceIsCutOffUnderLoad(t *testing.T) {
	s := servers.StartFauxQS(t)
	s.Topic("orders")
	way := targetstest.NewWay(t, strings.TrimPrefix(s.Endpoint, "http://"))
	target := open(t, "http://"+way.Address, "orders", nil, targets.Env{})
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
