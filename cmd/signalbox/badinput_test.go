package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/commands/work"
	"signalbox/dlq"
	"signalbox/targets"
	"signalbox/trace"
)

// badTargets are handlers that answer what they should not: /hang until they are let
// go, /html no event, /broken half of one, /big more than is read, /taken a 202.
func badTargets(t *testing.T, letGo <-chan struct{}) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/hang":
			select {
			case <-letGo:
			case <-r.Context().Done():
			}
		case "/html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>Welcome</p>")
		case "/broken":
			_, _ = io.WriteString(w, `{"source":`)
		case "/ok":
			_, _ = io.WriteString(w, `{"ok":true}`)
		case "/big":
			_, _ = io.WriteString(w, `{"x":"`+strings.Repeat("a", targets.MaxAnswer)+`"}`)
		case "/taken":
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

const badInputRules = `targets:
  hang: {type: http, url: URL/hang, timeout: 100ms, retry: {max_attempts: 1}}
  slow: {type: http, url: URL/hang, timeout: 1m}
  html: {type: http, url: URL/html, reply: events}
  broken: {type: http, url: URL/broken, reply: events}
  ok: {type: http, url: URL/ok, reply: events}
  big: {type: http, url: URL/big, reply: events}
  huge: {type: http, url: URL/big}
  taken: {type: http, url: URL/taken}
rules:
  - {name: hang, pattern: {detail-type: [Hang]}, targets: [hang]}
  - {name: slow, pattern: {detail-type: [Slow]}, targets: [slow]}
  - {name: html, pattern: {detail-type: [HtmlMade]}, targets: [html]}
  - {name: broken, pattern: {detail-type: [BrokenMade]}, targets: [broken]}
  - {name: ok, pattern: {detail-type: [OkMade]}, targets: [ok]}
  - {name: big, pattern: {detail-type: [BigMade]}, targets: [big]}
  - {name: huge, pattern: {detail-type: [Huge]}, targets: [huge]}
  - {name: taken, pattern: {detail-type: [Take]}, targets: [taken]}
`

// badInput is a router that serves the rules above.
func badInput(t *testing.T) *serving {
	dir, letGo := t.TempDir(), make(chan struct{})
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\ncatalog: [catalog.yaml]\nmin_free_disk: 0\n")
	write(t, dir, "rules.yaml", strings.ReplaceAll(badInputRules, "URL", badTargets(t, letGo).URL))
	write(t, dir, "catalog.yaml", "types: [{name: OkMade}]\n")
	s := startRouter(t, dir)
	t.Cleanup(func() { close(letGo) }) // before the router stops, which waits for attempts
	return s
}

// ask makes a request, and wants its status and a part of the answer.
func (s *serving) ask(method, path, body string, status int, want string) (header http.Header, text string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != status || !strings.Contains(string(answer), want) {
		s.t.Errorf("%s %s: %d %.1000s\nwant %d with %s", method, path, resp.StatusCode, answer, status, want)
	}
	return resp.Header, string(answer)
}

func message(name, detail string) string {
	return fmt.Sprintf(`{"source":"shop","detail-type":%q,"detail":%s}`, name, detail)
}

// TestASchemaThatDoesNotCompile is refused with its place, by check and by the
// running router, which continues with the last good files. So is one that refers to
// the network.
func TestASchemaThatDoesNotCompile(t *testing.T) {
	s := badInput(t)
	for text, want := range map[string]string{
		"types:\n  - name: OkMade\n    schema: {properties: {id: {type: strng}}}\n": `catalog.yaml:3:38: type "OkMade": schema: does not compile: schema.properties.id.type: ` +
			`expected one of "array", "boolean", "integer", "null", "number", "object", "string", got "strng" (did you mean "string"?)`,
		"types:\n  - name: OkMade\n    schema: {$ref: \"https://example.com/a.json\"}\n": `catalog.yaml:3:20: type "OkMade": schema: does not compile: schema.$ref: ` +
			`https://example.com/a.json: schemas are not fetched from the network; put a copy beside the catalog file and refer to it by its path`,
	} {
		config := write(t, s.dir, "catalog.yaml", text)
		signalbox(t, "check", "--config", strings.Replace(config, "catalog.yaml", "config.yaml", 1)).want(t, cli.ExitError, want, "")
		var answer struct{ Error api.Error }
		_, body := s.ask(http.MethodPost, "/-/reload", "", http.StatusBadRequest, "the rules that served before continue to serve")
		err := json.Unmarshal([]byte(body), &answer)
		if problem := answer.Error; err != nil || len(problem.Faults()) != 1 || !strings.HasSuffix(problem.Faults()[0], want) {
			t.Errorf("the router said %q (%v), want %s", problem.Faults(), err, want)
		}
	}
	s.ask(http.MethodGet, "/v1/catalog", "", http.StatusOK, `"name":"OkMade"`)
}

