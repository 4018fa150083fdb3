package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/dlq"
	"signalbox/jobs"
)

func TestDeadLettersAreListedPageByPage(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	all := w.letters(3)
	page, err := w.client.DeadLetters.List(t.Context(), dlq.Filter{Target: "shop", Pattern: json.RawMessage(`{"detail":{"total":[300,400]}}`)}, "", 1)
	must(t, err)
	if len(page.Letters) != 1 || page.Letters[0].ID != all[1].ID || page.Next == "" {
		t.Fatalf("the first page is %+v", page)
	}
	page, err = w.client.DeadLetters.List(t.Context(), dlq.Filter{Target: "shop"}, page.Next, 10)
	must(t, err)
	if len(page.Letters) != 1 || page.Letters[0].ID != all[2].ID || page.Next != "" {
		t.Errorf("the last page is %+v", page)
	}
	letter, err := w.client.DeadLetters.Get(t.Context(), all[0].ID)
	must(t, err)
	if letter.ErrorCode != "CONNECTION_FAILURE" || letter.Rule != "big" {
		t.Errorf("got %+v", letter)
	}
}

func TestDeadLettersAreGrouped(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	all := w.letters(3)
	got, err := w.client.DeadLetters.Groups(t.Context(), "", "")
	must(t, err)
	if len(got.Groups) != 1 || got.Looked != 3 || got.Next != "" {
		t.Fatalf("got %+v", got)
	}
	g := got.Groups[0]
	if g.Target != "shop" || g.Code != "CONNECTION_FAILURE" || g.Status != 0 || g.Count != 3 || g.Rules["big"] != 3 ||
		g.Message != all[0].ErrorMessage || g.First.IsZero() || g.Last.Before(g.First) {
		t.Errorf("got %+v", g)
	}
	if got, err = w.client.DeadLetters.Groups(t.Context(), "console", ""); err != nil || len(got.Groups) != 0 {
		t.Errorf("another target has %+v, %v", got, err)
	}
	w.ask("GET", "/v1/deadletters/groups?cursor=x", "", 400, "cursor")
}

func TestDeadLettersRefuse(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a filter that is not understood", "GET", "/v1/deadletters?tarket=x", "", 400, `unknown parameter \"tarket\"`},
		{"a time that is none", "GET", "/v1/deadletters?since=1h", "", 400, "write a time such as"},
		{"a status that is none", "GET", "/v1/deadletters?status=5xx", "", 400, "write an HTTP status"},
		{"a limit that is none", "GET", "/v1/deadletters?limit=0", "", 400, "from 1 to 1000"},
		{"a pattern that is none", "GET", "/v1/deadletters?pattern=%7B%22a%22:1%7D", "", 400, "Event pattern is not valid"},
		{"a cursor that is none", "GET", "/v1/deadletters?cursor=x", "", 400, "cursor"},
		{"a letter that is none", "GET", "/v1/deadletters/nope", "", 404, "not found"},
		{"an empty filter", "POST", "/v1/deadletters/redrive", `{}`, 400, `set \"all\": true`},
		{"an empty filter of a purge", "POST", "/v1/deadletters/purge", `{"filter":{}}`, 400, `set \"all\": true`},
		{"all and a filter", "POST", "/v1/deadletters/purge", `{"all":true,"filter":{"target":"x"}}`, 400, "leave one of them out"},
		{"a member that is not known", "POST", "/v1/deadletters/redrive", `{"filter":{"tarket":"x"}}`, 400, `unknown member \"tarket\" (did you mean \"target\"?)`},
		{"two values", "POST", "/v1/deadletters/redrive", `{"all":true}{}`, 400, "more follows"},
		{"a target that is none", "POST", "/v1/deadletters/redrive", `{"all":true,"to":"nope"}`, 400, `target \"nope\" is not defined`},
		{"a rate below zero", "POST", "/v1/deadletters/redrive", `{"all":true,"rate":-1}`, 400, "below zero"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { w.ask(tt.method, tt.path, tt.body, tt.status, tt.want) })
	}
}

