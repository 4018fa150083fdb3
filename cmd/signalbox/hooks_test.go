package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/hooks"
)

// hook sends a delivery of the examples, with other headers where there are some.
func (s *serving) hook(name, file string, headers ...string) (status int, body string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "hooks", "deliveries", file))
	must(s.t, err)
	d, err := hooks.ParseRequest(text)
	must(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/v1/hooks/"+name, bytes.NewReader(d.Body))
	must(s.t, err)
	req.Header, req.Close = d.Header, true
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	must(s.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp.StatusCode, string(answer)
}

const hookKey = "a-key-of-the-api-itself"

// TestWebhooks takes webhooks in a router with keys, which they do not need, and reloads the
// hooks while it runs.
func TestWebhooks(t *testing.T) {
	var delivered atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"source":"github"`) && strings.Contains(string(body), `"detail-type":"pull_request"`) {
			delivered.Add(1)
		}
	}))
	defer target.Close()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\nauth: {keys: [{name: all, key: "+hookKey+", rights: [admin]}]}\n")
	write(t, dir, "secret", "example-github-secret")
	rules := "targets: {out: {type: http, url: '" + target.URL + "'}}\nrules: [{name: a, pattern: {source: [github]}, targets: [out]}]\n" +
		"hooks:\n  github: {verify: github, secrets: ['${file:secret}']}\n"
	write(t, dir, "rules.yaml", rules)
	s := startRouter(t, dir)
	want := func(what string, status int, text string, headers ...string) {
		t.Helper()
		if got, body := s.hook("github", "github.http", headers...); got != status || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s", what, got, body)
		}
	}
	want("signed", 200, `{"events":[{"id":"72d3162e-cc78-11e3-81ab-4c9367dc0958"}]}`)
	want("again", 200, `"duplicate":true`)
	want("again, as another event", 200, `"duplicate":true`, "X-GitHub-Event", "push")
	want("with another signature", 401, "NotVerified", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	if status, body := s.hook("github", "github-form.http"); status != 200 {
		t.Errorf("as a form: %d %s", status, body)
	}
	s.eventually("delivered", func() bool { return delivered.Load() == 2 })
	if status, _ := s.get("/v1/events", ""); status != 401 {
		t.Errorf("the key is not asked for elsewhere: %d", status)
	}

	write(t, dir, "secret", "another-secret")
	s.eventually("the secret is another", func() bool {
		status, _ := s.hook("github", "github.http", "X-GitHub-Delivery", "d-2")
		return status == 401
	})
	write(t, dir, "rules.yaml", rules+"  slack: {verify: slak, secrets: [x]}\n")
	s.eventually("the fault is told", func() bool {
		return strings.Contains(s.stderr.String(), `verify: is \"slak\"`) || strings.Contains(s.stderr.String(), `verify: is "slak"`)
	})
	if status, _ := s.hook("github", "github.http"); status != 401 {
		t.Errorf("a faulty reload changed something: %d", status)
	}
	write(t, dir, "secret", "example-github-secret")
	write(t, dir, "rules.yaml", rules)
	s.eventually("the secret is the first", func() bool {
		status, _ := s.hook("github", "github.http", "X-GitHub-Delivery", "d-3")
		return status == 200
	})
	_, metrics := s.get("/metrics", hookKey)
	for _, line := range []string{`signalbox_hook_requests_total{hook="github",outcome="accepted"} `, `signalbox_hook_requests_total{hook="github",outcome="duplicate"} `} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	s.run("audit", "--api-key", hookKey).want(t, cli.ExitOK, "/v1/hooks/github", "")
}

// TestOpenHooksStayAtHome: a hook that verifies nothing is not served beyond loopback, however
// the router comes to listen there.
func TestOpenHooksStayAtHome(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", "hooks:\n  open: {verify: none}\n")
	const keys = "data_dir: data\nrules: [rules.yaml]\nauth: {keys: [{name: all, key: " + hookKey + ", rights: [admin]}]}\n"
	config := write(t, dir, "config.yaml", "listen: 0.0.0.0:0\npublic_url: https://x.example\n"+keys)
	signalbox(t, "check", "--config", config).want(t, cli.ExitError, `rules.yaml:2:18: hook "open": verify: is none, and the router can be reached from other machines`, "")
	config = write(t, dir, "config.yaml", "listen: 127.0.0.1:0\n"+keys)
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "ok", "")
	signalbox(t, "serve", "--config", config, "--listen", "0.0.0.0:0").want(t, cli.ExitError, "", `hook "open" has verify: none, and everybody who reaches this address could send events`)
	write(t, dir, "config.yaml", "allow_unauthenticated: true\nlisten: 0.0.0.0:0\npublic_url: https://x.example\n"+keys)
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "ok", "")
}
