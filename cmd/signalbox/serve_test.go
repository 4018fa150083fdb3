package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/dlq"
)

// output collects what a command writes while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// serving is a `serve` that runs in this process.
type serving struct {
	t              *testing.T
	dir, url       string
	stdout, stderr output
	stop           context.CancelFunc
	ended          chan int
}

// startRouter starts a router on a free port, with a configuration in dir.
func startRouter(t *testing.T, dir string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{t: t, dir: dir, stop: cancel, ended: make(chan int, 1)}
	go func() {
		s.ended <- run(ctx, []string{"serve", "--config", filepath.Join(dir, "config.yaml")}, strings.NewReader(""), &s.stdout, &s.stderr)
	}()
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("the router said:\n%s", s.stderr.String())
		}
	})
	address := regexp.MustCompile(`listens on (https?://\S+)`)
	s.eventually("serving", func() bool {
		found := address.FindStringSubmatch(s.stderr.String())
		if found != nil {
			s.url = found[1]
		}
		return found != nil
	})
	return s
}

// end stops the router, and gives the code that it exited with.
func (s *serving) end() int {
	s.stop()
	code := <-s.ended
	s.ended <- code
	return code
}

// eventually polls for what happens in other goroutines of a real router.
func (s *serving) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not %s in time\nthe router said:\n%s", what, s.stderr.String())
		}
	}
}

// run runs a command against the router.
func (s *serving) run(args ...string) outcome {
	s.t.Helper()
	return signalbox(s.t, append(args, "--url", s.url)...)
}

// get asks the router itself; a status of 0 means that it could not be reached.
func (s *serving) get(path, key string) (status int, body string) {
	s.t.Helper()
	return s.request(http.MethodGet, path, key)
}

