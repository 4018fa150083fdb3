package ingest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRouter is an Accepter that remembers what it has accepted. accept, if it
// is not nil, answers in its place.
type fakeRouter struct {
	accept func([]*event.Event) ([]error, error)

	mu     sync.Mutex
	events []*event.Event
}

func (f *fakeRouter) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	if f.accept != nil {
		return f.accept(events)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.events = append(f.events, e)
		if e.ID == "" {
			e.ID = fmt.Sprintf("id-%d", len(f.events))
		}
	}
	return make([]error, len(events)), nil
}

// taken is what has been accepted so far.
func (f *fakeRouter) taken() []*event.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events
}

// busy is the error of a backlog that is full.
type busy struct{}

func (busy) Error() string             { return "the backlog is full" }
func (busy) RetryAfter() time.Duration { return 1500 * time.Millisecond }

// serve starts ingest over HTTP, and returns its address.
func serve(t testing.TB, accepter Accepter, opts Options) string {
	t.Helper()
	server := httptest.NewServer(New(accepter, opts))
	t.Cleanup(server.Close)
	return server.URL
}

// send makes a request and returns its answer. Headers come in pairs.
func send(t testing.TB, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, strings.TrimSpace(string(text))
}