func TestACommandWhoseHandlerHangs(t *testing.T) {
	s := badInput(t)
	began := time.Now()
	header, body := s.ask(http.MethodPost, "/v1/commands?wait=50ms", message("Slow", "{}"), http.StatusAccepted, `"actionType":"ACCEPTED"`)
	if waited := time.Since(began); waited > 30*time.Second {
		t.Errorf("it waited %v", waited)
	}
	var w work.Request
	if err := json.Unmarshal([]byte(body), &w); err != nil || header.Get("Location") != "/v1/work-requests/"+w.ID {
		t.Errorf("Location %q, work request %q (%v)", header.Get("Location"), w.ID, err)
	}
	s.ask(http.MethodPost, "/v1/commands?wait=30s", message("Hang", "{}"), http.StatusBadGateway,
		`/hang: no answer within the target's timeout of 100ms; it rests in the dead-letter queue, and its work request is FAILED: fix the handler, and send it anew or redrive it`)
	s.ask(http.MethodPost, "/v1/queries?wait=50ms", message("Slow", "{}"), http.StatusGatewayTimeout,
		"the handler gave no reply within 50ms: the query is not asked again; ask it anew, or with a longer wait")
	s.ask(http.MethodPost, "/v1/commands?wait=2m", message("Slow", "{}"), http.StatusBadRequest, `\"2m\" is not a time from 0s to 1m0s`)
}

func TestAReplyThatIsNoEvent(t *testing.T) {
	s := badInput(t)
	for name, want := range map[string]string{
		"HtmlMade": `target "html" took the event, and its reply is no use: its Content-Type is "text/html": events come as application/json, `,
		"BrokenMade": `is no use: SerializationException: the body is not valid JSON: byte 10: expected a JSON value, but the text ends here; ` +
			`a target with reply: events answers with CloudEvents, entries of PutEvents or envelopes, or with an empty body where there is no event`,
		"OkMade":  `is no use: InvalidArgument: ok: unknown member of an event envelope; a target with reply: events answers with `,
		"BigMade": `is no use: it is longer than 262144 bytes: answer with fewer events, and send the others to /v1/events`,
	} {
		_, body := s.ask(http.MethodPost, "/v1/events", message(name, "{}"), http.StatusOK, `"id"`)
		id := strings.Split(body, `"`)[5]
		var found *dlq.Letter
		s.eventually("dead", func() bool {
			_, letters := s.get("/v1/deadletters", "")
			var page dlq.Page
			if err := json.Unmarshal([]byte(letters), &page); err != nil {
				t.Fatal(err)
			}
			for _, l := range page.Letters {
				if l.EventID == id {
					found = l
				}
			}
			return found != nil
		})
		if found.ErrorCode != string(targets.CodeInvalidReply) || !strings.Contains(found.ErrorMessage, want) {
			t.Errorf("%s: %s %s\nwant %s", name, found.ErrorCode, found.ErrorMessage, want)
		}
	}
	s.ask(http.MethodPost, "/v1/commands?wait=30s", message("Huge", "{}"), http.StatusBadGateway,
		"the handler answered 200, but only the first 262144 bytes of its body could be read")
}

