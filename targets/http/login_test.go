package http

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/auth"
	"signalbox/hooks/signature"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/http/login"
	"signalbox/targets/targetstest"
)

var loginSecrets = targetstest.Vars("PASSWORD", "p4ssw0rd!", "SECRET", "a-secret-of-16-bytes", "TOKEN", "t0k3n-t0k3n")

// logged opens a target of a server with a login.
func logged(t *testing.T, server *httptest.Server, o Options) targets.Target {
	t.Helper()
	c := httpConfig(server.URL + "/in")
	own := c.Options.(*Options)
	o.Options = own.Options
	if o.URL == "" {
		o.URL = server.URL + "/in"
	}
	c.Options = &o
	return open(t, c, targets.Env{Secrets: loginSecrets})
}

// TestLogins holds each login against what checks it: the hooks and the keys of the router.
func TestLogins(t *testing.T) {
	keys, err := auth.NewKeys([]auth.Key{{Name: "me", ID: "AKID", Secret: "a-secret-of-16-bytes"}})
	if err != nil {
		t.Fatal(err)
	}
	form := signature.HMAC{Header: "X-Sig", Encoding: "base64", Prefix: "v1=", TimestampHeader: "X-Time"}
	form.SetDefaults()
	public, err := signature.ParseVerifying("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	if err != nil {
		t.Fatal(err)
	}
	by := func(v signature.Verifier) func(*http.Request, []byte) error {
		return func(r *http.Request, body []byte) error {
			check, err := v.Head(r.Header, time.Now())
			if err != nil {
				return err
			}
			return check(body)
		}
	}
	for _, tt := range []struct {
		name    string
		options Options
		check   func(*http.Request, []byte) error
	}{
		{"basic", Options{Auth: &login.Options{Basic: &login.Basic{User: "me", Password: "${PASSWORD}"}}}, by(signature.Basic("me", [][]byte{[]byte("p4ssw0rd!")}))},
		{"bearer", Options{Auth: &login.Options{Bearer: "${TOKEN}"}}, by(signature.Token("", [][]byte{[]byte("t0k3n-t0k3n")}))},
		{"a key in a header", Options{Auth: &login.Options{APIKey: &login.APIKey{Header: "X-Shop-Key", Value: "${TOKEN}"}}}, by(signature.Token("X-Shop-Key", [][]byte{[]byte("t0k3n-t0k3n")}))},
		{"a key in the query", Options{Auth: &login.Options{APIKey: &login.APIKey{Query: "key", Value: "${TOKEN}&{{x"}}}, func(r *http.Request, _ []byte) error {
			if got := r.URL.Query().Get("key"); got != "t0k3n-t0k3n&{{x" {
				return errors.New(got)
			}
			return nil
		}},
		{"hmac", Options{Auth: &login.Options{HMAC: &login.HMAC{Secret: "${SECRET}", HMAC: form}}}, by(form.Verifier([][]byte{[]byte("a-secret-of-16-bytes")}, time.Minute))},
		{"sigv4", Options{Auth: &login.Options{SigV4: &login.SigV4{Region: "eu-west-1", Service: "events", ID: "AKID", Secret: "${SECRET}"}}}, func(r *http.Request, body []byte) error {
			for name := range r.Header { // which our own check asks to be signed
				if strings.HasPrefix(name, "X-Signalbox-") {
					r.Header.Del(name)
				}
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			_, err := keys.Authenticate(r, 1<<20)
			return err
		}},
		{"ed25519", Options{SigningSecrets: []string{"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="}}, by(signature.Standard([]signature.Key{public}, time.Minute))},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, http2 %v", tt.name, http2), func(t *testing.T) {
				var asked atomic.Int64
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					body, _ := io.ReadAll(r.Body)
					if err := tt.check(r, body); err != nil {
						t.Error(err)
					}
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(w, "I know t0k3n-t0k3n, p4ssw0rd! and "+r.Header.Get("Authorization"))
				})
				o := tt.options
				o.HTTP2 = http2
				target := logged(t, server, o)
				err := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
				if asked.Load() != 1 {
					t.Errorf("asked %d times", asked.Load())
				}
				preview, previewErr := target.Preview(targetstest.Delivery())
				if previewErr != nil {
					t.Fatal(previewErr)
				}
				for _, text := range []string{err.Error() + err.Snippet, fmt.Sprint(preview)} {
					used := tt.options.Auth
					if used != nil && (used.Bearer != "" || used.APIKey != nil) && strings.Contains(text, "t0k3n-t0k3n") || used != nil && used.Basic != nil && strings.Contains(text, "p4ssw0rd!") {
						t.Errorf("shows a secret: %s", text)
					}
				}
			})
		}
	}
}

// TestDeauthorized: where the login was taken away nothing is sent, and it is tried again.
func TestDeauthorized(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	target := logged(t, server, Options{Auth: &login.Options{Deauthorized: "it leaked"}})
	err := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
	if err.Code != targets.CodeNoPermissions || err.Final || !strings.Contains(err.Error(), "is deauthorized (it leaked); give it another login") {
		t.Errorf("got %+v", err)
	}
}

