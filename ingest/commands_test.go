package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/commands"
	"signalbox/commands/work"
	"signalbox/event"
)

// asked is what a handler of commands and queries was given.
type asked struct {
	e    *event.Event
	wait time.Duration
}

// requestDoor serves a door whose commands and queries get a reply.
func requestDoor(t *testing.T, reply commands.Reply, fault error, stopping context.Context) (url string, got *asked) {
	got = new(asked)
	ask := func(ctx context.Context, e *event.Event, wait time.Duration) (commands.Reply, error) {
		got.e, got.wait = e, wait
		if reply.Outcome == "hang" {
			<-ctx.Done()
			return commands.Reply{Outcome: "late", EventID: "e", Work: &work.Request{ID: "w"}}, nil
		}
		return reply, fault
	}
	server := httptest.NewServer(New(nil, Options{Command: ask, Query: ask, Stopping: stopping}))
	t.Cleanup(server.Close)
	return server.URL, got
}

const oneCommand = `{"source":"s","detail-type":"CreateOrder","detail":{}}`

func post(t *testing.T, url, body string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestReplies(t *testing.T) {
	goesOn := &work.Request{ID: "w", Action: work.InProgress}
	for _, c := range []struct {
		name, path string
		reply      commands.Reply
		fault      error
		status     int
		body       string
	}{
		{"answer", "/v1/commands?wait=1s", commands.Reply{Outcome: "answered", Status: 201, ContentType: "text/plain", Body: []byte("made")}, nil, 201, "made"},
		{"no content", "/v1/commands?wait=1s", commands.Reply{Outcome: "answered", Status: 204}, nil, 204, ""},
		{"refusal", "/v1/commands?wait=1s", commands.Reply{Outcome: "refused", Status: 422, Body: []byte("no")}, nil, 422, "no"},
		{"too long", "/v1/commands?wait=1s", commands.Reply{Outcome: "answered", Status: 200, Body: []byte("half"), Cut: true}, nil, 502, "AnswerTooLarge"},
		{"late", "/v1/commands?wait=1s", commands.Reply{Outcome: "late", Work: goesOn}, nil, 202, `"IN_PROGRESS"`},
		{"not asked to wait", "/v1/commands", commands.Reply{Outcome: "late", Work: goesOn}, nil, 202, `"IN_PROGRESS"`},
		{"failed", "/v1/commands?wait=1s", commands.Reply{Outcome: "failed", Message: "refused connection"}, nil, 502, "did not take the command: refused connection; it rests in the dead-letter queue"},
		{"failed query", "/v1/queries?wait=1s", commands.Reply{Outcome: "failed", Message: "refused connection"}, nil, 502, "gave no reply: refused connection; the query is not asked again"},
		{"late query", "/v1/queries?wait=3s", commands.Reply{Outcome: "late"}, nil, 504, "no reply within 3s"},
		{"reply", "/v1/queries", commands.Reply{Outcome: "answered", Status: 200, Body: []byte(`{"n":1}`)}, nil, 200, `{"n":1}`},
		{"test query", "/v1/queries", commands.Reply{Outcome: "nothing"}, nil, 204, ""},
		{"no handler", "/v1/commands", commands.Reply{}, &event.Error{Code: event.CodeNoHandler, Message: "no rule"}, 422, "NoHandler"},
		{"two handlers", "/v1/queries", commands.Reply{}, &event.Error{Code: event.CodeSeveralHandlers, Message: "rules a and b"}, 422, "rules a and b"},
		{"store fails", "/v1/commands", commands.Reply{}, errors.New("disk"), 503, "InternalFailure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, _ := requestDoor(t, c.reply, c.fault, nil)
			resp, body := post(t, url+c.path, oneCommand)
			if resp.StatusCode != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %s; want %d with %q", resp.StatusCode, body, c.status, c.body)
			}
			byHandler := c.reply.Outcome == "refused" || c.reply.Outcome == "answered" && !c.reply.Cut
			if got := resp.Header.Get(HeaderAnsweredBy) == "handler"; got != byHandler {
				t.Errorf("answered by the handler: %v, want %v", got, byHandler)
			}
			if got := resp.Header.Get("Location"); (resp.StatusCode == 202) != (got == "/v1/work-requests/w") {
				t.Errorf("location %q", got)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/commands?wait=abc", oneCommand, 400, `\"abc\" is not a time from 0s to 1m0s`},
		{"/v1/commands?wait=61s", oneCommand, 400, "61s"},
		{"/v1/commands?wait=-1s", oneCommand, 400, "-1s"},
		{"/v1/queries?wait=0s", oneCommand, 400, "wait longer than 0s"},
		{"/v1/commands?wiat=1s", oneCommand, 400, `unknown parameter \"wiat\"`},
		{"/v1/commands", "[" + oneCommand + "," + oneCommand + "]", 400, "2 messages: send one command"},
		{"/v1/commands", `{"source":"s"}`, 400, "detail-type"},
		{"/v1/events?wait=1s", oneCommand, 400, `unknown parameter \"wait\"`},
	} {
		t.Run(c.path, func(t *testing.T) {
			url, got := requestDoor(t, commands.Reply{}, nil, nil)
			resp, body := post(t, url+c.path, c.body)
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) || got.e != nil {
				t.Errorf("%d %s; want %d with %s; asked: %v", resp.StatusCode, body, c.status, c.want, got.e)
			}
		})
	}
}

func TestKindAndWaitAreHandedOn(t *testing.T) {
	url, got := requestDoor(t, commands.Reply{Outcome: "answered", Status: 200}, nil, nil)
	post(t, url+"/v1/commands?wait=1500ms&synthetic=true&bus=b", oneCommand)
	if m := got.e.Meta; m.Kind != event.KindCommand || got.wait != 1500*time.Millisecond || !m.Synthetic || m.Bus != "b" {
		t.Errorf("%+v, %v", m, got.wait)
	}
	post(t, url+"/v1/queries", oneCommand)
	if got.e.Meta.Kind != event.KindQuery || got.wait != 10*time.Second {
		t.Errorf("%+v, %v", got.e.Meta, got.wait)
	}
}

// Whoever waits is answered when the router stops, and freed when it has gone.
func TestWaitEnds(t *testing.T) {
	stopping, stop := context.WithCancel(t.Context())
	url, _ := requestDoor(t, commands.Reply{Outcome: "hang"}, nil, stopping)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/commands?wait=1m", strings.NewReader(oneCommand))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	left := make(chan error)
	go func() { _, err := http.DefaultClient.Do(req); left <- err }()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	done := make(chan int)
	go func() { resp, _ := post(t, url+"/v1/commands?wait=1m", oneCommand); done <- resp.StatusCode }()
	stop()
	if status := <-done; status != http.StatusAccepted {
		t.Errorf("answered %d when the router stops", status)
	}
}
