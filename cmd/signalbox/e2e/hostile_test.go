package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// asked is a request as it reached a server.
type asked struct {
	method, uri, host string
	header            http.Header
	event             string
}

// asking is a real server that takes down what it is asked.
type asking struct {
	url string
	mu  sync.Mutex
	got []asked
}

func newAsking(t *testing.T) *asking {
	a := &asking{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got = append(a.got, asked{r.Method, r.RequestURI, r.Host, r.Header, r.Header.Get("X-Signalbox-Event-Id")})
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *asking) all() []asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

// requestsOfEvents are rules in the router's form and in EventBridge's. No value of an event
// is retried: a breaker that counted them would hold the others back.
const requestsOfEvents = `
targets:
  path: {type: http, url: "%[1]s/own", path: "/{{ detail.v }}/end", concurrency: 1}
  query: {type: http, url: "%[1]s/own", query: {v: "{{ detail.v }}", k: "{{ source }}"}, concurrency: 1}
  header: {type: http, url: "%[1]s/own/header", headers: {X-V: "{{ detail.v }}"}, concurrency: 1}
  aws-path: {type: http, url: "%[1]s/aws/*/end", arn: "arn:aws:events:eu-west-1:1:api-destination/aws-path/0e3e", concurrency: 1}
  aws-query: {type: http, url: "%[1]s/aws", arn: "arn:aws:events:eu-west-1:1:api-destination/aws-query/0e3e", concurrency: 1}
  aws-header: {type: http, url: "%[1]s/aws/header", arn: "arn:aws:events:eu-west-1:1:api-destination/aws-header/0e3e", concurrency: 1}
rules:
  - {name: own, pattern: {source: [shop]}, targets: [path, query, header]}
  - {name: aws, pattern: {source: [shop]}}
`

const requestsOfAWS = `{"Rule": "aws", "Targets": [
  {"Id": "1", "Arn": "arn:aws:events:eu-west-1:1:api-destination/aws-path/0e3e", "HttpParameters": {"PathParameterValues": ["$.detail.v"]}},
  {"Id": "2", "Arn": "arn:aws:events:eu-west-1:1:api-destination/aws-query/0e3e", "HttpParameters": {"QueryStringParameters": {"v": "$.detail.v", "k": "$.source"}}},
  {"Id": "3", "Arn": "arn:aws:events:eu-west-1:1:api-destination/aws-header/0e3e", "HttpParameters": {"HeaderParameters": {"X-V": "$.detail.v"}}}
]}`

// TestHostileValuesInRequests: whatever an event says, its value stays in the one place that
// the target has for it, or the delivery is a dead letter after one attempt.
func TestHostileValuesInRequests(t *testing.T) {
	server := newAsking(t)
	p := newProcess(t, fmt.Sprintf(requestsOfEvents, server.url))
	p.write("config.yaml", strings.ReplaceAll(p.read("config.yaml"), "[rules.yaml]", "[rules.yaml, aws.targets.json]"))
	p.write("aws.targets.json", requestsOfAWS)
	p.start()
	smuggled := " HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /admin HTTP/1.1\r\nX-Evil: 1\r\n\r\n"
	values := map[string]string{} // by the event's id
	for i, v := range []string{
		"plain", "a b", "a/b", "../../admin", "..%2fadmin", "%2e%2e", "..", ".", "", "x?admin=1", "x#f", "x&k=evil", "x;k=evil", "100%", "%zz", "%00", "\x00",
		"//evil.test/", "http://evil.test/", "@evil.test", "\\..\\admin", smuggled, "x\nX-Evil: 1", "x\rX-Evil: 1", "x\r\n\r\n", "\tx", "ü", "日本語", "\u202e\u2028", "\ufeff",
		"*", "{{ source }}", "${HOME}", "<detail>", strings.Repeat("x", 8000), strings.Repeat("x", 100_000), strings.Repeat("\r\n", 50_000),
	} {
		id := fmt.Sprint("e-", i)
		values[id] = v
		body, err := json.Marshal(map[string]any{"id": id, "source": "shop", "detail-type": "T", "detail": map[string]string{"v": v}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.Post(p.url+"/v1/events", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%q: %s", v, r.Status)
		}
	}
	var a accounts
	p.eventually(60*time.Second, "all delivered or dead", func() (ok bool) {
		a, _ = p.accounts()
		return a.Deliveries.Planned == uint64(6*len(values)) && a.Deliveries.Delivered+a.Deliveries.Dead == a.Deliveries.Planned
	})
	arrived := map[string]int{}
	for _, r := range server.all() {
		v, known := values[r.event]
		if !known || r.method != "POST" || "http://"+r.host != server.url || r.header.Get("X-Evil") != "" {
			t.Errorf("%.500s came of no event that was sent", fmt.Sprint(r))
			continue
		}
		place, ok := r.holds(v)
		if !ok {
			t.Errorf("%.200q came as %.500s %.200q in the %s", v, r.uri, r.header["X-V"], place)
		}
		arrived[place]++
	}
	refused := map[string]int{}
	for _, d := range p.deadLetters() {
		if refused[d.Target]++; d.Attempts != 1 || d.Code != "INVALID_PARAMETER" {
			t.Errorf("%.200q died after %d attempts as %s: %s", values[d.Event], d.Attempts, d.Code, d.Message)
		}
	}
	for _, of := range []struct {
		place, target string
		refused       int // too long, and as a path also empty, . and ..
	}{
		{"own path", "path", 5}, {"own query", "query", 2}, {"own header", "header", 2},
		{"aws path", "aws-path", 5}, {"aws query", "aws-query", 2}, {"aws header", "aws-header", 2},
	} {
		if refused[of.target] != of.refused || arrived[of.place] != len(values)-of.refused {
			t.Errorf("%s: %d of %d arrived and %d were refused, want %d", of.place, arrived[of.place], len(values), refused[of.target], of.refused)
		}
	}
}

// holds returns the place that a request is to have the value in, and whether it is there.
func (r *asked) holds(v string) (place string, ok bool) {
	path, query, _ := strings.Cut(r.uri, "?")
	kind := strings.Split(path, "/")[1]
	switch segments := strings.Split(path, "/"); {
	case strings.HasSuffix(path, "/end"):
		plain, err := url.PathUnescape(segments[2])
		return kind + " path", len(segments) == 4 && query == "" && err == nil && plain == v
	case strings.HasSuffix(path, "/header"):
		return kind + " header", len(segments) == 3 && query == "" && slices.Equal(r.header["X-V"], []string{inHeader(v)})
	}
	members, err := url.ParseQuery(query)
	return kind + " query", len(strings.Split(path, "/")) == 2 && err == nil && len(members) == 2 && slices.Equal(members["v"], []string{v}) && slices.Equal(members["k"], []string{"shop"})
}

// inHeader returns a value as a header holds it: what is no printable ASCII is escaped.
func inHeader(v string) string {
	var b strings.Builder
	for _, c := range []byte(strings.Trim(v, " ")) {
		if c < ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// letter is a dead letter, as far as it matters here.
type letter struct {
	Event    string `json:"event_id"`
	Target   string `json:"target"`
	Code     string `json:"error_code"`
	Message  string `json:"error_message"`
	Attempts int    `json:"attempts"`
}

func (p *process) deadLetters() []letter {
	p.t.Helper()
	r, err := http.Get(p.url + "/v1/deadletters?limit=1000")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var page struct {
		Letters []letter `json:"dead_letters"`
	}
	if err := json.Unmarshal(b, &page); err != nil {
		p.t.Fatal(err)
	}
	return page.Letters
}