// TestAKeyOfAStateWithSlashesAndDots: every key leads to its own object, and a path
// that would be cleaned to that of another is refused.
func TestAKeyOfAStateWithSlashesAndDots(t *testing.T) {
	s := badInput(t)
	keys := map[string]string{
		"eu/42.x": "eu%2F42.x", "eu/42.x/../y": "eu%2F42.x%2F%2E%2E%2Fy", "eu/y": "eu/y", "a//b": "a%2F%2Fb", "a/b": "a/b",
		"..": "%2E%2E", ".": "%2E", "/": "%2F", "a?b#c%2F": "a%3Fb%23c%252F", "ü ": "%C3%BC%20",
	}
	for key := range keys {
		id, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		s.ask(http.MethodPost, "/v1/events", message("Thing", `{"metadata":{"kind":"audit"},"data":{"id":`+string(id)+`}}`), http.StatusOK, `"id"`)
	}
	for key, escaped := range keys {
		want, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		s.ask(http.MethodGet, "/v1/state/Thing/"+escaped, "", http.StatusOK, `"state":{"id":`+string(want)+`}`)
		s.run("state", "get", "Thing", key).want(t, cli.ExitOK, `{"id":`+string(want)+"}\n", "")
	}
	for _, path := range []string{"/v1/state/Thing/eu/42.x/../y", "/v1/state/Thing/a//b", "/v1/state/Thing/./a/b"} {
		s.ask(http.MethodGet, path, "", http.StatusBadRequest, "write a slash within a name as %2F and a dot as %2E; the key of a state may also be given as ?key=")
	}
	s.ask(http.MethodGet, "/v1/state/Thing/eu%2F43", "", http.StatusNotFound, `state of Thing \"eu/43\": not found","hint":"GET /v1/state/Thing lists the keys that are known`)
	s.ask(http.MethodPost, "/v1/events", message("Thing", `{"metadata":{"kind":"audit"},"data":{"name":"a"}}`), http.StatusBadRequest,
		"must say which object it is of: a text or a number at detail.data.id, or at detail.id, or detail.metadata.partitionKey")
}

func TestAWorkRequestThatIsUnknownOrHasEnded(t *testing.T) {
	s := badInput(t)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		s.ask(method, "/v1/work-requests/nope", "", http.StatusNotFound,
			`work request \"nope\": not found","hint":"commands alone have work requests, which are kept as long as their events`)
	}
	header, _ := s.ask(http.MethodPut, "/v1/work-requests/nope", "", http.StatusMethodNotAllowed, "takes GET or DELETE, not PUT")
	if got := header.Get("Allow"); got != "GET, HEAD, DELETE" {
		t.Errorf("Allow: %s", got)
	}
	var w work.Request
	_, body := s.ask(http.MethodPost, "/v1/commands", message("Take", "{}"), http.StatusAccepted, `"ACCEPTED"`)
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		t.Fatal(err)
	}
	s.ask(http.MethodPost, "/v1/events", message("TakeSucceeded", `{"metadata":{"correlationId":"`+w.ID+`"}}`), http.StatusOK, "")
	s.eventually("ended", func() bool {
		_, now := s.get("/v1/work-requests/"+w.ID, "")
		return strings.Contains(now, `"actionType":"SUCCEEDED","percentComplete":100`)
	})
	s.ask(http.MethodDelete, "/v1/work-requests/"+w.ID, "", http.StatusConflict, "work request "+w.ID+" has ended: it is SUCCEEDED since ")
	s.run("work", "cancel", w.ID).want(t, cli.ExitError, "", "cancel: work request "+w.ID+" has ended: it is SUCCEEDED since ")
	s.run("work", "cancel", "nope").want(t, cli.ExitError, "", `cancel: work request "nope": not found (commands alone have work requests`)
}

// TestATraceOfTenThousandEvents is answered, within its bounds.
func TestATraceOfTenThousandEvents(t *testing.T) {
	const known, batch = 10_100, 100
	s := badInput(t)
	for range known / batch {
		one := message("Many", `{"metadata":{"correlationId":"many"},"data":{}}`)
		s.ask(http.MethodPost, "/v1/events", "["+strings.Repeat(one+",", batch-1)+one+"]", http.StatusOK, `"id"`)
	}
	for limit, want := range map[string]struct {
		events int
		note   string
	}{
		"":             {trace.DefaultEvents, "only the first 1000 of 10100 events are shown: ask for more with a limit of up to 10000, or for the trace of one event"},
		"?limit=10000": {trace.MaxEvents, "only the first 10000 of 10100 events are shown: a trace shows no more; ask for the trace of one of the events that are not among them"},
	} {
		var got trace.Trace
		_, body := s.ask(http.MethodGet, "/v1/traces/many"+limit, "", http.StatusOK, "")
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if got.Events != want.events || !got.Truncated || got.Known != known || len(got.Notes) != 1 || got.Notes[0] != want.note {
			t.Errorf("limit %q: %d of %d events, notes %q", limit, got.Events, got.Known, got.Notes)
		}
	}
	s.ask(http.MethodGet, "/v1/traces/many?limit=10001", "", http.StatusBadRequest, `limit \"10001\": write a number from 1 to 10000`)
	s.run("trace", "many").want(t, cli.ExitOK, "note: only the first 1000 of 10100 events are shown", "")
}
