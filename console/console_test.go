package console_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"signalbox/api/client"
	"signalbox/audit"
	"signalbox/auth"
	"signalbox/console"
)

var (
	clientOptions = client.SendOptions{}
	auditRefused  = audit.Filter{Action: audit.RequestRefused}
)

// viewer is a browser without a screen.
type viewer struct {
	t    *testing.T
	w    *world
	http *http.Client
}

func newViewer(w *world, t *testing.T) *viewer {
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &viewer{t, w, &http.Client{Jar: jar, Transport: w.server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *viewer) do(r *http.Request) (*http.Response, string) {
	v.t.Helper()
	resp, err := v.http.Do(r)
	must(v.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(v.t, err)
	return resp, string(body)
}

func (v *viewer) get(path string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.w.server.URL+path, nil)
	must(v.t, err)
	return v.do(r)
}

var tokenForm = regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

// post sends a form, with the token of a page unless that is empty.
func (v *viewer) post(path, page string, fields url.Values, headers ...string) (*http.Response, string) {
	v.t.Helper()
	if fields == nil {
		fields = url.Values{}
	}
	if page != "" {
		_, text := v.get(page)
		found := tokenForm.FindStringSubmatch(text)
		if found == nil {
			v.t.Fatalf("no form on %s: %s", page, text)
		}
		fields.Set("token", found[1])
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.w.server.URL+path, strings.NewReader(fields.Encode()))
	must(v.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return v.do(r)
}

func (v *viewer) wants(resp *http.Response, body string, status int, want string) {
	v.t.Helper()
	if resp.StatusCode != status || !strings.Contains(body+resp.Header.Get("Location"), want) {
		v.t.Errorf("%s: %d %s %s\nwant %d with %s", resp.Request.URL, resp.StatusCode, resp.Header.Get("Location"), body, status, want)
	}
}

func TestHeaders(t *testing.T) {
	w, big := busy(t)
	v := newViewer(w, t)
	paths := []string{"login", "nothing", "event?id=nope"}
	for path := range w.shown(big) {
		paths = append(paths, path)
	}
	for _, path := range paths {
		resp, body := v.get("/ui/" + path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'", "X-Frame-Options": "DENY",
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html",
		} {
			if !strings.HasPrefix(resp.Header.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, resp.Header.Get(name))
			}
		}
		if regexp.MustCompile(`<style|style="|<script>|javascript:|\son[a-z]+="`).MatchString(body) {
			t.Errorf("%s has a script or a style of its own", path)
		}
	}
}

// TestFormsAreOurs: nothing changes but by a form that the console has shown to this viewer.
func TestFormsAreOurs(t *testing.T) {
	w := newWorld(t)
	v, other := newViewer(w, t), newViewer(w, t)
	const form, pause = "/ui/target?name=warehouse", "/ui/targets/pause"
	name := func() url.Values { return url.Values{"name": {"warehouse"}} }
	resp, body := v.post(pause, "", name())
	v.wants(resp, body, 403, "not of a page that the router has shown you")
	_, text := other.get(form)
	theirs := name()
	theirs.Set("token", tokenForm.FindStringSubmatch(text)[1])
	v.get(form)
	resp, body = v.post(pause, "", theirs)
	v.wants(resp, body, 403, "not of a page")
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		resp, body = v.post(pause, form, name(), header...)
		v.wants(resp, body, 403, "page of another site")
	}
	if s, err := w.client.Targets.Get(t.Context(), "warehouse"); err != nil || s.Pause != nil {
		t.Fatalf("a foreign form was taken: %+v, %v", s.Pause, err)
	}
	resp, body = v.post(pause, form, name())
	v.wants(resp, body, 303, form)
	if s, err := w.client.Targets.Get(t.Context(), "warehouse"); err != nil || s.Pause == nil {
		t.Errorf("a form was not taken: %v", err)
	}
	resp, body = v.get(pause)
	v.wants(resp, body, 404, "no page is at")
	resp, body = v.post(pause, form, url.Values{"name": {"warehuose"}})
	v.wants(resp, body, 404, "did you mean &#34;warehouse&#34;?")
}

func TestLogin(t *testing.T) {
	read := auth.Key{Name: "ada", Token: "a-key-that-may-read", Rights: auth.Rights{Held: []auth.Right{auth.Read}}}
	w := newWorld(t, auth.Key{Name: "ops", Token: theKey, Rights: auth.Rights{Held: []auth.Right{auth.Admin}}}, read)
	w.order(1, 50)
	v := newViewer(w, t)
	resp, body := v.get("/ui/events?outcome=dead")
	v.wants(resp, body, 303, "/ui/login?next=events%3Foutcome%3Ddead")
	resp, body = v.post("/ui/targets/pause", "/ui/login", url.Values{"name": {"warehouse"}})
	v.wants(resp, body, 303, "/ui/login")
	resp, body = v.post("/ui/login", "/ui/login", url.Values{"key": {"wrong"}})
	v.wants(resp, body, 401, "This key is not known.")
	for _, next := range []string{"//evil.example", "https://evil.example", `\\evil.example`, "/etc", "../v1/rules"} {
		resp, body = newViewer(w, t).post("/ui/login", "/ui/login", url.Values{"key": {read.Token}, "next": {next}})
		v.wants(resp, body, 303, "/ui/")
		if to := resp.Header.Get("Location"); to != "/ui/" {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
	before := cookieOf(v)
	resp, body = v.post("/ui/login", "/ui/login?next=events", url.Values{"key": {" " + read.Token + "\n"}, "next": {"events"}})
	v.wants(resp, body, 303, "/ui/events")
	set := resp.Header.Values("Set-Cookie")
	if last := set[len(set)-1]; !strings.Contains(last, "HttpOnly") || !strings.Contains(last, "SameSite=Strict") || !strings.Contains(last, "Path=/ui/") {
		t.Errorf("the cookie is %q", last)
	}
	if cookieOf(v) == before || strings.Contains(strings.Join(set, ""), read.Token) {
		t.Error("the login keeps the id from before it, or shows the key")
	}
	resp, body = v.get("/ui/events")
	v.wants(resp, body, 200, "OrderCreated")
	resp, body = v.post("/ui/targets/pause", "/ui/target?name=warehouse", url.Values{"name": {"warehouse"}})
	v.wants(resp, body, 403, "the key &#34;ada&#34; has no right to operate")
	old := cookieOf(v)
	resp, body = v.post("/ui/logout", "/ui/events", nil)
	v.wants(resp, body, 303, "/ui/login")
	resp, body = v.get("/ui/events")
	v.wants(resp, body, 303, "/ui/login")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/ui/events", nil)
	must(t, err)
	r.AddCookie(&http.Cookie{Name: "signalbox", Value: old})
	resp, body = newViewer(w, t).do(r)
	v.wants(resp, body, 303, "/ui/login")
	page, err := w.client.Audit.List(t.Context(), auditRefused, "", 10)
	must(t, err)
	if len(page.Entries) == 0 || page.Entries[0].From == "" {
		t.Errorf("the audit has no refusals of the console: %+v", page.Entries)
	}
}

// TestKeyThatIsGone: the session of a key that is not known any more ends, whatever is asked next.
func TestKeyThatIsGone(t *testing.T) {
	ops := auth.Key{Name: "ops", Token: theKey, Rights: auth.Rights{Held: []auth.Right{auth.Admin}}}
	gone := auth.Key{Name: "ada", Token: "a-key-that-will-be-gone", Rights: auth.Rights{Held: []auth.Right{auth.Admin}}}
	for _, ask := range []func(*viewer, url.Values) (*http.Response, string){
		func(v *viewer, _ url.Values) (*http.Response, string) { return v.get("/ui/targets") },
		func(v *viewer, _ url.Values) (*http.Response, string) { return v.get("/ui/flow.svg") },
		func(v *viewer, token url.Values) (*http.Response, string) {
			return v.post("/ui/targets/pause", "", token)
		},
	} {
		w := newWorld(t, ops, gone)
		v := newViewer(w, t)
		resp, body := v.post("/ui/login", "/ui/login", url.Values{"key": {gone.Token}})
		v.wants(resp, body, 303, "/ui/")
		_, text := v.get("/ui/target?name=warehouse")
		form := url.Values{"name": {"warehouse"}, "token": {tokenForm.FindStringSubmatch(text)[1]}}
		keys, err := auth.NewKeys([]auth.Key{ops})
		must(t, err)
		w.setKeys(keys)
		resp, body = ask(v, form)
		v.wants(resp, body, 303, "/ui/login")
		resp, body = v.get("/ui/targets")
		v.wants(resp, body, 303, "/ui/login?next=targets")
		if s, err := w.client.Targets.Get(t.Context(), "warehouse"); err != nil || s.Pause != nil {
			t.Errorf("a key that is gone has paused a target: %+v, %v", s.Pause, err)
		}
	}
}

// cookieOf returns the viewer's id.
func cookieOf(v *viewer) string {
	at, _ := url.Parse(v.w.server.URL + "/ui/")
	for _, c := range v.http.Jar.Cookies(at) {
		if c.Name == "signalbox" {
			return c.Value
		}
	}
	return ""
}

func TestSecureUnderTLS(t *testing.T) {
	pages := console.New(console.Options{API: http.NotFoundHandler(), NeedsKey: func() bool { return true }})
	for _, over := range []*tls.ConnectionState{nil, {}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ui/login", nil)
		r.TLS = over
		answer := httptest.NewRecorder()
		pages.ServeHTTP(answer, r)
		if got := strings.Contains(answer.Header().Get("Set-Cookie"), "; Secure"); got != (over != nil) {
			t.Errorf("TLS %v: Secure is %v", over != nil, got)
		}
	}
}

// open asks for a live page.
func (w *world) open(ctx context.Context, path string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path, nil)
	must(w.t, err)
	r.Header.Set("Accept", "text/event-stream")
	resp, err := w.server.Client().Do(r)
	must(w.t, err)
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// live is what a live page is sent.
type live struct {
	t     testing.TB
	lines *bufio.Scanner
}

func (w *world) stream(path string) live {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	w.t.Cleanup(cancel)
	return live{w.t, bufio.NewScanner(w.open(ctx, path).Body)}
}

// sees waits for a text.
func (l live) sees(want string) {
	l.t.Helper()
	for l.lines.Scan() {
		if strings.Contains(l.lines.Text(), want) {
			return
		}
	}
	l.t.Fatalf("the stream has no %q: %v", want, l.lines.Err())
}

// TestStreamsAreBounded: a seventeenth live page is refused, and one that is closed makes room.
func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	open := func(ctx context.Context) *http.Response { return w.open(ctx, "/ui/targets") }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for n := range 16 {
		resp := open(ctx)
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); resp.StatusCode != 200 || line != ": here\n" {
			t.Fatalf("stream %d: %d %q %v", n, resp.StatusCode, line, err)
		}
	}
	if resp := open(ctx); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the seventeenth: %d", resp.StatusCode)
	}
	cancel()
	w.eventually("there is room again", func() bool {
		again, cancel := context.WithCancel(t.Context())
		defer cancel()
		return open(again).StatusCode == 200
	})
}

func TestUnknownHost(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/ui/events", nil)
	must(t, err)
	r.Host = "evil.example"
	resp, body := newViewer(w, t).do(r)
	if resp.StatusCode != http.StatusMisdirectedRequest || strings.Contains(body, "<table") {
		t.Errorf("a name that is not the router's: %d %s", resp.StatusCode, body)
	}
}
