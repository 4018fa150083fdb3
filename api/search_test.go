package api_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/api/client"
	"signalbox/trace"
)

func TestSearch(t *testing.T) {
	w := newWorld(t)
	ids := w.accept("250", "0") // to the target that is down; to none, of which a shadow rule tells
	w.letters(1)
	find := func(f trace.Filter) string {
		t.Helper()
		page, err := w.client.Events.Search(t.Context(), f, "", 10, true)
		must(t, err)
		var got []string
		for _, e := range page.Events {
			if !strings.Contains(string(e.Event), `"total"`) {
				t.Errorf("the envelope is %s", e.Event)
			}
			got = append(got, e.ID+" "+string(e.Outcome))
		}
		return strings.Join(got, ", ")
	}
	if got, want := find(trace.Filter{}), ids[1]+" matched, "+ids[0]+" dead"; got != want {
		t.Errorf("all: %s, want %s", got, want)
	}
	if got, want := find(trace.Filter{Rule: "big", Target: "shop", Outcome: trace.OutcomeDead, Text: `"total":250`}), ids[0]+" dead"; got != want {
		t.Errorf("the dead one: %s, want %s", got, want)
	}
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/events?limit=1", 200, `"next_cursor":"`},
		{"/v1/events?source=none", 200, `{"events":[],"looked":2,`},
		{"/v1/events?content=true&limit=1", 200, `"event":{"version":"0"`},
		{"/v1/events?outcome=deat", 400, "did you mean"},
		{"/v1/events?cursor=-", 400, "use the next_cursor"},
		{"/v1/events?pattern=" + url.QueryEscape(`{"source":"x"}`), 400, "pattern: "},
		{"/v1/events?since=yesterday", 400, "write a time such as"},
		{"/v1/events?sorce=x", 400, "did you mean"},
		{"/v1/events?limit=0", 400, "write a number from 1 to 1000"},
		{"/v1/events/stream?outcome=dead", 400, "unknown parameter"},
		{"/v1/events/stream?until=2020-01-01T00:00:00Z", 400, "unknown parameter"},
		{"/v1/events/stream?cursor=-", 400, "use the next_cursor"},
	} {
		t.Run(tt.path, func(t *testing.T) { w.ask("GET", tt.path, "", tt.status, tt.want) })
	}
}

func TestStreamOfEvents(t *testing.T) {
	w := newWorld(t)
	before := w.accept("250")
	stop := errors.New("enough")
	var got []string
	take := func(e *trace.Listed, _ string) error {
		if got = append(got, e.ID); len(got)%2 == 0 {
			return stop
		}
		got = append(got, w.accept("251")...) // is told of next
		got = got[:len(got)-1]
		return nil
	}
	cursor, err := w.client.Events.Follow(t.Context(), trace.Filter{Since: w.router.Traces.Oldest(), Source: "shop.orders"}, "", false, take)
	if !errors.Is(err, stop) || len(got) != 2 || got[0] != before[0] {
		t.Fatalf("got %q from %q, %v", got, before, err)
	}
	more := w.accept("252", "253")
	// What was shown last is shown again, as the client did not get behind it.
	if _, err = w.client.Events.Follow(t.Context(), trace.Filter{}, cursor, true, func(e *trace.Listed, _ string) error {
		if got = append(got, e.ID); e.ID == more[1] {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || got[len(got)-2] != more[0] {
		t.Errorf("then %q, %v", got, err)
	}
}

// TestStreamsAreBounded, go on with what a browser sends, and end when the router stops.
func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.accept("1")[0]
	var streams []*bufio.Reader
	open := func(last string) *bufio.Reader {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/v1/events/stream", nil)
		must(t, err)
		req.Header.Set("Last-Event-ID", last)
		resp, err := w.server.Client().Do(req)
		must(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("answered %s, %v", resp.Status, resp.Header)
		}
		return bufio.NewReader(resp.Body)
	}
	for range 16 {
		streams = append(streams, open(w.journal.Cursor("events/stream", "1")))
	}
	w.ask("GET", "/v1/events/stream", "", 503, "16 streams of events are open")
	for _, s := range streams {
		var text string
		for !strings.Contains(text, id) {
			line, err := s.ReadString('\n')
			must(t, err)
			text += line
		}
		if !strings.HasPrefix(text, "event: gap\ndata: {\"reason\":\"retention dropped them before they were read\"}\n\nid: ") {
			t.Errorf("a stream from before the store begins with %q", text)
		}
	}
	w.stop()
	for _, s := range streams {
		if _, err := s.WriteTo(new(strings.Builder)); err != nil {
			t.Errorf("it ends with %v", err)
		}
	}
	if _, err := w.client.Events.Follow(t.Context(), trace.Filter{}, "", false, nil); !errors.Is(err, client.ErrCutOff) {
		t.Errorf("while it stops: %v", err)
	}
}
