package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/auth/authtest"
	"signalbox/cmd/signalbox/internal/cli"
)

// stranger sends requests as they are, whatever a client would make of them.
type stranger func(method, target string, headers ...string) (status int, header http.Header, body string)

// raw speaks HTTP/1.1.
func (s *serving) raw(method, target string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	text := fmt.Sprintf("%s %s HTTP/1.1\r\n", method, target)
	if !strings.Contains(strings.ToLower(strings.Join(headers, "\n")), "host:") {
		text += "Host: " + address + "\r\n"
	}
	for _, h := range headers {
		text += h + "\r\n"
	}
	return s.say(address, text+"Content-Length: 2\r\nConnection: close\r\n\r\n{}", method)
}

// say sends a text and reads an answer.
func (s *serving) say(address, text, method string) (int, http.Header, string) {
	s.t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text) // one that is refused early may not be read
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body)
}

// second speaks HTTP/2, which has no request line to play with.
func (s *serving) second() stranger {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return func(method, target string, headers ...string) (int, http.Header, string) {
		s.t.Helper()
		base := strings.TrimPrefix(s.url, "https://")
		path, query, _ := strings.Cut(target, "?")
		req := &http.Request{Method: method, URL: &url.URL{Scheme: "https", Host: base, Opaque: path, RawQuery: query}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Add(name, value)
		}
		resp, err := transport.RoundTrip(req.WithContext(s.t.Context()))
		if err != nil {
			return 0, nil, err.Error()
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 {
			s.t.Errorf("spoke %s", resp.Proto)
		}
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header, string(body)
	}
}

// ways are other spellings of a path.
func ways(path string) []string {
	rest := strings.TrimPrefix(path, "/v1")
	return []string{
		path, "/" + path, "/v1/" + rest, "/v1/." + rest, "/v1/x/.." + rest, "/healthz/.." + path, "/healthz/%2e%2e" + path, "/readyz/..;" + path,
		"/healthz%2f.." + path, "/v1%2f" + rest[1:], "/%76%31" + rest, strings.ToUpper(path), path + "/", path + "/.", path + "%20", path + "%00", path + "?x=1", path + ";a=b",
		path + "#/healthz", `\healthz\..` + path, "/healthz?/.." + path, "/healthz%00" + path,
	}
}

var methods = []string{"POST", "HEAD", "OPTIONS", "TRACE", "PURGE", "post"}

// tricks are headers that some servers and proxies obey.
var tricks = [][]string{
	{"X-HTTP-Method-Override: POST"}, {"X-Method-Override: POST"}, {"X-Original-URL: /v1/targets/shop/pause", "X-Rewrite-URL: /v1/targets/shop/pause"},
	{"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1"}, {"X-Forwarded-Host: localhost", "X-Forwarded-Proto: https"},
	{"X-Forwarded-User: anna", "Remote-User: anna", "X-Signalbox-Key: anna"}, {"Cookie: key=the-key-of-anna-operating"},
}

// TestStrangersReachNothing tries paths, methods and headers without a key and with one that
// may only read, over both versions of HTTP, and looks whether anything has changed.
func TestStrangersReachNothing(t *testing.T) {
	const anna, reader = "the-key-of-anna-operating", "the-key-of-a-reader"
	const keys = "auth:\n  keys:\n    - {name: anna, key: " + anna + ", rights: [operate, read]}\n    - {name: reader, key: " + reader + ", rights: [read]}\n"
	plain := startRouter(t, shopDir(t, newShop(t), keys))
	dir := shopDir(t, newShop(t), keys+tlsConfig)
	authtest.NewCA(t).Write(filepath.Join(dir, "certs"), time.Hour)
	secure := startRouter(t, dir)
	second := secure.second()
	for name, send := range map[string]stranger{"HTTP/1.1": plain.raw, "HTTP/2": second} {
		paused := func() bool {
			_, _, body := send("GET", "/v1/targets/shop", "Authorization: Bearer "+reader)
			return !strings.Contains(body, `"state":"ok"`)
		}
		if paused() {
			t.Fatalf("%s: the target does not run to begin with", name)
		}
		// Refusals are held back, so many are asked for at a time.
		var asking sync.WaitGroup
		var refused atomic.Int64
		room := make(chan struct{}, 40)
		try := func(method, path string, headers []string) {
			room <- struct{}{}
			asking.Go(func() {
				defer func() { <-room }()
				if tryAsStranger(t, name, send, reader, method, path, headers) {
					refused.Add(1)
				}
			})
		}
		for _, path := range ways("/v1/targets/shop/pause") {
			try("POST", path, nil)
		}
		for _, path := range ways("/v1/rules") {
			try("GET", path, nil)
		}
		for _, method := range methods {
			try(method, "/v1/targets/shop/pause", nil)
		}
		for _, headers := range tricks {
			try("POST", "/v1/targets/shop/pause", headers)
			try("GET", "/v1/targets/shop/pause", headers)
		}
		asking.Wait()
		if n := refused.Load(); n < 30 {
			t.Errorf("%s: only %d requests were refused for their key", name, n)
		}
		if paused() {
			t.Errorf("%s: a stranger has paused the target", name)
		}
		if status, _, body := send("POST", "/v1/targets/shop/pause", "Authorization: Bearer "+anna); status != 200 || !paused() {
			t.Errorf("%s: anna can't pause it: %d %s", name, status, body)
		}
	}
}

// tryAsStranger sends a request without a key and with a reader's.
func tryAsStranger(t *testing.T, name string, send stranger, reader, method, path string, headers []string) (refused bool) {
	status, header, body := send(method, path, headers...)
	health := strings.HasPrefix(path, "/healthz?") && status == 405 // which needs no key
	if !health && status != 401 && status != 400 && status != 0 || strings.Contains(body, "big-orders") {
		t.Errorf("%s: %s %s %v: %d %s", name, method, path, headers, status, body)
	}
	if header.Get("Access-Control-Allow-Origin") != "" || header.Get("Server") != "" || header != nil && status != 400 && header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: %s %s %v: headers %v", name, method, path, headers, header)
	}
	refused = status == 401
	status, _, body = send(method, path, append(slices.Clone(headers), "Authorization: Bearer "+reader)...)
	if method != "GET" && method != "HEAD" && status/100 == 2 {
		t.Errorf("%s: %s %s %v with the reader's key: %d %s", name, method, path, headers, status, body)
	}
	return refused
}