func TestFilterSurvivesTheQuery(t *testing.T) {
	f := dlq.Filter{
		Target: "a&b", Status: 503, Rule: "r", Bus: "b", Code: "TIMEOUT", Pattern: json.RawMessage(`{"a":["ü"]}`),
		Since: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Until: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC),
	}
	var got dlq.Filter
	var err error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err = api.FilterOf(r.URL.Query())
		fmt.Fprint(w, "{}")
	}))
	defer server.Close()
	_, asked := client.New(client.Options{URL: server.URL, HTTP: server.Client()}).DeadLetters.List(t.Context(), f, "", 1)
	must(t, errors.Join(asked, err))
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v, want %+v", got, f)
	}
}

// ended waits for the end of a redrive.
func (w *world) ended(id string) dlq.Job {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		j, err := w.client.Redrives.Get(w.t.Context(), id)
		must(w.t, err)
		if j.State != jobs.Running {
			return j
		}
		if time.Now().After(end) {
			w.t.Fatalf("redrive %s does not end: %+v", id, j)
		}
	}
}

func TestARedriveIsAJobOfTheRouter(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	all := w.letters(3)
	req := api.RedriveRequest{Redrive: dlq.Redrive{To: "console", Rate: 1000, Filter: dlq.Filter{IDs: []string{all[0].ID, all[1].ID}}}}
	p, err := w.client.DeadLetters.Preview(t.Context(), req)
	must(t, err)
	if p.Total != 2 || p.Send != 2 || len(p.Letters) != 2 || p.Letters[0].Request == nil || p.Letters[0].Changes == nil {
		t.Errorf("preview: %+v", p)
	}
	j, err := w.client.DeadLetters.Redrive(t.Context(), req)
	must(t, err)
	if j.ID == "" || j.Total != 2 {
		t.Errorf("begun: %+v", j)
	}
	if j = w.ended(j.ID); j.State != jobs.Finished || j.Delivered != 2 {
		t.Errorf("ended: %+v", j)
	}
	jobs, err := w.client.Redrives.List(t.Context())
	must(t, err)
	if len(jobs) != 1 || jobs[0].ID != j.ID {
		t.Errorf("listed: %+v", jobs)
	}
	w.letters(1)
}

func TestAPreviewMasksSecrets(t *testing.T) {
	w := newWorld(t)
	w.accept("200")
	w.letters(1)
	w.ask("POST", "/v1/deadletters/redrive?dry_run=true", `{"all":true,"as":"current"}`, 200, `"Authorization":"***`)
	w.ask("POST", "/v1/deadletters/redrive?dry_run=perhaps", `{"all":true}`, 400, "write true or false")
	w.ask("POST", "/v1/deadletters/redrive?dry_run=1", `{"all":true,"show":101}`, 400, "from 0 to 100")
	w.letters(1)
}

func TestARedriveIsCancelledAndResumed(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	w.letters(3)
	j, err := w.client.DeadLetters.Redrive(t.Context(), api.RedriveRequest{Redrive: dlq.Redrive{To: "console", Rate: 0.001}, All: true})
	must(t, err)
	_, err = w.client.Redrives.Resume(t.Context(), j.ID)
	var problem *api.Error
	if !errors.As(err, &problem) || problem.Status != 409 {
		t.Errorf("resumed while it runs: %v", err)
	}
	_, err = w.client.Redrives.Cancel(t.Context(), j.ID)
	must(t, err)
	if j = w.ended(j.ID); j.State != jobs.Cancelled || j.Delivered+j.Left != 3 {
		t.Errorf("cancelled: %+v", j)
	}
	_, err = w.client.Redrives.Resume(t.Context(), j.ID)
	must(t, err)
	_, err = w.client.Redrives.Cancel(t.Context(), j.ID)
	must(t, err)
	w.ended(j.ID)
	w.ask("GET", "/v1/redrives/nope", "", 404, "not found")
}

func TestPurgeTellsHowFarItIs(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300")
	w.letters(2)
	p, err := w.client.DeadLetters.Purge(t.Context(), api.PurgeRequest{All: true, DryRun: true}, nil)
	must(t, err)
	if p.Total != 2 || p.Done != 0 || !p.DryRun {
		t.Errorf("dry run of a purge: %+v", p)
	}
	var steps []int
	p, err = w.client.DeadLetters.Purge(t.Context(), api.PurgeRequest{All: true}, func(p dlq.Progress) { steps = append(steps, p.Done) })
	must(t, err)
	if p.Done != 2 || len(steps) != 1 {
		t.Errorf("purge: %+v in steps %v", p, steps)
	}
	w.letters(0)
}
