package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestFront(t *testing.T) {
	var f Front
	want := func(when string, statuses map[string]int) {
		t.Helper()
		for path, status := range statuses {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != status {
				t.Errorf("%s: %s: %d, want %d: %s", when, path, w.Code, status, w.Body)
			}
		}
	}
	want("at the start", map[string]int{"/healthz": 200, "/readyz": 503, "/v1/rules": 503, "/": 503})
	f.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	want("in service", map[string]int{"/healthz": 200, "/readyz": 200, "/v1/rules": 418, "/": 418})
	f.Close()
	want("at the end", map[string]int{"/healthz": 200, "/readyz": 503, "/v1/rules": 418})
}