// tokens is a server that gives tokens, and one that takes only the latest.
type tokens struct {
	given, refused atomic.Int64
	status         atomic.Int64 // of the token server; 0 for 200
}

func (k *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", k.given.Load()) {
			k.refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "not with "+r.Header.Get("Authorization"))
		}
		return
	}
	id, secret, _ := r.BasicAuth()
	if status := k.status.Load(); status != 0 || id != "me" || secret != "a-secret-of-16-bytes" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b" || r.FormValue("audience") != "x" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(max(status, 400)))
		_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s is not the secret"}`, secret)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, k.given.Add(1))
}

func TestOAuth2(t *testing.T) {
	k := new(tokens)
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	target := logged(t, server, Options{Auth: &login.Options{OAuth2: &login.OAuth2{TokenURL: server.URL + "/token", ClientID: "me", ClientSecret: "${SECRET}",
		Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "x"}}}})
	deliver := func() error { return target.Deliver(t.Context(), targetstest.Delivery()) }
	for range 3 {
		if err := deliver(); err != nil {
			t.Fatal(err)
		}
	}
	if k.given.Load() != 1 {
		t.Errorf("%d tokens for three deliveries", k.given.Load())
	}
	k.given.Add(1) // as if the server had forgotten the first
	if err := deliver(); err != nil || k.given.Load() != 3 || k.refused.Load() != 1 {
		t.Errorf("a revoked token: %v, %d tokens, %d refusals", err, k.given.Load(), k.refused.Load())
	}
	for status, want := range map[int64]string{400: targets.CodeNoPermissions, 401: targets.CodeNoPermissions, 404: targets.CodeNoResource, 429: targets.CodeThrottling, 500: targets.CodeErrorFromTarget} {
		k.given.Add(1)
		k.status.Store(status)
		err := targetstest.Error(t, deliver())
		if err.Code != want || err.Final || !strings.Contains(err.Error(), fmt.Sprintf("/token: it answers %d", status)) || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%d: %s %v (%v)", status, err.Code, err, err.Final)
		}
	}
	k.status.Store(0)
	if err := deliver(); err != nil {
		t.Errorf("after the token server has recovered: %v", err)
	}
}

// TestOAuth2OfMany: many deliveries at once share one token, and one new one.
func TestOAuth2OfMany(t *testing.T) {
	k := new(tokens)
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	target := logged(t, server, Options{Auth: &login.Options{OAuth2: &login.OAuth2{TokenURL: server.URL + "/token", ClientID: "me", ClientSecret: "${SECRET}",
		Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "x"}}}})
	for round := range 2 {
		done := make(chan error, 20)
		for range 20 {
			go func() { done <- target.Deliver(t.Context(), targetstest.Delivery()) }()
		}
		for range 20 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if want := int64(1 + 2*round); k.given.Load() != want {
			t.Errorf("round %d: %d tokens, want %d", round, k.given.Load(), want)
		}
		k.given.Add(1)
	}
}

