package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/commands/work"
	"signalbox/event"
)

const workRules = `targets:
  made: {type: http, url: URL/200}
  taken: {type: http, url: URL/202}
  refused: {type: http, url: URL/422}
rules:
  - {name: make, pattern: {detail-type: [MakeThing]}, targets: [made]}
  - {name: take, pattern: {detail-type: [TakeThing]}, targets: [taken]}
  - {name: refuse, pattern: {detail-type: [RefuseThing]}, targets: [refused]}
`

// workWorld is a world whose handlers answer what their names say.
func workWorld(t *testing.T) *world {
	handlers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/202":
			w.WriteHeader(http.StatusAccepted)
		case "/422":
			http.Error(w, "no", http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(handlers.Close)
	return newWorldOf(t, strings.ReplaceAll(workRules, "URL", handlers.URL), "")
}

// command sends a command, and gives its work request in the state that it came to.
func (w *world) command(name, correlation string, action work.Action) *work.Request {
	w.t.Helper()
	e := &event.Event{Source: "shop", DetailType: name, Detail: []byte("{}"), Meta: event.Metadata{CorrelationID: correlation}}
	reply, err := w.router.Commands.Command(w.t.Context(), e, 0)
	must(w.t, err)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		request, err := w.client.WorkRequests.Get(w.t.Context(), reply.Work.ID)
		must(w.t, err)
		if request.Action == action {
			return request
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s is %s, want %s", name, request.Action, action)
		}
	}
}

func TestWorkRequestsAreListed(t *testing.T) {
	w := workWorld(t)
	w.ask("GET", "/v1/work-requests", "", 200, `{"work_requests":[]}`)
	var all []string
	for _, name := range []string{"MakeThing", "TakeThing", "RefuseThing", "TakeThing"} {
		action := map[string]work.Action{"MakeThing": work.Succeeded, "TakeThing": work.InProgress, "RefuseThing": work.Failed}[name]
		all = append(all, w.command(name, "story-"+name, action).ID)
	}
	made, taken, refused, again := all[0], all[1], all[2], all[3]
	for name, tt := range map[string]struct {
		filter api.WorkFilter
		want   []string
	}{
		"all, the latest first": {api.WorkFilter{}, []string{again, refused, taken, made}},
		"action type":           {api.WorkFilter{Action: work.Failed}, []string{refused}},
		"operation":             {api.WorkFilter{Operation: "TakeThing"}, []string{again, taken}},
		"service":               {api.WorkFilter{Service: "made"}, []string{made}},
		"entity type":           {api.WorkFilter{EntityType: "thing"}, []string{again, refused, taken, made}},
		"story":                 {api.WorkFilter{CorrelationID: "story-TakeThing"}, []string{again, taken}},
		"open":                  {api.WorkFilter{Open: true}, []string{again, taken}},
		"open and of a kind":    {api.WorkFilter{Open: true, Operation: "MakeThing"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 1000} {
				if got := w.pages(tt.filter, limit); strings.Join(got, " ") != strings.Join(tt.want, " ") {
					t.Errorf("pages of %d: got %q, want %q", limit, got, tt.want)
				}
			}
		})
	}
}

// pages lists work requests page by page.
func (w *world) pages(f api.WorkFilter, limit int) (ids []string) {
	w.t.Helper()
	cursor := ""
	for {
		page, err := w.client.WorkRequests.List(w.t.Context(), f, cursor, limit)
		must(w.t, err)
		if len(page.WorkRequests) > limit {
			w.t.Errorf("a page of %d has %d", limit, len(page.WorkRequests))
		}
		for _, request := range page.WorkRequests {
			ids = append(ids, request.ID)
		}
		if cursor = page.Cursor; cursor == "" {
			return ids
		}
	}
}

func TestTheListOfWorkRequestsRefuses(t *testing.T) {
	w := workWorld(t)
	for query, want := range map[string]string{
		"limit=0":           `limit \"0\": write a number from 1 to 1000`,
		"limit=1001":        `limit \"1001\": write a number`,
		"open=maybe":        `open \"maybe\": write true or false`,
		"action_type=done":  `action_type \"done\": write one of [ACCEPTED IN_PROGRESS SUCCEEDED FAILED CANCELING CANCELED]`,
		"actiontype=FAILED": `the parameters here are action_type, operation, service`,
	} {
		w.ask("GET", "/v1/work-requests?"+query, "", 400, want)
	}
	w.ask("GET", "/v1/work-requests?action_type=failed", "", 200, `{"work_requests":[]}`) // in any case of letters
	w.ask("GET", "/v1/work-requests?cursor=nope", "", 400, "use the next_cursor of an earlier page")
}

func TestAWorkRequestIsCanceled(t *testing.T) {
	w := workWorld(t)
	taken := w.command("TakeThing", "", work.InProgress)
	w.ask("GET", "/v1/work-requests/"+taken.CommandID, "", 200, `"id":"`+taken.ID+`","operation":"TakeThing"`)
	for range 2 { // asking again changes nothing
		w.ask("DELETE", "/v1/work-requests/"+taken.ID, "", 202, `"actionType":"CANCELING"`)
	}
	w.tell(&event.Event{Source: "shop", DetailType: "TakeThingCanceled", Detail: []byte("{}"), Meta: event.Metadata{CorrelationID: taken.CommandID}})
	w.ask("GET", "/v1/work-requests/"+taken.ID, "", 200, `"actionType":"CANCELED"`)
	_, err := w.client.WorkRequests.Cancel(t.Context(), taken.ID)
	var problem *api.Error
	if !errors.As(err, &problem) || problem.Status != http.StatusConflict || !strings.HasPrefix(err.Error(), "cancel: work request "+taken.ID+" has ended: it is CANCELED since ") {
		t.Errorf("the end of what has ended: %v", err)
	}
	if _, err := w.client.WorkRequests.Get(t.Context(), "a/b"); !errors.As(err, &problem) || problem.Status != http.StatusNotFound || !strings.Contains(err.Error(), `"a/b"`) {
		t.Errorf("an id with a slash: %v", err)
	}

	must(t, w.router.Stop(context.Background()))
	open := w.ask("DELETE", "/v1/work-requests/"+taken.ID, "", 503, "stopping")
	if strings.Contains(open, "internal error") {
		t.Errorf("a router that stops says %s", open)
	}
}