func (s *serving) request(method, path, key string) (status int, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Close = true
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// shop is a target that can be down.
type shop struct {
	*httptest.Server
	down atomic.Bool
	mu   sync.Mutex
	got  []string // delivery ids and bodies
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			http.Error(w, "closed for today", http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, r.Header.Get("X-Signalbox-Delivery-Id")+" "+string(body))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) deliveries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

const shopRules = `targets:
  console: {type: log, synthetic: deliver}
  shop: {type: http, url: "URL/orders", retry: {max_attempts: 2, min_backoff: 1ms, max_backoff: 2ms}, breaker: off}
rules:
  - name: big-orders
    pattern: {source: [shop.orders], detail: {total: [{numeric: [">", 100]}]}}
    targets:
      - target: shop
        input_transformer: {input_paths_map: {id: $.detail.id}, input_template: '{"order": <id>}'}
  - name: all-orders
    pattern: {source: [shop.orders]}
    targets: [console]
  - {name: asleep, state: disabled, pattern: {source: [shop.orders]}, targets: [console]}
`

// shopDir is a directory with a configuration and the shop's rules.
func shopDir(t *testing.T, s *shop, more string) string {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\ndata_dir: data\nrules: [rules.yaml]\nmin_free_disk: 0\nshutdown_timeout: 10s\n"+more)
	write(t, dir, "rules.yaml", strings.ReplaceAll(shopRules, "URL", s.URL))
	return dir
}

const bigOrder = `{"source":"shop.orders","detail-type":"OrderCreated","detail":{"id":"A-1","total":250}}`

func TestMainJob(t *testing.T) {
	sink := newShop(t)
	dir := shopDir(t, sink, "")
	s := startRouter(t, dir)
	for _, want := range []string{"3 rules, 1 disabled, from 1 file", "console (log), shop (http)", "curl -s " + s.url + "/v1/events", `"source": "shop.orders"`} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("the greeting lacks %q", want)
		}
	}

	t.Run("a dry run shows what would be sent, and sends nothing", func(t *testing.T) {
		o := s.run("send", bigOrder, "--dry-run")
		for _, want := range []string{`shop.orders "OrderCreated" on bus default: 2 deliveries`, "rule big-orders", "POST " + sink.URL + "/orders",
			`{"order": "A-1"}`, "rule all-orders", "WRITE stdout", "nothing was sent"} {
			o.want(t, cli.ExitOK, want, "")
		}
		if _, accounts := s.get("/v1/accounts", ""); !strings.Contains(accounts, `"accepted":0`) {
			t.Errorf("the dry run was accepted: %s", accounts)
		}
	})
	t.Run("an event reaches its targets", func(t *testing.T) {
		s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
		s.eventually("delivered to the shop", func() bool { return len(sink.deliveries()) == 1 })
		if got := sink.deliveries()[0]; !strings.HasSuffix(got, ` {"order": "A-1"}`) {
			t.Errorf("the shop got %s", got)
		}
		s.eventually("printed", func() bool { return strings.Contains(s.stdout.String(), `"rule":"all-orders"`) })
	})
	t.Run("a synthetic event acts only where it may", func(t *testing.T) {
		id := strings.TrimSpace(s.run("send", bigOrder, "--synthetic").stdout)
		s.eventually("printed", func() bool { return strings.Contains(s.stdout.String(), id) })
		s.eventually("settled", func() bool { _, a := s.get("/v1/accounts", ""); return strings.Contains(a, `"logged":1`) })
		if n := len(sink.deliveries()); n != 1 {
			t.Errorf("the shop got %d deliveries, want the one before", n)
		}
	})
	t.Run("events of all forms", func(t *testing.T) {
		in := `{"Entries":[{"Source":"shop.orders","DetailType":"T","Detail":"{\"total\":1}"}]}` + "\n" +
			`{"specversion":"1.0","id":"ce-1","source":"elsewhere","type":"t","data":{}}`
		o := signalboxIn(t, in, "send", "-", "--url", s.url)
		o.want(t, cli.ExitOK, "\nce-1\n", "")
		s.run("send", `{"source":"x","detail-type":"t","detail":[]}`).want(t, cli.ExitError, "", "detail")
		s.run("send", `[`+bigOrder+`,{"source":"x"}]`).want(t, cli.ExitError, "", "1 of 2 events are not valid, and none was accepted: fix or remove them (InvalidArgument)\n  event 2: ")
		s.run("send", bigOrder, "--bus", "nope").want(t, cli.ExitError, "", "nope")
	})
	t.Run("explain", func(t *testing.T) {
		small := `{"source":"shop.orders","detail-type":"T","detail":{"total":90}}`
		o := s.run("explain", small)
		for _, want := range []string{"matched (1)\n  all-orders -> console\n", "not matched (2)\n  asleep (disabled)", "the rule is disabled",
			"detail.total: 90, wanted numeric > 100"} {
			o.want(t, cli.ExitOK, want, "")
		}
		s.run("explain", "ce-1").want(t, cli.ExitOK, "matched (0)", "")
		s.run("explain", small, "--rule", "big-orders", "--output", "json").want(t, cli.ExitOK, `"reason": "value-differs"`, "")
		s.run("explain", small, "--rule", "nope").want(t, cli.ExitError, "", `no rule "nope" on bus "default"`)
		s.run("explain", "no-such-id").want(t, cli.ExitError, "", "not found (check the id")
	})
	t.Run("trace", func(t *testing.T) {
		s.run("trace", "ce-1").want(t, cli.ExitOK, "no rule matched", "")
		s.run("trace", "no-such-id").want(t, cli.ExitError, "", `no event with the id or the correlation id "no-such-id" is kept (check the id, `)
	})
	if code := s.end(); code != cli.ExitOK {
		t.Errorf("the router exited with %d", code)
	}
}

