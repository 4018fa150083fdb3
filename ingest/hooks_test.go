package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"signalbox/event"
	"signalbox/hooks"
	"signalbox/hooks/signature"
	"signalbox/secret"
)

// hooked is a door for webhooks.
type hooked struct {
	*Hooks
	t       *testing.T
	url     string
	refused atomic.Int64
}

func newHooked(t *testing.T, router Accepter, opts Options, all map[string]hooks.Config) *hooked {
	t.Helper()
	h := &hooked{t: t}
	opts.Refused = func(_ *http.Request, reason string) {
		if reason == "hook" {
			h.refused.Add(1)
		}
	}
	h.Hooks = NewHooks(New(router, opts), func(host string) bool { return strings.HasPrefix(host, "127.0.0.1") })
	h.Set(made(t, all))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL + "/v1/hooks/"
	return h
}

func made(t *testing.T, all map[string]hooks.Config) map[string]*hooks.Hook {
	t.Helper()
	out := map[string]*hooks.Hook{}
	for name, c := range all {
		hook, faults := hooks.New(name, c, secret.Source{}, "")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		out[name] = hook
	}
	return out
}

func (h *hooked) count(hook string, o hookOutcome) float64 {
	return testutil.ToFloat64(h.requests.WithLabelValues(hook, string(o)))
}

var githubForm = func() signature.HMAC {
	h := signature.HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="}
	h.SetDefaults()
	return h
}()

// signed returns the headers of a delivery from GitHub.
func signed(body, id string, more ...string) []string {
	f := githubForm.Sign([]byte("s3cr3t"), []byte(body), time.Now())[0]
	return append([]string{f.Name, f.Value, "X-GitHub-Event", "push", "X-GitHub-Delivery", id, "Content-Type", "application/json"}, more...)
}

var testHooks = map[string]hooks.Config{
	"gh":    {Verify: hooks.VerifyGitHub, Secrets: []string{"s3cr3t"}, Bus: "code"},
	"typed": {Verify: hooks.VerifyBearer, Secrets: []string{"t"}, DetailType: "body.a.b"},
	"open":  {Verify: hooks.VerifyNone},
}

func TestHook(t *testing.T) {
	router := new(fakeRouter)
	h := newHooked(t, router, Options{MaxBody: 1000, MaxDepth: 10}, testHooks)
	long := `{"a":"` + strings.Repeat("x", 1000) + `"}`
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("{}"))
	_ = w.Close()
	for _, tt := range []struct {
		name, hook, body string
		headers          []string
		status           int
		want             string
		outcome          hookOutcome
		refused          int64
	}{
		{"signed", "gh", `{"ref":"main"}`, signed(`{"ref":"main"}`, "d-1"), 200, `{"events":[{"id":"d-1"}]}`, hookAccepted, 0},
		{"another body", "gh", `{"ref":"Main"}`, signed(`{"ref":"main"}`, "d-2"), 401, `"code":"NotVerified"`, hookRefused, 1},
		{"not signed", "gh", `{}`, nil, 401, "the request has no header X-Hub-Signature-256", hookRefused, 1},
		{"the key of the API", "gh", `{}`, []string{"Authorization", "Bearer s3cr3t"}, 401, "NotVerified", hookRefused, 1},
		{"no JSON", "gh", `{`, signed(`{`, "d-3"), 400, "is not valid JSON", hookInvalid, 0},
		{"too deep", "gh", strings.Repeat("[", 11), signed(strings.Repeat("[", 11), "d-4"), 400, "nest deeper", hookInvalid, 0},
		{"too long", "gh", long, signed(long, "d-5"), 413, "is over the limit of 1000 bytes", hookInvalid, 0},
		{"compressed", "gh", zipped.String(), signed(zipped.String(), "d-6", "Content-Encoding", "gzip"), 415, "send it without Content-Encoding", hookInvalid, 0},
		{"an expression that fails", "typed", `{}`, []string{"Authorization", "Bearer t"}, 400, "detail_type of the hook: body.a.b", hookInvalid, 0},
		{"anybody", "open", `{"type":"x"}`, nil, 200, `{"events":[{"id":"`, hookAccepted, 0},
		{"anybody, as a page of another site sees it", "open", `{}`, []string{"Host", "evil.example"}, 421, `not known by the name \"evil.example\"`, hookRefused, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, refused := h.count(tt.hook, tt.outcome), h.refused.Load()
			started := time.Now()
			resp, got := h.send(tt.hook, tt.body, tt.headers...)
			if resp.StatusCode != tt.status || !strings.Contains(got, tt.want) {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, got, tt.status, tt.want)
			}
			if n := h.count(tt.hook, tt.outcome) - before; n != 1 {
				t.Errorf("counted %v as %s", n, tt.outcome)
			}
			if n := h.refused.Load() - refused; n != tt.refused {
				t.Errorf("%d refusals, want %d", n, tt.refused)
			}
			if took := time.Since(started); tt.refused > 0 && took < refusalWait {
				t.Errorf("refused after %v", took)
			}
		})
	}
	taken := router.taken()
	if len(taken) != 2 {
		t.Fatalf("%d events", len(taken))
	}
	if e := taken[0]; e.Source != "gh" || e.DetailType != "push" || e.Meta.Bus != "code" || e.Meta.DedupKey != "d-1" || string(e.Detail) != `{"ref":"main"}` {
		t.Errorf("%+v", e)
	}
}

