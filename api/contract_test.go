package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/helpers"
	"go.uber.org/goleak"
)

// contract is the served OpenAPI document, against which all that is asked and answered in
// these tests is held.
type contract struct {
	validator  validator.Validator
	operations map[string]bool

	mu        sync.Mutex
	exercised map[string]bool
}

// served is the contract of all worlds, whose routes are the same.
var served struct {
	sync.Mutex
	*contract
}

// documented returns the contract that a handler serves.
func documented(t *testing.T, management http.Handler) *contract {
	t.Helper()
	served.Lock()
	defer served.Unlock()
	if served.contract != nil {
		return served.contract
	}
	answer := httptest.NewRecorder()
	management.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/openapi.json", nil))
	c := &contract{operations: map[string]bool{}, exercised: map[string]bool{}}
	var doc map[string]any
	must(t, json.Unmarshal(answer.Body.Bytes(), &doc))
	for path, methods := range doc["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			c.operations[strings.ToUpper(method)+" "+path] = true
		}
	}
	text, err := json.Marshal(closed(doc))
	must(t, err)
	document, err := libopenapi.NewDocument(text)
	must(t, err)
	var faults []error
	if c.validator, faults = validator.NewValidator(document, config.WithFormatAssertions(), config.WithoutSecurityValidation()); len(faults) > 0 {
		t.Fatal(faults)
	}
	if ok, faults := c.validator.ValidateDocument(); !ok {
		t.Fatalf("the document is no OpenAPI: %s", told(faults))
	}
	served.contract = c
	return c
}

// closed returns a schema, or a document of them, in which an object has the members that it
// names and no others.
func closed(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range s {
			out[k] = closed(v)
		}
		if _, ok := s["properties"].(map[string]any); ok && s["type"] == "object" {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i := range s {
			out[i] = closed(s[i])
		}
		return out
	}
	return schema
}

// hold returns a handler that fails the test where an answer is not as documented, or where a
// request that is not documented succeeds.
func (c *contract) hold(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		tee := &teeWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(tee, r)
		if r.Method == http.MethodHead {
			return // as GET, without a body
		}
		c.check(t, r, body, tee)
	})
}

// teeWriter keeps what is answered.
type teeWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *teeWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *teeWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// parts returns what is answered, each line by itself where they are documents of their own.
func (w *teeWriter) parts() [][]byte {
	if w.Header().Get("Content-Type") == "application/x-ndjson" {
		return bytes.Split(bytes.TrimSpace(w.body.Bytes()), []byte("\n"))
	}
	return [][]byte{w.body.Bytes()}
}

// Unwrap lets http.ResponseController through.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// check holds a request and its answer against the document.
func (c *contract) check(t *testing.T, r *http.Request, body []byte, tee *teeWriter) {
	request := r.Clone(t.Context())
	request.URL = oneStep(r.URL)
	request.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		request.Body = http.NoBody
	}
	what := fmt.Sprintf("%s %s (%d)", r.Method, r.URL, tee.status)
	var faults []*errors.ValidationError
	for _, part := range tee.parts() {
		answer := &http.Response{StatusCode: tee.status, Header: tee.Header(), Body: io.NopCloser(bytes.NewReader(part))}
		_, more := c.validator.GetResponseBodyValidator().ValidateResponseBody(request, answer)
		faults = append(faults, more...)
	}
	if unknown(faults) {
		if tee.status != http.StatusNotFound && tee.status != http.StatusMethodNotAllowed && tee.status != http.StatusBadRequest {
			t.Errorf("%s is not documented", what)
		}
		return
	}
	if len(faults) > 0 {
		t.Errorf("%s: the answer is not as documented: %s\n%s", what, told(faults), tee.body.Bytes())
	}
	if tee.status/100 != 2 {
		return
	}
	if ok, faults := c.validator.ValidateHttpRequestSync(request); !ok {
		t.Errorf("%s succeeds, but the request is not as documented: %s", what, told(faults))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for op := range c.operations {
		if method, path, _ := strings.Cut(op, " "); method == r.Method && leadsTo(path, request.URL.EscapedPath()) {
			c.exercised[op] = true
		}
	}
}

// oneStep returns an address in which the key of a state is one step of the path: OpenAPI has
// no parameter that spans several, and the validator none that is dots.
func oneStep(u *url.URL) *url.URL {
	one := *u
	if steps := strings.SplitN(u.EscapedPath(), "/", 5); len(steps) == 5 && steps[2] == "state" {
		steps[4] = strings.NewReplacer("/", "%2F", "%2E", "x").Replace(steps[4])
		one.RawPath = strings.Join(steps, "/")
		one.Path, _ = url.PathUnescape(one.RawPath)
	}
	return &one
}

// leadsTo reports whether a path is one of a documented path, and of none with fewer names.
func leadsTo(documented, path string) bool {
	want, have := strings.Split(documented, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if literal := !strings.HasPrefix(want[i], "{"); literal && want[i] != have[i] || !literal && slices.Contains([]string{"stream", "discover"}, have[i]) {
			return false
		}
	}
	return true
}

// unknown reports whether the document does not have a path or a method.
func unknown(faults []*errors.ValidationError) bool {
	return slices.ContainsFunc(faults, func(f *errors.ValidationError) bool {
		return f.ValidationType == helpers.PathValidation || f.ValidationSubType == helpers.ValidationMissingOperation
	})
}

func told(faults []*errors.ValidationError) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Message+": "+f.Reason)
		for _, s := range f.SchemaValidationErrors {
			lines = append(lines, "  "+s.FieldPath+" "+s.Reason)
		}
	}
	return strings.Join(lines, "\n")
}

// TestMain fails where nothing is left of a test, and where no test of them all had a success
// from an operation that is documented.
func TestMain(m *testing.M) { goleak.VerifyTestMain(all{m}) }

type all struct{ *testing.M }

// Run runs the tests.
func (a all) Run() int {
	code := a.M.Run()
	for _, part := range []string{"test.run", "test.skip", "test.list"} {
		if code != 0 || flag.Lookup(part).Value.String() != "" {
			return code
		}
	}
	for _, op := range slices.Sorted(maps.Keys(served.operations)) {
		if !served.exercised[op] {
			fmt.Fprintf(os.Stderr, "no test had a success from %s\n", op)
			code = 1
		}
	}
	return code
}
