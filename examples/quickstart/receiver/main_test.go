package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPrinter(t *testing.T) {
	var out bytes.Buffer
	r := httptest.NewRequest(http.MethodPost, "/events", strings.NewReader(`{"order":"1"}`))
	r.Header.Set("X-Signalbox-Delivery-Id", "d-1")
	r.Header.Set("X-Signalbox-Attempt", "2")
	w := httptest.NewRecorder()
	printer(&out, http.StatusServiceUnavailable).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503", w.Code)
	}
	want := "POST /events  delivery d-1, attempt 2\n{\"order\":\"1\"}\n\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestServeUntilCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"-listen", "127.0.0.1:0"}, pw, io.Discard)
		pw.Close()
	}()
	line := make([]byte, 200)
	n, err := pr.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, pr)
	url, _, _ := strings.Cut(strings.TrimPrefix(string(line[:n]), "listening on "), ",")
	resp, err := http.Post(url+"/x", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("answered %s", resp.Status)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("ended with code %d", got)
	}
}

func TestRunRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-x"}, 2, "flag provided but not defined"},
		{"status", []string{"-status", "99"}, 2, "-status is 99"},
		{"address in use", []string{"-listen", ln.Addr().String()}, 1, "address already in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(t.Context(), tt.args, io.Discard, &stderr); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("said %q, want %q", stderr.String(), tt.want)
			}
		})
	}
}