// TestForgedKeysOpenNothing sends what looks like a key.
func TestForgedKeysOpenNothing(t *testing.T) {
	const id, secret, token = "AKIDSHOP", "0123456789abcdef0123456789abcdef", "the-key-of-a-reader"
	s := startRouter(t, shopDir(t, newShop(t), "auth:\n  keys:\n    - {name: shop, id: "+id+", secret: "+secret+", rights: [admin]}\n    - {name: reader, key: "+token+", rights: [read]}\n"))
	now := time.Now().UTC().Format("20060102T150405Z")
	date := "X-Amz-Date: " + now
	scope := id + "/" + now[:8] + "/eu-west-1/events/aws4_request"
	signed := func(value string) string {
		return "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + value
	}
	for name, headers := range map[string][]string{
		"the id as a token":       {"Authorization: Bearer " + id},
		"the secret as a token":   {"Authorization: Bearer " + secret},
		"no signature":            {date, signed("")},
		"zeros":                   {date, signed(strings.Repeat("0", 64))},
		"no date":                 {signed(strings.Repeat("0", 64))},
		"another algorithm":       {date, strings.Replace(signed("0"), "HMAC-SHA256", "ECDSA-P256-SHA256", 1)},
		"an old algorithm":        {date, "Authorization: AWS " + id + ":" + secret},
		"in the query only":       {date},
		"no headers are signed":   {date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", Signature=0"},
		"two credentials":         {date, "Authorization: AWS4-HMAC-SHA256 Credential=" + token + "/x/x/x/aws4_request, Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=0"},
		"the token as an id":      {date, strings.Replace(signed("0"), id, token, 1)},
		"the payload is unsigned": {date, "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD", signed("0")},
		"two headers":             {"Authorization: Bearer nothing-of-the-kind", "Authorization: Bearer " + token},
		"a longer token":          {"Authorization: Bearer " + token + token},
		"a token and more":        {"Authorization: Bearer " + token + " x"},
		"basic":                   {"Authorization: Basic " + token},
		"no scheme":               {"Authorization: " + token},
		"an empty one":            {"Authorization: Bearer"},
		"another header":          {"X-Api-Key: " + token},
	} {
		target := "/v1/rules"
		if name == "in the query only" {
			target += "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(scope) + "&X-Amz-SignedHeaders=host&X-Amz-Signature=0&api_key=" + token + "&access_token=" + token
		}
		status, _, body := s.raw("GET", target, headers...)
		if status != 401 || strings.Contains(body, token) || strings.Contains(body, secret) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _, body := s.raw("GET", "/v1/rules", "Authorization: Bearer "+token); status != 200 {
		t.Errorf("the right key: %d %s", status, body)
	}
	if strings.Contains(s.stderr.String(), token) || strings.Contains(s.stderr.String(), secret) {
		t.Error("the log has a key")
	}
}

// TestPagesReachNothing does what a page in a browser on the machine of the router can do,
// by names of its own and by those of the router.
func TestPagesReachNothing(t *testing.T) {
	s := startRouter(t, shopDir(t, newShop(t), ""))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	must(t, err)
	own, evil := "Host: localhost:"+port, "Host: evil.test:"+port
	for name, test := range map[string]struct {
		method, target string
		headers        []string
		status         int
	}{
		"its own name":               {"POST", "/v1/deadletters/purge", []string{evil, "Origin: http://evil.test:" + port, "Sec-Fetch-Site: same-origin"}, 421},
		"its own name, to read":      {"GET", "/v1/deadletters", []string{evil, "Sec-Fetch-Site: same-origin"}, 421},
		"its own name, metrics":      {"GET", "/metrics", []string{evil}, 421},
		"its own name, AWS":          {"POST", "/", []string{evil, "X-Amz-Target: AWSEvents.PutEvents"}, 421},
		"a name within a name":       {"GET", "/v1/rules", []string{"Host: localhost.evil.test"}, 421},
		"a user before the name":     {"GET", "/v1/rules", []string{"Host: localhost@evil.test"}, 400},
		"another page":               {"POST", "/v1/deadletters/purge", []string{own, "Origin: http://evil.test", "Sec-Fetch-Site: cross-site"}, 403},
		"a page of another port":     {"POST", "/v1/deadletters/purge", []string{own, "Origin: http://localhost:1", "Sec-Fetch-Site: same-site"}, 403},
		"an old browser":             {"POST", "/v1/deadletters/purge", []string{own, "Origin: http://evil.test"}, 403},
		"a sandboxed frame":          {"POST", "/v1/deadletters/purge", []string{own, "Origin: null"}, 403},
		"a form":                     {"POST", "/v1/events", []string{own, "Origin: http://evil.test", "Content-Type: text/plain"}, 403},
		"a beacon":                   {"POST", "/v1/events", []string{own, "Origin: http://evil.test", "Content-Type: application/x-www-form-urlencoded"}, 403},
		"without an origin, a form":  {"POST", "/v1/events", []string{own, "Content-Type: text/plain"}, 415},
		"it asks beforehand":         {"OPTIONS", "/v1/deadletters/purge", []string{own, "Origin: http://evil.test", "Access-Control-Request-Method: POST"}, 405},
		"it asks beforehand, events": {"OPTIONS", "/v1/events", []string{own, "Origin: http://evil.test", "Access-Control-Request-Method: POST"}, 200},
		"it reads blindly":           {"GET", "/v1/deadletters", []string{own, "Origin: http://evil.test", "Sec-Fetch-Site: cross-site"}, 200},
		"absolute":                   {"GET", "http://evil.test/v1/rules", []string{own}, 421},
		"a tool of this machine":     {"GET", "/v1/rules", []string{own}, 200},
	} {
		status, header, body := s.raw(test.method, test.target, test.headers...)
		if status != test.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, test.status)
		}
		for h := range header {
			if strings.HasPrefix(h, "Access-Control-") {
				t.Errorf("%s: the page may read the answer: %s", name, h)
			}
		}
		if status != 400 && header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the answer may be taken for a script: %v", name, header)
		}
	}
	if status, _, body := s.say(strings.TrimPrefix(s.url, "http://"), "GET /v1/rules HTTP/1.0\r\n\r\n", "GET"); status != 421 {
		t.Errorf("no name at all: %d %s", status, body)
	}
}

