package redis

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"signalbox/auth/authtest"
	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a server with a connection of the test's own.
type server struct {
	*servers.Redis
	t testing.TB
}

func start(t testing.TB, args ...string) *server { return &server{servers.StartRedis(t, args...), t} }

// do does something on a connection of its own.
func (s *server) do(command string, args ...any) any {
	s.t.Helper()
	c, err := redis.Dial("tcp", s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Do(command, args...)
	if err != nil {
		s.t.Fatalf("%s %v: %v", command, args, err)
	}
	return answer
}

// stream makes an empty stream.
func (s *server) stream(key string) {
	s.t.Helper()
	s.do("XGROUP", "CREATE", key, "readers", "$", "MKSTREAM")
}

// entries returns the fields of each entry of a stream.
func (s *server) entries(key string) (all []map[string]string) {
	s.t.Helper()
	for _, e := range s.do("XRANGE", key, "-", "+").([]any) {
		fields, err := redis.StringMap(e.([]any)[1], nil)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, fields)
	}
	return all
}

// open opens a target of the server.
func (s *server) open(change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	s.t.Helper()
	o := &Options{Options: remote.Options{URL: "redis://" + s.Address}, Stream: "events"}
	c := targets.Config{Options: o, Timeout: 5 * time.Second}
	if change != nil {
		change(&c, o)
	}
	c.SetDefaults()
	return targetstest.Open(s.t, Kind(), c, env).(targets.BatchTarget)
}

func with(change func(*Options)) func(*targets.Config, *Options) {
	return func(_ *targets.Config, o *Options) { change(o) }
}

