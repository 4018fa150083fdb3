package ingest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSameOrigin: a page of another site can send a plain POST to a router on
// 127.0.0.1, without keys and without asking it first.
func TestSameOrigin(t *testing.T) {
	served := 0
	server := httptest.NewServer(SameOrigin(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })))
	defer server.Close()
	tests := []struct {
		name, method string
		header       map[string]string
		want         int
	}{
		{"no browser", "POST", nil, 200},
		{"another site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"another site, an older browser", "POST", map[string]string{"Origin": "https://evil.example"}, 403},
		{"another port", "POST", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"a page of no site", "DELETE", map[string]string{"Origin": "null"}, 403},
		{"its own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"its own page, an older browser", "POST", map[string]string{"Origin": server.URL}, 200},
		{"the address bar", "GET", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"a link", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
		{"the handshake of webhooks", "OPTIONS", map[string]string{"WebHook-Request-Origin": "events.example"}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			served = 0
			r, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+"/v1/deadletters/purge", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.want || (served == 1) != (tt.want == 200) {
				t.Errorf("status %d, served %d times, want %d", resp.StatusCode, served, tt.want)
			}
			if tt.want == 403 && !strings.Contains(string(body), "a page of another site") {
				t.Errorf("body %s", body)
			}
		})
	}
}
