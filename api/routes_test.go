package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/api"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
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

// TestOpenAPIAndRoutesAgree asks for every path of the document, and looks up every route
// in it.
func TestOpenAPIAndRoutesAgree(t *testing.T) {
	w := newWorld(t)
	documented := map[string]bool{}
	w.operations(func(method, path string, op map[string]any) {
		documented[method+" "+path] = true
		if op["summary"] == "" || op["responses"] == nil {
			t.Errorf("%s %s is not described: %v", method, path, op)
		}
	})
	served := 0
	for _, r := range api.Routes(api.Options{Router: w.router, Gatherer: prometheus.NewRegistry(), Logger: zap.NewNop()}) {
		path := api.PathParameter.ReplaceAllString(r.Path, "{$1}")
		if !documented[r.Method+" "+path] {
			t.Errorf("%s %s is not documented", r.Method, r.Path)
		}
		delete(documented, r.Method+" "+path)
		if r.Served {
			served++
		}
	}
	delete(documented, "POST /-/reload")
	delete(documented, "GET /v1/audit")
	if len(documented) > 0 || served < 30 {
		t.Errorf("documented and not served: %v; %d are served", documented, served)
	}
}

// TestAnswersAreAsDocumented compares real answers with the schemas of the document.
func TestAnswersAreAsDocumented(t *testing.T) {
	w := newWorld(t)
	id := w.accept("250")[0]
	known := map[string]string{"bus": "default", "type": "Thing", "key": "1"}
	checked := 0
	doc := w.operations(func(method, path string, op map[string]any) {})
	w.operations(func(method, path string, op map[string]any) {
		success, _ := op["responses"].(map[string]any)["200"].(map[string]any)
		if method != "GET" || success == nil || success["content"] == nil {
			return
		}
		at := strings.NewReplacer("{bus}", known["bus"], "{type}", known["type"], "{key}", known["key"],
			"/v1/rules/{bus}/{name}", "/v1/rules/default/big", "/v1/targets/{name}", "/v1/targets/shop", "/v1/buses/{name}", "/v1/buses/default",
			"/v1/events/{id}", "/v1/events/"+id, "/v1/traces/{id}", "/v1/traces/"+id).Replace(path)
		resp, body := w.get(at)
		schema := success["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
		if resp.StatusCode == http.StatusNotFound { // then as its error
			schema = doc["components"].(map[string]any)["schemas"].(map[string]any)["Error"]
		} else if resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %d %s", at, resp.StatusCode, body)
		} else {
			checked++
		}
		if err := valid(schema, body); err != nil {
			t.Errorf("GET %s: %v\n%s", at, err, body)
		}
	})
	if checked < 15 {
		t.Errorf("only %d answers were checked", checked)
	}
}

// valid checks a JSON text against a schema, in which every member must be known.
func valid(schema any, text []byte) error {
	c := jsonschema.NewCompiler()
	if err := c.AddResource("answer.json", strict(schema)); err != nil {
		return err
	}
	s, err := c.Compile("answer.json")
	if err != nil {
		return err
	}
	answer, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return s.Validate(answer)
}

// strict refuses members that a schema does not name.
func strict(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range s {
			out[k] = strict(v)
		}
		if _, ok := s["properties"].(map[string]any); ok && s["type"] == "object" {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i := range s {
			out[i] = strict(s[i])
		}
		return out
	}
	return schema
}

func TestUnknownParametersAreRefusedEverywhere(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.operations(func(method, path string, _ map[string]any) {
		if strings.HasPrefix(path, "/v1/events") && method == "POST" || path == "/" || path == "/v1/commands" || path == "/v1/queries" || path == "/healthz" || path == "/readyz" {
			return // served by others
		}
		n++
		req, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+api.PathParameter.ReplaceAllString(path, "x")+"?"+url.Values{"nonsense": {"1"}}.Encode(), strings.NewReader("{}"))
		must(t, err)
		resp, err := w.server.Client().Do(req)
		must(t, err)
		defer resp.Body.Close()
		var answer struct{ Error api.Error }
		must(t, json.NewDecoder(resp.Body).Decode(&answer))
		if resp.StatusCode != http.StatusBadRequest || answer.Error.Code != "InvalidRequest" || answer.Error.Message != `unknown parameter "nonsense"` || answer.Error.Hint == "" {
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