func (h *hooked) send(hook, body string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, h.url+hook, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Host = r.Header.Get("Host")
	recorder := httptest.NewRecorder()
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	h.ServeHTTP(recorder, r)
	return recorder.Result(), recorder.Body.String()
}

func TestHookThatIsNone(t *testing.T) {
	h := newHooked(t, new(fakeRouter), Options{}, testHooks)
	for path, status := range map[string]int{"nothing": 404, "": 404, "gh/x": 404} {
		if resp, got := h.send(path, "{}"); resp.StatusCode != status {
			t.Errorf("%q: %d %s", path, resp.StatusCode, got)
		}
	}
	if resp, _ := send(t, http.MethodGet, h.url+"gh", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", resp.StatusCode)
	}
}

// TestSlackHook: the challenge is answered only where it is signed, and a command with nothing
// that Slack would show.
func TestSlackHook(t *testing.T) {
	router := new(fakeRouter)
	h := newHooked(t, router, Options{}, map[string]hooks.Config{"slack": {Verify: hooks.VerifySlack, Secrets: []string{"new", "old"}}})
	form := signature.HMAC{Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Signed: "v0:{timestamp}:{body}"}
	form.SetDefaults()
	sign := func(secret, body, contentType string, at time.Time) []string {
		headers := []string{"Content-Type", contentType}
		for _, f := range form.Sign([]byte(secret), []byte(body), at) {
			headers = append(headers, f.Name, f.Value)
		}
		return headers
	}
	const challenge, command = `{"type":"url_verification","challenge":"abc"}`, "command=%2Fdeploy&trigger_id=t1"
	if resp, got := h.send("slack", challenge, sign("old", challenge, "application/json", time.Now())...); resp.StatusCode != 200 || strings.TrimSpace(got) != `{"challenge":"abc"}` {
		t.Errorf("challenge: %d %s", resp.StatusCode, got)
	}
	if resp, got := h.send("slack", challenge, "Content-Type", "application/json"); resp.StatusCode != 401 || strings.Contains(got, "abc") {
		t.Errorf("a challenge of anybody: %d %s", resp.StatusCode, got)
	}
	if resp, got := h.send("slack", command, sign("new", command, "application/x-www-form-urlencoded", time.Now())...); resp.StatusCode != 200 || got != "" || resp.Header.Get(HeaderEventID) != "t1" {
		t.Errorf("command: %d %q", resp.StatusCode, got)
	}
	if resp, got := h.send("slack", command, sign("new", command, "application/x-www-form-urlencoded", time.Now().Add(-6*time.Minute))...); resp.StatusCode != 401 || !strings.Contains(got, "of another time") {
		t.Errorf("an old one: %d %s", resp.StatusCode, got)
	}
	if n := len(router.taken()); n != 1 {
		t.Errorf("%d events", n)
	}
}

// TestHookAnswers: what the router makes of the event is what the sender is told.
func TestHookAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		accept  func([]*event.Event) ([]error, error)
		status  int
		outcome hookOutcome
	}{
		{"a repeat", func(e []*event.Event) ([]error, error) { e[0].Duplicate = true; return []error{nil}, nil }, 200, hookDuplicate},
		{"refused", func([]*event.Event) ([]error, error) {
			return []error{&event.Error{Code: event.CodeNotFound, Message: "no bus"}}, nil
		}, 404, hookInvalid},
		{"a backlog", func([]*event.Event) ([]error, error) { return nil, busy{} }, 429, hookBacklog},
		{"a broken disk", func([]*event.Event) ([]error, error) { return nil, context.DeadlineExceeded }, 503, hookFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHooked(t, &fakeRouter{accept: tt.accept}, Options{}, testHooks)
			if resp, got := h.send("gh", "{}", signed("{}", "d")...); resp.StatusCode != tt.status || h.count("gh", tt.outcome) != 1 {
				t.Errorf("%d %s, want %d; %v counted as %s", resp.StatusCode, got, tt.status, h.count("gh", tt.outcome), tt.outcome)
			}
		})
	}
}

// senders is an Accepter that notes who sent.
type senders struct {
	fakeRouter
	of []string
}

func (s *senders) Accept(ctx context.Context, events []*event.Event) ([]error, error) {
	s.of = append(s.of, event.Sender(ctx))
	return s.fakeRouter.Accept(ctx, events)
}

// TestHooksAreSendersOfTheirOwn: equal ids of two hooks are two events.
func TestHooksAreSendersOfTheirOwn(t *testing.T) {
	router := new(senders)
	h := newHooked(t, router, Options{}, map[string]hooks.Config{"a": {Verify: hooks.VerifyNone}, "b": {Verify: hooks.VerifyNone}})
	h.send("a", "{}")
	h.send("b", "{}")
	if got := strings.Join(router.of, " "); got != "hook/a hook/b" {
		t.Errorf("sent by %s", got)
	}
}

// TestHooksChange: a hook that goes takes its counters along.
func TestHooksChange(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newHooked(t, new(fakeRouter), Options{Registerer: registry}, testHooks)
	series := func() int {
		n, err := testutil.GatherAndCount(registry, "signalbox_hook_requests_total")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := series(); n != 3*len(hookOutcomes) {
		t.Errorf("%d series", n)
	}
	h.Set(made(t, map[string]hooks.Config{"open": testHooks["open"]}))
	if n := series(); n != len(hookOutcomes) {
		t.Errorf("%d series after the change", n)
	}
	if resp, _ := h.send("gh", "{}", signed("{}", "d")...); resp.StatusCode != 404 {
		t.Errorf("a hook that has gone: %d", resp.StatusCode)
	}
}
