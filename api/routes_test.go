package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"signalbox/api"
	"signalbox/config"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

func (w *world) get(path string) (*http.Response, []byte) {
	w.t.Helper()
	resp, err := w.server.Client().Get(w.server.URL + path)
	must(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp, body
}

// operations calls fn with each operation of the OpenAPI document.
func (w *world) operations(fn func(method, path string, op map[string]any)) (doc map[string]any) {
	w.t.Helper()
	_, body := w.get("/v1/openapi.json")
	must(w.t, json.Unmarshal(body, &doc))
	if doc["openapi"] != "3.1.0" {
		w.t.Errorf("the document is of %v", doc["openapi"])
	}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			fn(strings.ToUpper(method), path, op.(map[string]any))
		}
	}
	return doc
}

// TestOpenAPIAndRoutesAgree holds the routes against the document: each is in it, and each
// operation in it is answered by what it is for, whatever the answer.
func TestOpenAPIAndRoutesAgree(t *testing.T) {
	w := newWorld(t)
	documented := map[string]map[string]bool{}
	w.operations(func(method, path string, op map[string]any) {
		if documented[path] == nil {
			documented[path] = map[string]bool{}
		}
		documented[path][method] = true
		if op["summary"] == "" || op["responses"] == nil {
			t.Errorf("%s %s is not described: %v", method, path, op)
		}
	})
	for _, r := range api.Routes(api.Options{Router: w.router, Cluster: w.nodes, Audit: w.log, Sources: w.sources, Archives: w.archives, Reloader: new(config.Reloader), Gatherer: prometheus.NewRegistry(), Logger: zap.NewNop()}) {
		if path := api.PathParameter.ReplaceAllString(r.Path, "{$1}"); !documented[path][r.Method] {
			t.Errorf("%s %s is not documented", r.Method, r.Path)
		}
	}
	for path := range documented {
		path = api.PathParameter.ReplaceAllString(path, "x")
		methods := map[string]bool{}
		for other, more := range documented { // "purge" might be the id of a dead letter
			if leadsTo(other, path) {
				maps.Copy(methods, more)
			}
		}
		w.takes(path, methods)
	}
	if len(documented) < 35 {
		t.Errorf("%d paths are documented", len(documented))
	}
}

// TestTheDocsListAllRoutes holds docs/api.md against the document, in both directions.
func TestTheDocsListAllRoutes(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("../docs/api.md")
	must(t, err)
	lines := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			lines[strings.TrimSpace(line)] = true
		}
	}
	w.operations(func(method, path string, op map[string]any) {
		right, ok := op["x-right"].(string)
		if !ok {
			right = "none"
		}
		line := fmt.Sprintf("| `%s %s` | `%s` | %s |", method, path, right, op["summary"])
		if !lines[line] {
			t.Errorf("docs/api.md lacks\n%s", line)
		}
		delete(lines, line)
	})
	for line := range lines {
		t.Errorf("docs/api.md has, and the router does not serve\n%s", line)
	}
}

// takes wants a path to take these methods, and to name them where it is asked with another.
func (w *world) takes(path string, methods map[string]bool) {
	w.t.Helper()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path+"?nonsense=1", nil)
		must(w.t, err)
		resp, err := w.server.Client().Do(req)
		must(w.t, err)
		resp.Body.Close()
		if takes := methods[method] || method == "HEAD" && methods["GET"]; takes != (resp.StatusCode != http.StatusMethodNotAllowed) {
			w.t.Errorf("%s %s: %d, documented: %v", method, path, resp.StatusCode, takes)
		} else if !takes {
			w.allows(method+" "+path, resp.Header.Get("Allow"), methods)
		}
	}
}

func (w *world) allows(what, allow string, methods map[string]bool) {
	w.t.Helper()
	want := slices.Collect(maps.Keys(methods))
	if methods["GET"] {
		want = append(want, "HEAD")
	}
	have := strings.Split(allow, ", ")
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		w.t.Errorf("%s: Allow: %s, want %v", what, allow, want)
	}
}