func TestBrokenEditChangesNothing(t *testing.T) {
	sink := newShop(t)
	dir := shopDir(t, sink, "")
	config := filepath.Join(dir, "config.yaml")
	s := startRouter(t, dir)
	good, err := os.ReadFile(filepath.Join(dir, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	write(t, dir, "rules.yaml", strings.Replace(string(good), "numeric", "numerc", 1))
	s.eventually("refused", func() bool {
		return strings.Contains(s.stderr.String(), "rules have faults; the old ones continue to serve")
	})
	signalbox(t, "check", "--config", config).want(t, cli.ExitError, `rules.yaml:6:56: rule "big-orders": pattern.detail.total[0].numerc`, "")
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	s.eventually("delivered by the last good rules", func() bool { return len(sink.deliveries()) == 1 })
	if _, m := s.get("/metrics", ""); !strings.Contains(m, "\nsignalbox_reload_success 0\n") {
		t.Error("the gauge of reloads does not say that the last one failed")
	}
	if status, body := s.request(http.MethodPost, "/-/reload", ""); status != http.StatusBadRequest || !strings.Contains(body, "numerc") {
		t.Errorf("reload answered %d: %s", status, body)
	}

	write(t, dir, "rules.yaml", strings.Replace(string(good), `">", 100`, `">", 1000`, 1))
	s.eventually("reloaded", func() bool { return strings.Contains(s.stderr.String(), "rules reloaded") })
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "ok: 3 rules and 2 targets in 1 file", "")
	s.run("send", bigOrder, "--dry-run").want(t, cli.ExitOK, ": 1 delivery\n", "")
}

// Nothing but the hangup can tell the router that a variable of its environment
// has gone.
func TestHangupReloads(t *testing.T) {
	sink := newShop(t)
	dir := shopDir(t, sink, "")
	write(t, dir, "rules.yaml", strings.ReplaceAll(shopRules, "URL", "${SHOP_URL}"))
	t.Setenv("SHOP_URL", sink.URL)
	s := startRouter(t, dir)
	s.eventually("through with the reload that the watching begins with", func() bool {
		_, m := s.get("/metrics", "")
		return !strings.Contains(m, "\nsignalbox_reload_seconds 0\n")
	})
	if err := os.Unsetenv("SHOP_URL"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.eventually("reloaded", func() bool { return strings.Contains(s.stderr.String(), "environment variable SHOP_URL is not set") })
}

func TestDeadLettersAreReplayed(t *testing.T) {
	sink := newShop(t)
	sink.down.Store(true)
	s := startRouter(t, shopDir(t, sink, ""))
	lines := strings.Repeat(bigOrder+"\n", 3)
	signalboxIn(t, lines, "send", "-", "--url", s.url).want(t, cli.ExitOK, "-", "")
	var page dlq.Page
	s.eventually("dead", func() bool {
		o := s.run("dlq", "list", "--output", "json", "--target", "shop", "--since", "1h", "--pattern", `{"detail":{"id":["A-1"]}}`)
		page = dlq.Page{}
		if err := json.Unmarshal([]byte(o.stdout), &page); err != nil {
			t.Fatalf("%v: %s%s", err, o.stdout, o.stderr)
		}
		return len(page.Letters) == 3
	})
	first := page.Letters[0]

	list := s.run("dlq", "list")
	for _, want := range []string{"ERROR ", first.ID, "big-orders", "503"} {
		list.want(t, cli.ExitOK, want, "")
	}
	s.run("dlq", "list", "--limit", "1").want(t, cli.ExitOK, first.ID, "more follow")
	s.run("dlq", "list", "--rule", "nope").want(t, cli.ExitOK, "no dead letters that the filter chooses\n", "")
	s.run("dlq", "purge", "nope", "--yes").want(t, cli.ExitError, "", "no dead letter has the id nope")
	s.run("dlq", "replay", "nope", "--yes").want(t, cli.ExitError, "", "no dead letter has the id nope")
	show := s.run("dlq", "show", first.ID)
	for _, want := range []string{"closed for today", "MaximumRetryAttempts", "POST " + sink.URL + "/orders", `"id": "A-1"`, `{"order": "A-1"}`} {
		show.want(t, cli.ExitOK, want, "")
	}
	s.run("dlq", "show", "nope").want(t, cli.ExitError, "", "not found")
	preview := s.run("dlq", "replay", "--all", "--dry-run", "--show", "1")
	for _, want := range []string{"3 dead letters would be replayed: shop 3\n", first.ID + "  big-orders -> shop\n  POST " + sink.URL + "/orders\n", `{"order": "A-1"}`, "2 more are not shown"} {
		preview.want(t, cli.ExitOK, want, "")
	}
	s.run("dlq", "replay", "--all", "--dry-run", "--output", "json", "--as", "current").want(t, cli.ExitOK, `"send": 3`, "")
	s.run("dlq", "replay", "--all", "--yes", "--attempts", "1", "--stop-after", "2").want(t, cli.ExitError, "2 died again, 1 left in the queue", "continue with `signalbox dlq replay --resume")
	s.run("dlq", "show", first.ID).want(t, cli.ExitOK, "redriven 1 time\n", "")
	s.run("dlq", "replay", "--all", "--yes", "--to", "nope").want(t, cli.ExitError, "", `target "nope" is not defined`)
	s.run("dlq", "purge", page.Letters[2].ID, "--yes").want(t, cli.ExitOK, "1 dead letter dropped\n", "")

	sink.down.Store(false)
	s.run("dlq", "replay", first.ID, "--yes").want(t, cli.ExitOK, "1 dead letter: 1 delivered\n", "")
	jobs := s.run("dlq", "redrives")
	jobs.want(t, cli.ExitOK, "stopped", "")
	stopped := regexp.MustCompile(`(\S+)  stopped`).FindStringSubmatch(jobs.stdout)
	s.run("dlq", "redrives", stopped[1]).want(t, cli.ExitOK, "2 attempts in a row failed, the last with ERROR_FROM_TARGET", "")
	s.run("dlq", "replay", "--resume", stopped[1], "--all").want(t, cli.ExitUsage, "", "give no ids")
	s.run("dlq", "replay", "--resume", stopped[1]).want(t, cli.ExitOK, "1 dead letter: 1 delivered\n", "")
	s.run("dlq", "redrives", stopped[1], "--cancel").want(t, cli.ExitError, "", "only one that is running can be cancelled")
	s.eventually("delivered", func() bool { return len(sink.deliveries()) == 2 })
	if got := sink.deliveries()[0]; got != first.ID+` {"order": "A-1"}` {
		t.Errorf("the shop got %s, want the letter's own id and body", got)
	}
	s.eventually("settled", func() bool {
		_, a := s.get("/v1/accounts", "")
		return strings.Contains(a, `"planned":6,"ready":0,"waiting":0,"dead":0,"delivered":5,"dropped":1`)
	})
	s.run("dlq", "replay", "--all", "--yes").want(t, cli.ExitOK, "0 dead letters: nothing to do", "")
}

func TestNextStartGoesOn(t *testing.T) {
	sink := newShop(t)
	sink.down.Store(true)
	dir := shopDir(t, sink, "")
	write(t, dir, "rules.yaml", strings.ReplaceAll(strings.ReplaceAll(shopRules, "URL", sink.URL), "max_attempts: 2", "max_attempts: 100000"))
	s := startRouter(t, dir)
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	s.eventually("printed", func() bool { return strings.Contains(s.stdout.String(), `"rule":"all-orders"`) })

	again := signalbox(t, "serve", "--config", filepath.Join(dir, "config.yaml"))
	again.want(t, cli.ExitError, "", "the data directory is in use")
	if code := s.end(); code != cli.ExitOK {
		t.Fatalf("exited with %d", code)
	}
	if status, _ := s.get("/healthz", ""); status != 0 {
		t.Error("something still answers after the stop")
	}
	sink.down.Store(false)
	s = startRouter(t, dir)
	s.eventually("delivered", func() bool { return len(sink.deliveries()) == 1 })
}

func TestKeysGuardAllButHealth(t *testing.T) {
	const key = "a-key-of-some-length"
	s := startRouter(t, shopDir(t, newShop(t), "auth: {api_keys: ["+key+"]}\n"))
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 401, "/v1/rules": 401, "/v1/events": 401, "/nothing": 401} {
		if status, body := s.get(path, ""); status != want {
			t.Errorf("%s without a key: %d, want %d: %s", path, status, want, body)
		}
	}
	for _, route := range []string{
		"POST /", "POST /v1/commands", "POST /v1/queries", "POST /v1/explain", "POST /-/reload", "GET /v1/rules/default/x", "GET /v1/targets",
		"GET /v1/targets/x/keys", "POST /v1/targets/x/keys/resume", "POST /v1/targets/x/pause", "POST /v1/targets/x/resume", "POST /v1/targets/x/retry",
		"POST /v1/rules/default/x/pause", "GET /v1/deadletters", "GET /v1/deadletters/x", "POST /v1/deadletters/redrive",
		"POST /v1/deadletters/purge", "GET /v1/redrives", "GET /v1/redrives/x", "POST /v1/redrives/x/cancel", "POST /v1/redrives/x/resume",
		"GET /v1/events/x", "GET /v1/events/x/trace", "GET /v1/traces/x", "GET /v1/state", "GET /v1/state/x", "GET /v1/state/x/y",
		"GET /v1/work-requests", "GET /v1/work-requests/x", "DELETE /v1/work-requests/x", "GET /v1/catalog", "GET /v1/catalog/discover",
		"GET /v1/accounts", "GET /healthz/", "GET //healthz", "GET /v1/../healthz", "GET /readyz/x",
	} {
		method, path, _ := strings.Cut(route, " ")
		if status, body := s.request(method, path, ""); status != 401 {
			t.Errorf("%s without a key: %d, want 401: %s", route, status, body)
		}
	}
	for path, want := range map[string]int{"/metrics": 200, "/v1/rules": 200, "/v1/targets": 200, "/v1/rules/default/asleep": 200, "/nothing": 404} {
		if status, body := s.get(path, key); status != want {
			t.Errorf("%s with the key: %d, want %d: %s", path, status, want, body)
		}
	}
	s.run("dlq", "list").want(t, cli.ExitError, "", "SIGNALBOX_API_KEY")
	s.run("dlq", "list", "--api-key", key).want(t, cli.ExitOK, "no dead letters", "")
	t.Setenv(cli.KeyVariable, key)
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
}

// TestKeysHaveRights asks with three keys, and changes one of them while the router runs.
func TestKeysHaveRights(t *testing.T) {
	const keys = `auth:
  keys:
    - {name: reader, key: the-key-of-a-reader, rights: [read]}
    - {name: operator, key: the-key-of-an-operator, rights: [read, operate]}
    - {name: sender, key: %s, rights: [{send: [default]}]}
`
	dir := shopDir(t, newShop(t), fmt.Sprintf(keys, "the-first-key-of-a-sender"))
	s := startRouter(t, dir)
	const reader, operator, sender, second = "the-key-of-a-reader", "the-key-of-an-operator", "the-first-key-of-a-sender", "the-second-key-of-a-sender"
	for _, c := range []struct {
		method, path, key string
		status            int
	}{
		{"GET", "/v1/rules", reader, 200}, {"GET", "/v1/deadletters", operator, 200}, {"GET", "/v1/rules", sender, 403}, {"GET", "/metrics", sender, 403},
		{"POST", "/-/reload", reader, 403}, {"POST", "/-/reload", operator, 200}, {"POST", "/-/reload", sender, 403},
		{"POST", "/v1/deadletters/purge", reader, 403}, {"POST", "/v1/targets/x/pause", sender, 403}, {"GET", "/v1/rules", second, 401},
		{"GET", "/healthz", "", 200},
	} {
		if status, body := s.request(c.method, c.path, c.key); status != c.status {
			t.Errorf("%s %s with %s: %d %s, want %d", c.method, c.path, c.key, status, body, c.status)
		}
	}
	s.run("send", "--api-key", sender, bigOrder).want(t, cli.ExitOK, "-", "")
	s.run("send", "--api-key", operator, bigOrder).want(t, cli.ExitError, "", "may not send")
	config := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, bytes.ReplaceAll(text, []byte(sender), []byte(second)), 0o600))
	s.eventually("the new key is known", func() bool { status, _ := s.get("/v1/rules", second); return status == 403 })
	if status, _ := s.get("/v1/rules", sender); status != 401 {
		t.Errorf("the old key: %d", status)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := shopDir(t, newShop(t), "")
	o := signalbox(t, "serve", "--config", filepath.Join(dir, "config.yaml"), "--listen", l.Addr().String())
	o.want(t, cli.ExitError, "", "address already in use: stop the program that has it, or set listen to another port")
}

