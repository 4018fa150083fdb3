package http

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// with returns an envelope whose detail is the given one.
func with(detail string) []byte {
	begin, _, _ := strings.Cut(targetstest.Envelope, `"detail":`)
	return []byte(begin + `"detail":` + detail + "}")
}

// TestRequestOfAnEvent: values of the event are escaped for their places, and reach no
// other host, path or header.
func TestRequestOfAnEvent(t *testing.T) {
	overEach(t, func(t *testing.T, config func(url string) targets.Config) {
		for _, test := range []struct {
			name, base, path string
			query, headers   map[string]string
			detail           string
			uri              string
			header           string // of X-Of
			err              string
		}{
			{name: "plain", base: "/api", path: "/orders/{{ detail.id }}/items", detail: `{"id":"A-1"}`, uri: "/api/orders/A-1/items"},
			{name: "a slash in the base", base: "/", path: "/{{ detail.id }}", detail: `{"id":12345678901}`, uri: "/12345678901"},
			{name: "escaped", path: "/o/{{ detail.id }}", detail: `{"id":"a/../b?c#d%2e e\u00fc\r\nX: y"}`, uri: "/o/a%2F..%2Fb%3Fc%23d%252e%20e%C3%BC%0D%0AX:%20y"},
			{name: "another host", path: "/{{ detail.id }}", detail: `{"id":"//evil.test/"}`, uri: "/%2F%2Fevil.test%2F"},
			{name: "up", path: "/o/{{ detail.id }}/x", detail: `{"id":".."}`, err: `".." can't be a part of a path`},
			{name: "up in two", path: "/o/.{{ detail.id }}", detail: `{"id":"."}`, err: `".." can't be a part of a path`},
			{name: "empty", path: "/o/{{ detail.id }}", detail: `{"id":""}`, err: "a value for the path is empty"},
			{name: "absent", path: "/o/{{ detail.id }}", detail: `{}`, err: "a value for the path is empty"},
			{name: "no such field", path: "/o/{{ detail.a.b }}", detail: `{}`, err: "{{ detail.a.b }}: at byte 10"},
			{name: "too long", path: "/o/{{ detail.id }}", detail: `{"id":"` + strings.Repeat("x", maxValue) + `"}`, err: "longer than"},
			{name: "query", base: "/q?a=1", query: map[string]string{"id": "{{ detail.id }}", "none": "{{ detail.none }}", "on": "yes", "l": "{{ detail.l }}"},
				detail: `{"id":"x&y=z#","l":[1,"a"]}`, uri: "/q?a=1&id=x%26y%3Dz%23&l=%5B1%2C%22a%22%5D&on=yes"},
			{name: "header", headers: map[string]string{"X-Of": "order {{ detail.id }} of {{ source }}"},
				detail: `{"id":"1\r\nHost: evil"}`, uri: "/", header: "order 1%0D%0AHost: evil of shop.orders"},
			{name: "braces in an expression", query: map[string]string{"o": "{{ {a: {b: detail.id}} }}"}, detail: `{"id":true}`, uri: "/?o=%7B%22a%22%3A%7B%22b%22%3Atrue%7D%7D"},
		} {
			t.Run(test.name, func(t *testing.T) {
				var uri, header string
				server := serve(t, func(_ http.ResponseWriter, r *http.Request) { uri, header = r.RequestURI, r.Header.Get("X-Of") })
				c := config(server.URL + test.base)
				o := c.Options.(*Options)
				o.Path, o.Query, o.Headers = test.path, test.query, test.headers
				target := open(t, c, targets.Env{})
				d := targetstest.Delivery()
				d.Envelope = with(test.detail)
				err := target.Deliver(t.Context(), d)
				if test.err != "" {
					if e := targetstest.Error(t, err); !e.Final || e.Code != targets.CodeInvalidParameter || !strings.Contains(e.Error(), test.err) {
						t.Errorf("%v, want a final error with %q", e, test.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if uri != test.uri || header != test.header {
					t.Errorf("sent to %s with %q, want %s with %q", uri, header, test.uri, test.header)
				}
				preview, err := target.Preview(d)
				want := strings.NewReplacer("a=1", "a=***", "on=yes", "on=***").Replace(server.URL + test.uri)
				if test.name == "header" {
					want = server.URL + "/"
				}
				if err != nil || strings.TrimSuffix(preview.Address, "/") != strings.TrimSuffix(want, "/") && preview.Address != strings.Replace(want, "/?", "?", 1) {
					t.Errorf("shown as %s (%v), want %s", preview.Address, err, want)
				}
			})
		}
	})
}

func value(text string) targets.Parameter {
	return targets.Parameter{Of: func(*targets.Delivery) (string, error) { return text, nil }}
}

// TestParametersOfARule are EventBridge's HttpParameters.
func TestParametersOfARule(t *testing.T) {
	for _, test := range []struct {
		name, base string
		p          targets.Parameters
		uri, err   string
	}{
		{"path", "/o/*/i/*", targets.Parameters{Path: []targets.Parameter{value("a/b"), {Static: "2"}}}, "/o/a%2Fb/i/2", ""},
		{"less than there are", "/o/*/i/*", targets.Parameters{Path: []targets.Parameter{value("a")}}, "/o/a/i/*", ""},
		{"more than there are", "/o/*", targets.Parameters{Path: []targets.Parameter{value("a"), value("b")}}, "", "2 values for the path"},
		{"empty", "/o/*", targets.Parameters{Path: []targets.Parameter{value("")}}, "", "is empty"},
		{"up", "/o/*", targets.Parameters{Path: []targets.Parameter{value("..")}}, "", "can't be a part"},
		{"query", "/o?a=1", targets.Parameters{Query: []targets.Parameter{{Name: "t", Static: "x y"}}}, "/o?a=1&t=x+y", ""},
		{"absent", "/o", targets.Parameters{Query: []targets.Parameter{{Name: "t", Of: func(*targets.Delivery) (string, error) { return "", errors.New("no value") }}}}, "", "no value"},
	} {
		for _, batched := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, batched), func(t *testing.T) {
				var uri, tenant, team string
				server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
					uri, tenant, team = r.RequestURI, r.Header.Get("X-Tenant"), r.Header.Get("X-Team")
				})
				c := httpConfig(server.URL + test.base)
				c.Options.(*Options).Headers = map[string]string{"X-Team": "own"}
				if batched {
					c.Batch = &targets.Batch{}
				}
				target := open(t, c, targets.Env{})
				d := targetstest.Delivery()
				d.Parameters = &test.p
				d.Parameters.Headers = []targets.Parameter{{Name: "x-tenant", Static: "blue\nred"}, {Name: "X-Team", Static: "theirs"}}
				var err error
				if batched {
					_, err = target.(targets.BatchTarget).DeliverBatch(t.Context(), []*targets.Delivery{d})
				} else {
					err = target.Deliver(t.Context(), d)
				}
				switch {
				case test.err != "":
					if e := targetstest.Error(t, err); !e.Final || !strings.Contains(e.Error(), test.err) {
						t.Errorf("%v, want a final error with %q", e, test.err)
					}
				case err != nil:
					t.Error(err)
				case uri != test.uri || tenant != "blue%0Ared" || team != "own":
					t.Errorf("sent to %s with the headers %q and %q, want %s", uri, tenant, team, test.uri)
				}
			})
		}
	}
	o := &Options{}
	a, b := targetstest.Delivery(), targetstest.Delivery()
	if a.Parameters = new(targets.Parameters); o.SameBatch(a, b) {
		t.Error("a delivery with parameters may share a batch")
	}
	for _, name := range []string{"Content-Length", "ce-id", "X-Signalbox-Rule", "a b"} {
		if o.CheckParameters(&targets.Parameters{Headers: []targets.Parameter{{Name: name}}}) == nil {
			t.Errorf("a rule can set the header %s", name)
		}
	}
}