// TestHealthTellsNothing but that: not who, not where, not how much.
func TestHealthTellsNothing(t *testing.T) {
	dir := shopDir(t, newShop(t), "auth: {keys: [{name: anna, key: the-key-of-anna-operating, rights: [admin]}]}\n")
	config := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, []byte(strings.Replace(string(text), "min_free_disk: 0", "min_free_disk: 1000TiB", 1)), 0o600))
	s := startRouter(t, dir)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": ""} {
		_, header, body := s.raw("GET", path)
		if want != "" && body != want || strings.Contains(body, dir) || strings.Contains(body, "shop") {
			t.Errorf("%s: %q", path, body)
		}
		if path == "/readyz" && !strings.Contains(body, "min_free_disk") {
			t.Errorf("/readyz gives no reason: %q", body)
		}
		for h := range header {
			if !strings.Contains("Content-Type Content-Length Date Connection X-Content-Type-Options Content-Security-Policy", h) {
				t.Errorf("%s has the header %s", path, h)
			}
		}
	}
	for _, path := range []string{"/metrics", "/v1/openapi.json", "/v1/audit", "/debug/pprof/", "/favicon.ico", "/robots.txt"} {
		if status, _, body := s.raw("GET", path); status != 401 || strings.Contains(body, path) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, body := s.raw("GET", "/ui/events"); status != 303 || strings.Contains(body, "shop") { // to where a key is asked for
		t.Errorf("/ui/events: %d %s", status, body)
	}
}

