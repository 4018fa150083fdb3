package kafka

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"signalbox/auth/authtest"
	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestFailures(t *testing.T) {
	c := start(t)
	secured := start(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "boss", "boss-secret"), kfake.User("PLAIN", "reader", "reader-secret"))
	login := func(user, password, mechanism string) func(*Options) {
		return func(o *Options) {
			o.URL = "kafka://" + secured.ListenAddrs()[0]
			o.User, o.Password, o.SASLMechanism = user, password, mechanism
		}
	}
	for name, tt := range map[string]struct {
		change func(*Options)
		code   string
		want   string
	}{
		"no topic":     {func(o *Options) { o.Topic = "nobody" }, targets.CodeNoResource, `produce to topic "nobody" on kafka://127.0.0.1:`},
		"no right":     {login("reader", "reader-secret", "PLAIN"), targets.CodeNoPermissions, "TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics"},
		"no login":     {login("", "", ""), targets.CodeConnectionFailure, "is SASL missing?"},
		"wrong login":  {login("boss", "wrong-secret", "PLAIN"), targets.CodeConnectionFailure, "closed the connection while it was being set up: check the login"},
		"nobody there": {func(o *Options) { o.URL = fmt.Sprintf("kafka://127.0.0.1:%d", servers.FreePort(t)) }, targets.CodeConnectionFailure, "refused"},
		"no name":      {func(o *Options) { o.URL = "kafka://none.invalid:9092" }, targets.CodeConnectionFailure, "none.invalid"},
		"no TLS there": {func(o *Options) { o.URL = "kafka+ssl://" + c.ListenAddrs()[0] }, targets.CodeConnectionFailure, ""},
	} {
		t.Run(name, func(t *testing.T) {
			target := c.open(with(tt.change), targets.Env{})
			for range 2 {
				e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
				if e.Code != tt.code || e.Final || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "-secret") {
					t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
				}
			}
		})
	}
	t.Run("it is broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, c.open(nil, targets.Env{}).Deliver(ctx, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("got %v", e)
		}
	})
}

// TestLogins: each mechanism, with the login in the options and in the URL.
func TestLogins(t *testing.T) {
	c := start(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "joe", "pass-word-1"), kfake.Superuser("SCRAM-SHA-256", "joe", "pass-word-1"), kfake.Superuser("SCRAM-SHA-512", "joe", "pass-word-1"))
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		inURL := func(o *Options) { o.URL, o.SASLMechanism = "kafka://joe:${KEY}@"+c.ListenAddrs()[0], mechanism }
		inOptions := func(o *Options) { o.User, o.Password, o.SASLMechanism = "joe", "${KEY}", mechanism }
		for _, change := range []func(*Options){inURL, inOptions} {
			target := c.open(with(change), targets.Env{Secrets: targetstest.Vars("KEY", "pass-word-1")})
			if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
				t.Errorf("%s: %v", mechanism, err)
			}
		}
	}
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode, answer.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr("no such login as joe:pass-word-1")
		return answer, nil, true
	})
	target := c.open(with(func(o *Options) { o.User, o.Password, o.SASLMechanism = "joe", "${KEY}", "PLAIN" }), targets.Env{Secrets: targetstest.Vars("KEY", "pass-word-1")})
	e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
	if e.Code != targets.CodeNoPermissions || e.Final || !strings.Contains(e.Error(), "no such login as joe:***") {
		t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
	}
}

// TestAnswers: what becomes of each answer of a broker to a record, once and if it is always the same.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		answer *kerr.Error
		always string
		final  bool
	}{
		{kerr.MessageTooLarge, targets.CodeInvalidParameter, true},
		{kerr.RecordListTooLarge, targets.CodeInvalidParameter, true},
		{kerr.InvalidRecord, targets.CodeInvalidParameter, true},
		{kerr.InvalidTimestamp, targets.CodeInvalidParameter, true},
		{kerr.PolicyViolation, targets.CodeInvalidParameter, true},
		{kerr.InvalidTopicException, targets.CodeInvalidParameter, true},
		{kerr.TopicAuthorizationFailed, targets.CodeNoPermissions, false},
		{kerr.ClusterAuthorizationFailed, targets.CodeNoPermissions, false},
		{kerr.UnknownTopicOrPartition, targets.CodeNoResource, false},
		{kerr.NotEnoughReplicas, targets.CodeThrottling, false},
		{kerr.ThrottlingQuotaExceeded, targets.CodeThrottling, false},
		{kerr.NotLeaderForPartition, targets.CodeConnectionFailure, false},
		{kerr.KafkaStorageError, targets.CodeConnectionFailure, false},
		{kerr.UnknownServerError, targets.CodeErrorFromTarget, false},
		{kerr.UnsupportedForMessageFormat, targets.CodeErrorFromTarget, false},
	} {
		t.Run(tt.answer.Message, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			target := c.open(func(config *targets.Config, _ *Options) { config.Timeout = 20 * time.Second }, targets.Env{})
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: tt.answer, Count: -1})
			e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != tt.always || e.Final != tt.final || !strings.Contains(e.Error(), tt.answer.Message+": "+tt.answer.Description) || (e.Code == targets.CodeThrottling) != (e.RetryAfter > 0) {
				t.Errorf("got %s, final %v, retry after %s: %v", e.Code, e.Final, e.RetryAfter, e)
			}
			fault.Remove()
			if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
				t.Error(err)
			}
			c.records("events", 1)
		})
	}
}

