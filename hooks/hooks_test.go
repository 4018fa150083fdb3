package hooks

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/secret"
)

func hook(t *testing.T, c Config) *Hook {
	t.Helper()
	if c.Verify != VerifyNone {
		c.Secrets = []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	}
	if c.Verify == VerifyHMAC {
		c.Header = "X-Sig"
	}
	h, faults := New("shop", c, secret.Source{}, "")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return h
}

func request(contentType, body string, headers ...string) *Request {
	r := &Request{Header: http.Header{}, Query: url.Values{"team": {"a", "b"}}, Body: []byte(body)}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const form = "application/x-www-form-urlencoded"

func TestEvent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		config  Config
		request *Request
		want    string // source type id time detail, or the error
	}{
		{"github", Config{Verify: VerifyGitHub}, request("application/json", `{"a":1}`, "X-GitHub-Event", "push", "X-GitHub-Delivery", "d-1"), `shop push d-1 - {"a":1}`},
		{"github as a form", Config{Verify: VerifyGitHub}, request(form, "payload=%7B%22a%22%3A+1%7D", "X-GitHub-Event", "push"), `shop push  - {"a": 1}`},
		{"github with a number beyond all", Config{Verify: VerifyGitHub}, request("application/json", `{"a":1e999}`, "X-GitHub-Event", "push"), `shop push  - {"a":1e999}`},
		{"stripe", Config{Verify: VerifyStripe}, request("application/json; charset=utf-8", `{"id":"evt_1","type":"invoice.paid","created":1700000000}`),
			`shop invoice.paid evt_1 2023-11-14T22:13:20Z {"id":"evt_1","type":"invoice.paid","created":1700000000}`},
		{"stripe that sends something else", Config{Verify: VerifyStripe}, request("application/json", `[1]`), `shop webhook  - {"data":[1]}`},
		{"slack, an event", Config{Verify: VerifySlack}, request("application/json", `{"type":"event_callback","event":{"type":"message"},"event_id":"Ev1","event_time":1700000000}`),
			`shop message Ev1 2023-11-14T22:13:20Z {"type":"event_callback","event":{"type":"message"},"event_id":"Ev1","event_time":1700000000}`},
		{"slack, a command", Config{Verify: VerifySlack}, request(form, "command=%2Fdeploy&text=a&text=b&trigger_id=t1"), `shop /deploy t1 - {"command":"/deploy","text":["a","b"],"trigger_id":"t1"}`},
		{"slack, a button", Config{Verify: VerifySlack}, request(form, "payload="+url.QueryEscape(`{"type":"block_actions","trigger_id":"t2"}`)), `shop block_actions t2 - {"type":"block_actions","trigger_id":"t2"}`},
		{"shopify", Config{Verify: VerifyShopify}, request("application/json", `{}`, "X-Shopify-Topic", "orders/create", "X-Shopify-Webhook-Id", "w1", "X-Shopify-Triggered-At", "2026-01-02T03:04:05.5+01:00"),
			`shop orders/create w1 2026-01-02T02:04:05.5Z {}`},
		{"standard", Config{Verify: VerifyStandard}, request("application/json", `{"type":"user.created.v2","timestamp":"2026-01-02T03:04:05Z"}`, "Webhook-Id", "m1"),
			`shop user.created.v2 m1 2026-01-02T03:04:05Z {"type":"user.created.v2","timestamp":"2026-01-02T03:04:05Z"}`},
		{"text", Config{Verify: VerifyNone}, request("text/plain", "hello"), `shop webhook  - {"data":"hello"}`},
		{"text that is JSON", Config{Verify: VerifyNone}, request("text/plain; charset=UTF-8", ` {"type":"x"}`), `shop x  - {"type":"x"}`},
		{"no type", Config{Verify: VerifyNone}, request("", `{"type":"x"}`), `shop x  - {"type":"x"}`},
		{"no type, and bytes", Config{Verify: VerifyNone}, request("", "\xff"), `shop webhook  - {"data_base64":"/w=="}`},
		{"nothing", Config{Verify: VerifyNone}, request("", ""), `shop webhook  - {}`},
		{"a generic form", Config{Verify: VerifyNone, DetailType: "body.payload"}, request(form, "payload=%3Cx%3E"), `shop <x>  - {"payload":"<x>"}`},

		{"all by expressions", Config{Verify: VerifyHMAC, Source: `"acme/" + query.team`, DetailType: `headers["X-Kind"]`, ID: "body.n", Time: "body.at"},
			request("application/json", `{"n":7,"at":1700000000123}`, "X-Kind", "k"), `acme/a k 7 2023-11-14T22:13:20.123Z {"n":7,"at":1700000000123}`},
		{"a float", Config{Verify: VerifyHMAC, ID: "body.n", Time: "body.at"}, request("application/json", `{"n":7.5,"at":"1700000000.5"}`), `shop webhook 7.5 2023-11-14T22:13:20.5Z {"n":7.5,"at":"1700000000.5"}`},
		{"nothing of all", Config{Verify: VerifyHMAC, DetailType: "body.x", ID: "body.x", Time: "body.x"}, request("application/json", `{}`), `shop webhook  - {}`},
		{"a header that is not there", Config{Verify: VerifyHMAC, ID: `headers["X-None"]`}, request("application/json", `{}`), `shop webhook  - {}`},
		{"text as a body", Config{Verify: VerifyHMAC, DetailType: `body startsWith "a" ? "A" : "B"`}, request("text/plain", "abc"), `shop A  - {"data":"abc"}`},

		{"a type that can't be read", Config{Verify: VerifyHMAC, DetailType: "body.a.b"}, request("application/json", `{}`), `InvalidArgument: detail_type of the hook: body.a.b: at byte 7: cannot fetch b from <nil>`},
		{"a list as an id", Config{Verify: VerifyHMAC, ID: "body.a"}, request("application/json", `{"a":[1]}`), `id of the hook: body.a: the result is no text and no number`},
		{"no source", Config{Verify: VerifyHMAC, Source: "body.a"}, request("application/json", `{}`), `source of the hook: body.a: the result is nothing`},
		{"no time", Config{Verify: VerifyHMAC, Time: "body.a"}, request("application/json", `{"a":"soon"}`), `time of the hook: body.a: `},
		{"no time at all", Config{Verify: VerifyHMAC, Time: "body.a"}, request("application/json", `{"a":1e30}`), `1e+30 is no time since 1970`},
		{"too much work", Config{Verify: VerifyHMAC, ID: `count(body.l, any(body.l, # == "x"))`}, request("application/json", `{"l":[0`+strings.Repeat(",0", 2000)+`]}`), `takes more than 1000000 steps`},
		{"no JSON", Config{Verify: VerifyGitHub}, request("application/json", `{`), `SerializationException: the body is not valid JSON`},
		{"no form", Config{Verify: VerifyGitHub}, request(form, "%zz"), `the body is no form`},
		{"a payload that is no JSON", Config{Verify: VerifyGitHub}, request(form, "payload=x"), `the body is not valid JSON`},
		{"too deep", Config{Verify: VerifyGitHub}, request("application/json", strings.Repeat("[", 1002)), `nest deeper than 1000 levels`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := hook(t, tt.config).Event(tt.request, event.Limits{})
			var got string
			if err != nil {
				got = err.Error()
			} else {
				at := "-"
				if !e.Time.IsZero() {
					at = e.Time.Format(time.RFC3339Nano)
				}
				got = fmt.Sprintf("%s %s %s %s %s", e.Source, e.DetailType, e.ID, at, e.Detail)
				if e.Meta.DedupKey != e.ID || e.Meta.Format != event.FormatWebhook {
					t.Errorf("metadata %+v", e.Meta)
				}
			}
			if (err == nil && got != tt.want) || !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestMetadataIsNotTheSenders: what a body says of itself makes no command, no test event and
// no other dedup key of it.
func TestMetadataIsNotTheSenders(t *testing.T) {
	e, err := hook(t, Config{Verify: VerifyStripe}).Event(request("application/json", `{"id":"evt","metadata":{"kind":"command","synthetic":true,"dedupKey":"x"}}`), event.Limits{})
	if err != nil || e.Meta.Kind != "" || e.Meta.Synthetic || e.Meta.DedupKey != "evt" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestChallenge(t *testing.T) {
	slack, github := hook(t, Config{Verify: VerifySlack}), hook(t, Config{Verify: VerifyGitHub})
	asked := []byte(`{"type":"url_verification","challenge":"c"}`)
	if answer, ok := slack.Challenge(asked); !ok || answer != "c" {
		t.Errorf("%q, %v", answer, ok)
	}
	for _, body := range []string{`{"type":"event_callback","challenge":"c"}`, `{`, `command=x`} {
		if _, ok := slack.Challenge([]byte(body)); ok {
			t.Errorf("%s is taken for a challenge", body)
		}
	}
	if _, ok := github.Challenge(asked); ok {
		t.Error("GitHub has none")
	}
}

// TestSecretsAreNotPrinted: a hook in an error, a log or a test shows nothing of its secrets.
func TestSecretsAreNotPrinted(t *testing.T) {
	h, faults := New("gh", Config{Verify: VerifyGitHub, Secrets: []string{"hunter2hunter2"}}, secret.Source{}, "")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, h); got != "hook gh" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestParseRequest(t *testing.T) {
	for _, tt := range []struct{ text, body, err string }{
		{"POST /v1/hooks/a?x=1 HTTP/1.1\nHost: a\n\nb\n", "b", ""},
		{"POST /v1/hooks/a?x=1 HTTP/1.1\r\nHost: a\r\n\r\nb\n\nc\r\n", "b\n\nc", ""},
		{"POST /v1/hooks/a?x=1 HTTP/1.1\nHost: a\nContent-Length: 2\n\nb\n\n", "b\n", ""},
		{"POST /v1/hooks/a?x=1 HTTP/1.1\nHost: a\nContent-Length: 9\n\nb\n", "", "the body has 2 bytes, and Content-Length is 9"},
		{"POST / HTTP/1.1\nHost: a\n", "", "no empty line"},
		{"hello\n\nb", "", "is no request"},
	} {
		r, err := ParseRequest([]byte(tt.text))
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.text, err, tt.err)
			}
		case err != nil:
			t.Errorf("%q: %v", tt.text, err)
		case string(r.Body) != tt.body || r.Query.Get("x") != "1":
			t.Errorf("%q: body %q, query %v", tt.text, r.Body, r.Query)
		}
	}
}