// TestADryRunIsReading: it shows rules, targets and bodies.
func TestADryRunIsReading(t *testing.T) {
	const sender, reader = "the-key-of-a-sender", "the-key-of-a-reader"
	s := startRouter(t, shopDir(t, newShop(t), "auth:\n  keys:\n    - {name: sender, key: "+sender+", rights: [send]}\n    - {name: reader, key: "+reader+", rights: [read]}\n"))
	s.run("send", bigOrder, "--dry-run", "--api-key", sender).want(t, cli.ExitError, "", "has no right to read, which a dry run needs")
	s.run("send", bigOrder, "--dry-run", "--api-key", reader).want(t, cli.ExitOK, "rule big-orders", "")
	s.run("send", bigOrder, "--api-key", sender).want(t, cli.ExitOK, "-", "")
	s.run("send", bigOrder, "--api-key", reader).want(t, cli.ExitError, "", "may not send")
	var accounts struct{ Events struct{ Accepted int } }
	_, body := s.get("/v1/accounts", reader)
	must(t, json.Unmarshal([]byte(body), &accounts))
	if accounts.Events.Accepted != 1 {
		t.Errorf("accepted: %s", body)
	}
}

// TestAReloadOpensNothing takes all keys out while the router listens beyond loopback.
func TestAReloadOpensNothing(t *testing.T) {
	const key = "the-key-of-anna-operating"
	dir := shopDir(t, newShop(t), "auth: {keys: [{name: anna, key: "+key+", rights: [admin]}]}\n")
	config := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, []byte(strings.Replace(string(text), "127.0.0.1:0", "0.0.0.0:0", 1)), 0o600))
	s := startRouter(t, dir)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	s.url = "http://127.0.0.1:" + port
	must(t, os.WriteFile(config, []byte(strings.Split(string(text), "auth:")[0]), 0o600)) // loopback, and no keys
	s.eventually("refused", func() bool {
		return strings.Contains(s.stderr.String(), "until it starts again the router listens on 0.0.0.0:0")
	})
	if status, _ := s.get("/v1/rules", ""); status != 401 {
		t.Errorf("without a key: %d", status)
	}
	if status, _ := s.get("/v1/rules", key); status != 200 {
		t.Errorf("with the key: %d", status)
	}
}