// slowly starts a router with 30 dead letters to a shop that is open again.
func slowly(t *testing.T) (s *serving, dir string) {
	sink := newShop(t)
	sink.down.Store(true)
	dir = shopDir(t, sink, "")
	s = startRouter(t, dir)
	signalboxIn(t, strings.Repeat(bigOrder+"\n", 30), "send", "-", "--url", s.url).want(t, cli.ExitOK, "-", "")
	s.eventually("dead", func() bool { _, a := s.get("/v1/accounts", ""); return strings.Contains(a, `"dead":30`) })
	sink.down.Store(false)
	return s, dir
}

func TestAnInterruptCancelsAReplay(t *testing.T) {
	s, _ := slowly(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan struct{})
	var out, errs bytes.Buffer
	var code int
	go func() {
		defer close(ended)
		code = run(ctx, []string{"dlq", "replay", "--all", "--yes", "--rate", "1/s", "--url", s.url}, strings.NewReader(""), &out, &errs)
	}()
	s.eventually("begun", func() bool { _, jobs := s.get("/v1/redrives", ""); return strings.Contains(jobs, `"delivered":1`) })
	interrupt()
	<-ended
	if !strings.Contains(out.String(), "left in the queue") || !strings.Contains(errs.String(), "cancelled; continue with `signalbox dlq replay --resume") || code == cli.ExitOK {
		t.Errorf("exited with %d: %s%s", code, out.String(), errs.String())
	}
}

// A redrive ends at once when the router stops, and continues with the next start.
func TestARedriveOutlivesTheRouter(t *testing.T) {
	s, dir := slowly(t)
	s.run("dlq", "replay", "--all", "--yes", "--rate", "1/s", "--detach").want(t, cli.ExitOK, "running", "")
	start := time.Now()
	if code := s.end(); code != cli.ExitOK {
		t.Errorf("exited with %d", code)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("the stop took %v", took)
	}
	s = startRouter(t, dir)
	jobs := s.run("dlq", "redrives")
	id := regexp.MustCompile(`(\S+)  running`).FindStringSubmatch(jobs.stdout)
	if id == nil {
		t.Fatalf("no redrive runs: %s", jobs.stdout)
	}
	s.run("dlq", "redrives", id[1], "--cancel").want(t, cli.ExitOK, "cancelled", "")
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	s := startRouter(t, shopDir(t, newShop(t), ""))
	for _, path := range []string{"/v1/deadletters/purge", "/-/reload", "/v1/events", "/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://evil.example")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: status %d, want 403", path, resp.StatusCode)
		}
	}
}