func TestAdd(t *testing.T) {
	s := start(t)
	s.stream("events")
	t.Run("an entry", func(t *testing.T) {
		s.stream("shop:shop.orders:1")
		target := s.open(with(func(o *Options) {
			o.Stream = "shop:{{ source }}:{{ detail.orderId }}"
			o.Headers = map[string]string{"X-Team": "blue"}
		}), targets.Env{})
		d := targetstest.Delivery()
		d.Meta = &event.Metadata{CorrelationID: "c-1"}
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := s.entries("shop:shop.orders:1")
		if len(got) != 1 || got[0]["body"] != targetstest.Envelope || got[0]["x-team"] != "blue" || got[0]["content-type"] != remote.ContentTypeJSON ||
			got[0]["x-signalbox-delivery-id"] != d.ID || got[0]["x-correlation-id"] != "c-1" {
			t.Errorf("got %v", got)
		}
		p, err := target.Preview(d)
		if err != nil || p.Method != "XADD" || p.Address != `stream "shop:shop.orders:1"` || p.Body != targetstest.Envelope || p.Headers["x-team"] != "blue" {
			t.Errorf("the preview is %+v, %v", p, err)
		}
	})
	t.Run("a CloudEvent", func(t *testing.T) {
		s.do("DEL", "events")
		target := s.open(with(func(o *Options) { o.Format, o.CreateStream = remote.FormatCloudEventsBinary, true }), targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		got := s.entries("events")
		if len(got) != 1 || got[0]["ce-type"] != "OrderCreated" || got[0]["ce-specversion"] != "1.0" || got[0]["content-type"] != "application/json" || !strings.HasPrefix(got[0]["body"], `{"orderId"`) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a batch, in its order", func(t *testing.T) {
		s.do("DEL", "events")
		target := s.open(with(func(o *Options) { o.CreateStream = true }), targets.Env{})
		batch := targetstest.BatchOf(500)
		each, whole := target.DeliverBatch(t.Context(), batch)
		got := s.entries("events")
		if each != nil || whole != nil || len(got) != 500 {
			t.Fatalf("%d entries; %v, %v", len(got), each, whole)
		}
		for i, d := range batch {
			if got[i]["x-signalbox-delivery-id"] != d.ID {
				t.Fatalf("entry %d is %s, want %s", i, got[i]["x-signalbox-delivery-id"], d.ID)
			}
		}
	})
	t.Run("no more than asked for", func(t *testing.T) {
		target := s.open(with(func(o *Options) { o.MaxLen = 100 }), targets.Env{})
		for range 2 {
			if each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(500)); each != nil || whole != nil {
				t.Fatal(each, whole)
			}
		}
		if n := s.do("XLEN", "events").(int64); n < 100 || n > 300 {
			t.Errorf("there are %d entries, want about 100", n)
		}
	})
	t.Run("in another database", func(t *testing.T) {
		target := s.open(with(func(o *Options) { o.URL, o.CreateStream, o.Stream = o.URL+"/3", true, "third" }), targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		if info := string(s.do("INFO", "keyspace").([]byte)); !strings.Contains(info, "db3:keys=1") {
			t.Errorf("it is elsewhere: %s", info)
		}
	})
	t.Run("one of a batch goes wrong", func(t *testing.T) {
		s.stream("by:blue")
		s.do("SET", "by:red", "x")
		target := s.open(with(func(o *Options) { o.Stream = "by:{{ detail.team }}" }), targets.Env{})
		batch := targetstest.BatchOf(4)
		for i, team := range []string{`"blue"`, `"red"`, `""`, `"none"`} {
			batch[i].Envelope = []byte(strings.Replace(targetstest.Envelope, `"orderId": "1"`, `"team": `+team, 1))
		}
		for range 2 { // the first must not spoil the second
			each, whole := target.DeliverBatch(t.Context(), batch)
			if got, want := targetstest.Codes(t, each), "- NO_RESOURCE NO_RESOURCE NO_RESOURCE"; got != want || whole != nil {
				t.Errorf("%s, %v, want %s", got, whole, want)
			}
			if text := each[1].Error(); !strings.Contains(text, "WRONGTYPE Operation against a key") {
				t.Errorf("it does not have the server's words: %s", text)
			}
		}
		if n := len(s.entries("by:blue")); n != 2 {
			t.Errorf("%d entries, want 2", n)
		}
	})
}

func TestFailures(t *testing.T) {
	s := start(t)
	s.stream("events")
	s.do("CONFIG", "SET", "proto-max-bulk-len", 1<<20)
	s.do("ACL", "SETUSER", "reader", "on", ">reader-secret", "~*", "+@read")
	for name, tt := range map[string]struct {
		change   func(*Options)
		delivery func(*targets.Delivery)
		code     string
		final    bool
		want     string
	}{
		"no stream":    {func(o *Options) { o.Stream = "nobody" }, nil, targets.CodeNoResource, false, `no such stream`},
		"no database":  {func(o *Options) { o.URL += "/99" }, nil, targets.CodeNoResource, false, "DB index is out of range"},
		"no right":     {func(o *Options) { o.User, o.Password = "reader", "reader-secret" }, nil, targets.CodeNoPermissions, false, "NOPERM"},
		"no login":     {func(o *Options) { o.User, o.Password = "reader", "wrong-secret" }, nil, targets.CodeNoPermissions, false, "WRONGPASS"},
		"no password":  {func(o *Options) { o.Password = "any-secret" }, nil, targets.CodeNoPermissions, false, "AUTH"},
		"nobody there": {func(o *Options) { o.URL = fmt.Sprintf("redis://127.0.0.1:%d", servers.FreePort(t)) }, nil, targets.CodeConnectionFailure, false, "refused"},
		"a name too long": {func(o *Options) { o.Stream = "s:{{ detail.orderId }}" }, func(d *targets.Delivery) {
			d.Envelope = []byte(strings.Replace(targetstest.Envelope, `"orderId": "1"`, `"orderId": "`+strings.Repeat("k", 1024)+`"`, 1))
		}, targets.CodeInvalidParameter, true, "stream: it is longer than 1024 bytes"},
		"a body that the server never takes": {func(*Options) {}, func(d *targets.Delivery) { d.Body = []byte(strings.Repeat("x", 1<<20+1)) }, targets.CodeInvalidParameter, true, "Protocol error: invalid bulk length"},
	} {
		t.Run(name, func(t *testing.T) {
			target := s.open(with(tt.change), targets.Env{})
			d := targetstest.Delivery()
			if tt.delivery != nil {
				tt.delivery(d)
			}
			for range 2 {
				e := targetstest.Error(t, target.Deliver(t.Context(), d))
				if e.Code != tt.code || e.Final != tt.final || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "-secret") {
					t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
				}
			}
		})
	}
	t.Run("a batch of which the server never takes one", func(t *testing.T) {
		target := s.open(nil, targets.Env{})
		batch := targetstest.BatchOf(3)
		batch[1].Body = []byte(strings.Repeat("x", 4<<20))
		_, whole := target.DeliverBatch(t.Context(), batch)
		if e := targetstest.Error(t, whole); e.Code != targets.CodeInvalidParameter || !e.Final { // the lane sends its parts
			t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
		}
		if each, whole := target.DeliverBatch(t.Context(), batch[2:]); each != nil || whole != nil {
			t.Error(each, whole)
		}
	})
	t.Run("too many clients", func(t *testing.T) {
		target := s.open(nil, targets.Env{})
		c, err := redis.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Do("CONFIG", "SET", "maxclients", 1); err != nil {
			t.Fatal(err)
		}
		e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
		if e.Code != targets.CodeThrottling || e.RetryAfter == 0 || !strings.Contains(e.Error(), "max number of clients") {
			t.Errorf("got %s: %v", e.Code, e)
		}
		if _, err := c.Do("CONFIG", "SET", "maxclients", 1000); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it is broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, s.open(nil, targets.Env{}).Deliver(ctx, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("got %v", e)
		}
	})
	t.Run("it hangs", func(t *testing.T) {
		target := s.open(func(c *targets.Config, _ *Options) { c.Timeout = 200 * time.Millisecond }, targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		s.do("CLIENT", "PAUSE", 1000, "WRITE")
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeTimeout || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
		s.do("CLIENT", "UNPAUSE")
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
	})
	t.Run("its memory is full", func(t *testing.T) {
		s.do("CONFIG", "SET", "maxmemory", 1)
		if e := targetstest.Error(t, s.open(nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeThrottling || e.RetryAfter == 0 || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
	})
}

// TestASecretThatTheServerRepeats is hidden.
func TestASecretThatTheServerRepeats(t *testing.T) {
	s := start(t)
	s.stream("hush-hush")
	s.do("SET", "hush", "x")
	target := s.open(with(func(o *Options) { o.URL = "redis://:${KEY}@" + s.Address; o.Stream = "hush" }), targets.Env{Secrets: targetstest.Vars("KEY", "pass-word-1")})
	if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); strings.Contains(e.Error(), "pass-word-1") || !strings.Contains(e.Error(), "***@"+s.Address) {
		t.Errorf("got %v", e)
	}
}

// TestHostileAnswers break the connection and make no room for what they claim.
func TestHostileAnswers(t *testing.T) {
	for _, answer := range []string{"$99999999999999\r\n", "$999999999\r\n", "*99999999\r\n", "-" + strings.Repeat("x", 1<<20), "?\r\n", "$5\r\nab", "\r\n", "$-2\r\n"} {
		t.Run(answer[:min(len(answer), 8)], func(t *testing.T) {
			address := targetstest.Serve(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1<<10))
				_, _ = c.Write([]byte("+OK\r\n")) // of CLIENT SETNAME
				_, _ = c.Read(make([]byte, 1<<10))
				_, _ = c.Write([]byte(answer))
			})
			s := &server{&servers.Redis{Address: address}, t}
			e := targetstest.Error(t, s.open(nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != targets.CodeConnectionFailure && e.Code != targets.CodeNoResource || e.Final || len(e.Error()) > 1000 {
				t.Errorf("got %s: %.200s", e.Code, e)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	dir, port := t.TempDir(), servers.FreePort(t)
	ca := authtest.NewCA(t)
	ca.Write(dir, time.Hour)
	file := func(name string) string { return filepath.Join(dir, name) }
	s := start(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", file("tls.crt"), "--tls-key-file", file("tls.key"), "--tls-ca-cert-file", file("ca.crt"))
	s.stream("events")
	secure := func(tls remote.TLS) targets.BatchTarget {
		return s.open(with(func(o *Options) { o.URL, o.TLS = fmt.Sprintf("rediss://127.0.0.1:%d", port), tls }), targets.Env{})
	}
	if err := secure(remote.TLS{CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")}).Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file("other.crt"), authtest.NewCA(t).PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, tls := range map[string]remote.TLS{
		"certificate": {CAFile: file("ca.crt")}, // that the client has none
		"certificate signed by unknown authority": {CAFile: file("other.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")},
		"not shop.example":                        {CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key"), ServerName: "shop.example"},
	} {
		if e := targetstest.Error(t, secure(tls).Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeConnectionFailure || e.Final || !strings.Contains(e.Error(), want) {
			t.Errorf("got %s: %v, want %s", e.Code, e, want)
		}
	}
}

// TestACluster says where the stream is.
func TestACluster(t *testing.T) {
	s := start(t, "--cluster-enabled", "yes")
	e := targetstest.Error(t, s.open(nil, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
	if e.Code != targets.CodeConnectionFailure || !strings.Contains(e.Error(), "CLUSTERDOWN") {
		t.Errorf("got %s: %v", e.Code, e)
	}
}

// TestAServerIsKilledUnderLoad: what it had answered is there. With appendfsync everysec Redis may
// answer before it writes.
func TestAServerIsKilledUnderLoad(t *testing.T) {
	s := start(t, "--appendfsync", "always")
	s.stream("events")
	targetstest.SurvivesKill(t, s.open(nil, targets.Env{}), func() { s.Kill(); s.Start() }, func() (ids []string) {
		for _, e := range s.entries("events") {
			ids = append(ids, e["x-signalbox-delivery-id"])
		}
		return ids
	})
}