func TestSuccess(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options Options
		status  int
		body    string
		want    string // empty for success
		final   bool
	}{
		{"as always", Options{}, 204, "", "", false},
		{"a status", Options{Success: []StatusRange{{200, 299}, {409, 409}}}, 409, "there already", "", false},
		{"another status", Options{Success: []StatusRange{{200, 200}}}, 201, "", "201 Created", true},
		{"a body", Options{SuccessWhen: "body.ok == true"}, 200, `{"ok":true}`, "", false},
		{"another body", Options{SuccessWhen: "body.ok == true"}, 200, `{"ok":false,"error":"full"}`, "200 OK, and success_when: body.ok == true: it does not hold", false},
		{"no JSON", Options{SuccessWhen: "body.ok == true"}, 200, `oops`, "invalid operation", false},
		{"no truth", Options{SuccessWhen: "body.ok"}, 200, `{"ok":1}`, "neither true nor false", false},
		{"text", Options{SuccessWhen: `body startsWith "OK" && headers["X-Done"] == ""`}, 200, `OK 7`, "", false},
		{"a body that is too long", Options{SuccessWhen: "true"}, 200, strings.Repeat("x", targets.MaxAnswer+1), "the answer is longer than", false},
		{"retry", Options{}, 200, `{"result": "RETRY"}`, "200 OK; its result is RETRY", false},
		{"drop", Options{}, 200, ` {"result":"DROP","why":"x"}`, "its result is DROP", true},
		{"drop in an error", Options{}, 500, `{"result":"DROP"}`, "500 Internal Server Error; its result is DROP", true},
		{"retry in an error", Options{}, 400, `{"result":"RETRY"}`, "400 Bad Request; its result is RETRY", false},
		{"another result", Options{}, 200, `{"result":"SUCCESS"}`, "", false},
		{"a result among much else", Options{}, 200, `{"result":"DROP","text":"` + strings.Repeat("x", 300) + `"}`, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			err := logged(t, server, tt.options).Deliver(t.Context(), targetstest.Delivery())
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := targetstest.Error(t, err); !strings.Contains(e.Error(), tt.want) || e.Final != tt.final {
				t.Errorf("%v (final %v), want %s (%v)", e, e.Final, tt.want, tt.final)
			}
		})
	}
	// Who asked for the answer gets it, whatever is in it.
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"result":"DROP"}`) })
	d := targetstest.Delivery()
	d.Answer = new(targets.Answer)
	if err := logged(t, server, Options{}).Deliver(t.Context(), d); err != nil || string(d.Answer.Body) != `{"result":"DROP"}` {
		t.Errorf("%v, %s", err, d.Answer.Body)
	}
}

// TestEgress: what may not be connected to is not, on either transport, but for a proxy of the
// configuration.
func TestEgress(t *testing.T) {
	guard, err := egress.New(egress.Policy{Deny: []string{egress.Private}})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	server := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	to, _ := url.Parse(server.URL)
	proxy := serve(t, httputil.NewSingleHostReverseProxy(to).ServeHTTP)
	deliver := func(address string, o Options) error {
		c := httpConfig(address)
		o.Options = c.Options.(*Options).Options
		c.Options = &o
		return open(t, c, targets.Env{Egress: guard}).Deliver(t.Context(), targetstest.Delivery())
	}
	for _, o := range []Options{{}, {HTTP2: true}, {ProxyFromEnv: true}} {
		if err := targetstest.Error(t, deliver(server.URL, o)); !strings.Contains(err.Error(), "is not of the public internet: add it to egress.allow") || err.Final || err.Code != targets.CodeConnectionFailure {
			t.Errorf("%+v: %v", o, err)
		}
	}
	oauth := Options{Auth: &login.Options{OAuth2: &login.OAuth2{TokenURL: server.URL, ClientID: "a", ClientSecret: "b"}}}
	if err := targetstest.Error(t, deliver("http://example.invalid/", oauth)); !strings.Contains(err.Error(), "no token from") || !strings.Contains(err.Error(), "may not connect") {
		t.Errorf("a token server: %v", err)
	}
	if asked.Load() != 0 {
		t.Errorf("the server was asked %d times", asked.Load())
	}
	if err := deliver("http://example.invalid/x", Options{Proxy: proxy.URL}); err != nil || asked.Load() != 1 {
		t.Errorf("over a proxy: %v", err)
	}
}

func TestLoginFaults(t *testing.T) {
	for _, tt := range []struct {
		options Options
		want    string
	}{
		{Options{Auth: &login.Options{}}, "auth: must have one of basic, bearer"},
		{Options{Auth: &login.Options{Bearer: "a", Basic: &login.Basic{}}}, "auth: must have one of basic, bearer"},
		{Options{Auth: &login.Options{Bearer: "a", Deauthorized: "x"}}, "auth: must have one of basic, bearer"},
		{Options{Auth: &login.Options{Basic: &login.Basic{User: "a:b", Password: "c"}}}, "auth.basic.user: can't hold a colon"},
		{Options{Auth: &login.Options{Basic: &login.Basic{User: "a", Password: "${EMPTY}"}}}, "auth.basic.password: is empty"},
		{Options{Auth: &login.Options{APIKey: &login.APIKey{Value: "x"}}}, "auth.api_key: must have one of header: and query:"},
		{Options{Auth: &login.Options{APIKey: &login.APIKey{Header: "Content-Length", Value: "x"}}}, "auth.api_key.header: it belongs to the connection"},
		{Options{Auth: &login.Options{OAuth2: &login.OAuth2{TokenURL: "ftp://x", ClientID: "a", ClientSecret: "b"}}}, "auth.oauth2.token_url: "},
		{Options{Auth: &login.Options{OAuth2: &login.OAuth2{TokenURL: "http://x", ClientID: "a"}}}, "auth.oauth2.client_secret: is missing"},
		{Options{Auth: &login.Options{SigV4: &login.SigV4{Region: "a", Service: "b", ID: "c"}}}, "auth.sigv4.secret_access_key: is missing"},
		{Options{Auth: &login.Options{HMAC: &login.HMAC{Secret: "a"}}}, "auth.hmac.header: is missing"},
		{Options{Success: []StatusRange{{100, 299}}}, "success.0: must be a status"},
		{Options{SuccessWhen: "boddy.ok"}, "success_when: at byte 0: unknown name boddy"},
		{Options{Proxy: "socks://x"}, "proxy: "},
		{Options{Proxy: "http://x", ProxyFromEnv: true}, "proxy: stands beside proxy_from_env"},
	} {
		c := httpConfig("http://127.0.0.1/")
		o := tt.options
		o.Options = c.Options.(*Options).Options
		c.Options = &o
		c.SetDefaults()
		var got []string
		for _, fault := range c.Validate(targetstest.Vars("EMPTY", "")) {
			got = append(got, fault.Error())
		}
		if all := strings.Join(got, "\n"); !strings.HasPrefix(all, tt.want) {
			t.Errorf("%q, want %q", all, tt.want)
		}
	}
	c := httpConfig("http://169.254.169.254/latest/meta-data/")
	c.SetDefaults()
	if faults := c.Validate(targetstest.Vars()); len(faults) != 1 || !strings.Contains(faults[0].Error(), "gives credentials of this machine") {
		t.Errorf("%v", faults)
	}
}