// TestOneIsRefused: a broker refuses all records of a request for one of them, and the client those
// behind them; only that one is refused in the end, and the order of the others stays.
func TestOneIsRefused(t *testing.T) {
	c := start(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: -1, When: func(r kmsg.Request) bool {
		for _, topic := range r.(*kmsg.ProduceRequest).Topics {
			for _, p := range topic.Partitions {
				if bytes.Contains(p.Records, []byte("poison")) {
					return true
				}
			}
		}
		return false
	}})
	target := c.open(nil, targets.Env{})
	batch := targetstest.Sized(60, 600)
	batch[7].Body = []byte(`"poison"`)
	batch[30].Body = bytes.Repeat([]byte("x"), 30_000)
	each, whole := target.DeliverBatch(t.Context(), batch)
	if whole != nil || len(each) != len(batch) {
		t.Fatal(each, whole)
	}
	var want []string
	for i, err := range each {
		if i != 7 && i != 30 {
			want = append(want, batch[i].ID)
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		} else if e := targetstest.Error(t, err); !e.Final || e.Code != targets.CodeInvalidParameter {
			t.Errorf("%d: %v", i, e)
		}
	}
	if text := each[30].Error(); !strings.Contains(text, "MESSAGE_TOO_LARGE") || !strings.Contains(text, "max_message_bytes") {
		t.Error(text)
	}
	// In any order: a batch holds at most one delivery of a key.
	var got []string
	for _, r := range c.records("events", len(want)) {
		got = append(got, headersOf(r)["x-signalbox-delivery-id"])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d records %q, want each of %q once", len(got), got, want)
	}
}

// TestItHangs: an attempt that times out is said to have, and what arrives later is neither lost
// nor sent again, nor overtaken.
func TestItHangs(t *testing.T) {
	c := start(t)
	target := c.open(func(config *targets.Config, _ *Options) { config.Timeout = time.Second }, targets.Env{})
	release, held := make(chan struct{}), make(chan struct{}, 1)
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.DropControl()
		c.SleepControl(func() { held <- struct{}{}; <-release })
		return nil, nil, false
	})
	first, second := targetstest.BatchOf(2)[0], targetstest.BatchOf(2)[1]
	e := targetstest.Error(t, target.Deliver(t.Context(), first))
	if e.Code != targets.CodeTimeout || e.Final || !strings.Contains(e.Error(), "it may still arrive") {
		t.Errorf("got %s: %v", e.Code, e)
	}
	<-held
	if e := targetstest.Error(t, target.Deliver(t.Context(), first)); e.Code != targets.CodeTimeout {
		t.Errorf("got %s: %v", e.Code, e)
	}
	close(release)
	for _, d := range []*targets.Delivery{first, second} {
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	for i, r := range c.records("events", 2) {
		if id := headersOf(r)["x-signalbox-delivery-id"]; id != targetstest.BatchOf(2)[i].ID {
			t.Errorf("record %d is %s", i, id)
		}
	}
}

// TestATopicIsDeleted and created again: what comes is delivered then.
func TestATopicIsDeleted(t *testing.T) {
	c := start(t)
	opened := c.open(with(func(o *Options) { o.CreateTopic = true }), targets.Env{})
	if err := opened.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	ask := kmsg.NewDeleteTopicsRequestTopic()
	ask.Topic = kmsg.StringPtr("events")
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics, request.TopicNames = append(request.Topics, ask), []string{"events"}
	if _, err := request.RequestWith(t.Context(), opened.(*target).client); err != nil {
		t.Fatal(err)
	}
	var failed []string
	for range 5 {
		err := opened.Deliver(t.Context(), targetstest.Delivery())
		if err == nil {
			break
		}
		failed = append(failed, targetstest.Error(t, err).Code)
	}
	if len(failed) > 2 {
		t.Errorf("it goes on failing: %v", failed)
	}
	for range 9 {
		if err := opened.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
	}
	c.records("events", 10)
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := authtest.NewCA(t)
	ca.Write(dir, time.Hour)
	file := func(name string) string { return filepath.Join(dir, name) }
	server, err := remote.TLS{CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")}.Config("", targets.Env{}.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	server.ClientCAs, server.ClientAuth = server.RootCAs, 4 // RequireAndVerifyClientCert
	c := start(t, kfake.TLS(server))
	secure := func(tls remote.TLS) targets.BatchTarget {
		return c.open(with(func(o *Options) { o.URL, o.TLS = "kafka+ssl://"+c.ListenAddrs()[0], tls }), targets.Env{})
	}
	if err := secure(remote.TLS{CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")}).Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file("other.crt"), authtest.NewCA(t).PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, tls := range map[string]remote.TLS{
		"certificate required":                    {CAFile: file("ca.crt")},
		"certificate signed by unknown authority": {CAFile: file("other.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")},
		"not shop.example":                        {CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key"), ServerName: "shop.example"},
	} {
		if e := targetstest.Error(t, secure(tls).Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeConnectionFailure || e.Final || !strings.Contains(e.Error(), want) {
			t.Errorf("got %s: %v, want %s", e.Code, e, want)
		}
	}
}

// TestErrorPage: what docs/errors.md says of answers is what becomes of them.
func TestErrorPage(t *testing.T) {
	want := map[string]string{}
	for code, answers := range codes {
		for _, answer := range answers {
			want[answer.(*kerr.Error).Message] = code
		}
	}
	if got := targetstest.ErrorAnswers(t, "kafka"); !maps.Equal(got, want) {
		t.Errorf("the page has %v, the code %v", got, want)
	}
}
