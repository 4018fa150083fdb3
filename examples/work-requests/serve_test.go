package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The service alone takes a command on, tells the router what becomes of it, and
// ends its work when it is stopped.
func TestTheServiceAlone(t *testing.T) {
	told := make(chan string, 8)
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
		_, _ = io.WriteString(w, `{"events":[{"id":"1"}]}`)
	}))
	defer router.Close()
	ctx, stop := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, "127.0.0.1:0", router.URL, time.Hour, out) }()
	line := make([]byte, 256)
	n, err := said.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://127[^;]*`).FindString(string(line[:n]))
	command := `{"id":"c-1","detail-type":"CreateBdsInstance","detail":{"name":"sales","nodes":3}}`
	resp, err := http.Post(url, "application/json", strings.NewReader(command))
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusAccepted {
		t.Errorf("answered %d", resp.StatusCode)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if event := <-told; !strings.Contains(event, "CreateBdsInstanceCanceled") || !strings.Contains(event, `"causationId":"c-1"`) {
		t.Errorf("the router was told %s", event)
	}
}
