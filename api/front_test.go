package api

import (
	"errors"
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
	var full error
	f.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), func() error { return full })
	want("in service", map[string]int{"/healthz": 200, "/readyz": 200, "/v1/rules": 418, "/": 418})
	full = errors.New("the disk is full")
	want("in trouble", map[string]int{"/healthz": 200, "/readyz": 503, "/v1/rules": 418, "/": 418})
	full = nil
	want("out of it", map[string]int{"/readyz": 200})
	f.Close()
	want("at the end", map[string]int{"/healthz": 200, "/readyz": 503, "/v1/rules": 418})
}