func TestUnknownParametersAreRefusedEverywhere(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.operations(func(method, path string, _ map[string]any) {
		if path == "/" || method == http.MethodOptions || strings.HasPrefix(path, "/v1/hooks/") {
			return // AWS's protocol, one that asks for nothing, and what providers ask as they like
		}
		n++
		req, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+api.PathParameter.ReplaceAllString(path, "x")+"?"+url.Values{"nonsense": {"1"}}.Encode(), strings.NewReader("{}"))
		must(t, err)
		resp, err := w.server.Client().Do(req)
		must(t, err)
		defer resp.Body.Close()
		var answer struct{ Error api.Error }
		must(t, json.NewDecoder(resp.Body).Decode(&answer))
		if ingested := method == http.MethodPost && slices.Contains([]string{"/v1/events", "/v1/commands", "/v1/queries"}, path); ingested {
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Error.Message, `unknown parameter "nonsense"`) {
				t.Errorf("%s %s: %d %+v", method, path, resp.StatusCode, answer.Error)
			}
		} else if resp.StatusCode != http.StatusBadRequest || answer.Error.Code != "InvalidRequest" || answer.Error.Message != `unknown parameter "nonsense"` || answer.Error.Hint == "" {
			t.Errorf("%s %s: %d %+v", method, path, resp.StatusCode, answer.Error)
		}
	})
	if n < 30 {
		t.Errorf("only %d routes were asked", n)
	}
}

func TestTargetsAndBusesOneByOne(t *testing.T) {
	w := newWorld(t)
	w.ask("GET", "/v1/targets/shop", "", 200, `"name":"shop"`)
	w.ask("GET", "/v1/targets/shup", "", 404, `{"error":{"code":"NotFound","message":"no target \"shup\"","hint":"did you mean \"shop\"?"}}`)
	w.ask("GET", "/v1/buses", "", 200, `{"buses":[{"name":"default","rules":`)
	w.ask("GET", "/v1/buses/default", "", 200, `{"name":"default","rules":`)
	w.ask("GET", "/v1/buses/defualt", "", 404, `did you mean \"default\"?`)
	for _, path := range []string{"/v1/targets", "/v1/rules", "/v1/buses", "/v1/redrives"} {
		seen, cursor := 0, ""
		for range 100 {
			_, body := w.get(path + "?limit=1" + cursor)
			var answer map[string]any
			must(t, json.Unmarshal(body, &answer))
			for _, list := range []string{"targets", "rules", "buses", "redrives"} {
				if part, ok := answer[list].([]any); ok && strings.HasSuffix(path, list) {
					seen += len(part)
				}
			}
			next, more := answer["next_cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(next)
		}
		_, body := w.get(path)
		if whole := strings.Count(string(body), `"state":`); path == "/v1/targets" && seen < 3 || seen == 0 && whole > 0 && path != "/v1/redrives" {
			t.Errorf("%s: %d seen page by page of %s", path, seen, body)
		}
		w.ask("GET", path+"?cursor=nothing", "", 400, "next_cursor")
		w.ask("GET", path+"?limit=0", "", 400, "limit")
	}
}

func TestErrorsHaveOneShape(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/v1/nothing", 404, "NotFound"}, {"PUT", "/v1/rules", 405, "MethodNotAllowed"}, {"GET", "/v1/events/nope", 404, "NotFound"},
		{"POST", "/v1/deadletters/purge", 400, "InvalidRequest"}, {"GET", "/v1/a//b", 400, "InvalidRequest"}, {"POST", "/v1/targets/none/pause", 404, "NotFound"},
	} {
		body := w.ask(test.method, test.path, "{}", test.status, fmt.Sprintf(`{"error":{"code":"%s","message":"`, test.code))
		var answer struct{ Error *api.Error }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Error == nil {
			t.Errorf("%s %s: %s", test.method, test.path, body)
		}
	}
}
