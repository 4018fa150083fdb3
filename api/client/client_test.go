package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"signalbox/api"
	"signalbox/dlq"
)

// answering is a client of a server that answers always the same.
func answering(t *testing.T, status int, contentType, body string) *Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return New(Options{URL: server.URL, HTTP: server.Client()})
}

func TestClientTellsWhatTheAnswerSays(t *testing.T) {
	tests := []struct {
		name         string
		status       int
		answer, want string
	}{
		{"an error of the whole", 400, `{"error":{"code":"InvalidRequest","message":"bad"}}`, "bad (InvalidRequest) (try again in 5 s)"},
		{"ingest's errors", 429, `{"error":{"code":"ThrottlingException","message":"later"}}`, "later (ThrottlingException) (try again in 5 s)"},
		{"a lacking key", 401, `{"error":{"code":"Unauthorized","message":"an API key is needed"}}`, "an API key is needed (Unauthorized) (try again in 5 s)"}, {"a lacking key, and nothing more", 401, `{}`, "answered 401 Unauthorized {} (give a key with --api-key or SIGNALBOX_API_KEY)"},
		{"another server", 502, "<html>gateway</html>", "answered 502 Bad Gateway <html>gateway</html>"},
		{"JSON of another server", 500, `{"message":"x"}`, `answered 500 Internal Server Error {"message":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answering(t, tt.status, "application/json", tt.answer).Events.Send(t.Context(), []byte("{}"), SendOptions{})
			var problem *api.Error
			if !errors.As(err, &problem) || problem.Status != tt.status || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestClientReadsWhichEventsWereRefused(t *testing.T) {
	c := answering(t, 400, "application/json", `{"error":{"code":"InvalidArgument","message":"1 of 2 events are not valid"},
		"events":[{},{"error":{"code":"InvalidArgument","message":"source: is required","details":{"path":"source"}}}]}`)
	_, err := c.Events.Send(t.Context(), []byte("[]"), SendOptions{})
	var problem *api.Error
	if !errors.As(err, &problem) || len(problem.Faults()) != 1 || problem.Faults()[0] != "event 2: source: is required (InvalidArgument)" {
		t.Errorf("got %#v", err)
	}
}

func TestClientWithoutRouter(t *testing.T) {
	c := New(Options{URL: "http://127.0.0.1:1", HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	_, err := c.DeadLetters.Get(t.Context(), "x")
	var unreachable *Unreachable
	if !errors.As(err, &unreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("got %v", err)
	}
	if want := "can't reach the router at http://127.0.0.1:1: connection refused; is `signalbox serve` running? (--url)"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClientGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := answering(t, 200, "application/json", "{}").DeadLetters.Get(ctx, "x")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClientNoticesAnAnswerThatIsCutOff(t *testing.T) {
	c := answering(t, 200, "application/x-ndjson", `{"total":10,"done":3,"skipped":0}`+"\n")
	var seen []int
	p, err := c.DeadLetters.Purge(t.Context(), api.PurgeRequest{All: true}, func(p dlq.Progress) { seen = append(seen, p.Done) })
	if !errors.Is(err, io.EOF) || p.Done != 3 || len(seen) != 1 || err.Error() != "broken off after 3 of 10: EOF" {
		t.Errorf("got %+v, %v, %v", p, seen, err)
	}
}

func TestClientHidesTheLogin(t *testing.T) {
	err := &Unreachable{URL: "http://user:p4ss@127.0.0.1:1", Err: syscall.ECONNREFUSED}
	if want := "can't reach the router at http://***@127.0.0.1:1: connection refused; is `signalbox serve` running? (--url)"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}