func TestGet(t *testing.T) {
	overEach(t, func(t *testing.T, config func(url string) targets.Config) {
		server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); r.Method != "GET" || len(body) > 0 || r.Header.Get("Content-Type") != "" || r.RequestURI != "/o?id=1" {
				t.Errorf("%s %s of type %q with %q, want a GET without a body", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
			}
		})
		c := config(server.URL + "/o")
		o := c.Options.(*Options)
		o.Method, o.Query = "GET", map[string]string{"id": "{{ detail.orderId }}"}
		target := open(t, c, targets.Env{})
		for range 2 { // over one connection
			if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestValidateExpressions(t *testing.T) {
	for _, test := range []struct {
		name  string
		o     Options
		batch bool
		want  string
	}{
		{"host", Options{Options: remote.Options{URL: "http://{{ detail.host }}/"}}, false, "url: "},
		{"path of the url", Options{Options: remote.Options{URL: "http://x/{{ detail.id }}"}}, false, "url: can't hold {{ }}"},
		{"relative", Options{Path: "{{ detail.id }}"}, false, "path: must begin with /"},
		{"query in the path", Options{Path: "/x?y={{ detail.id }}"}, false, "path: can't hold spaces, ? and #"},
		{"open", Options{Path: "/{{ detail.id"}, false, "path: a {{ is never closed"},
		{"misspelt", Options{Query: map[string]string{"a": "{{ detial.id }}"}}, false, "query.a: {{ detial.id }}: at byte 1: unknown name detial"},
		{"header", Options{Options: remote.Options{Headers: map[string]string{"X": "{{ 1 + }}"}}}, false, "headers.X: {{ 1 + }}: "},
		{"batch", Options{Path: "/{{ detail.id }}"}, true, "path: holds {{ }}, which is of one event"},
		{"batch of GET", Options{Method: "GET"}, true, "method: GET has no body"},
		{"all well", Options{Path: "/x/{{ detail.id }}", Query: map[string]string{"a": "b"}}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.o.URL == "" {
				test.o.URL = "http://x"
			}
			c := targets.Config{Options: &test.o}
			if test.batch {
				c.Batch = &targets.Batch{}
			}
			c = targetstest.Named(Kind(), c)
			c.SetDefaults()
			errs := c.Validate(targetstest.Vars())
			if test.want == "" && len(errs) > 0 || test.want != "" && (len(errs) == 0 || !strings.HasPrefix(errs[len(errs)-1].Error(), test.want)) {
				t.Errorf("%v, want %s", errs, test.want)
			}
		})
	}
}
