package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"signalbox/dlq"
)

func TestDeadLettersAreListedPageByPage(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	all := w.letters(3)
	page, err := w.client.DeadLetters(t.Context(), dlq.Filter{Target: "shop", Pattern: json.RawMessage(`{"detail":{"total":[300,400]}}`)}, "", 1)
	must(t, err)
	if len(page.Letters) != 1 || page.Letters[0].ID != all[1].ID || page.Next == "" {
		t.Fatalf("the first page is %+v", page)
	}
	page, err = w.client.DeadLetters(t.Context(), dlq.Filter{Target: "shop"}, page.Next, 10)
	must(t, err)
	if len(page.Letters) != 1 || page.Letters[0].ID != all[2].ID || page.Next != "" {
		t.Errorf("the last page is %+v", page)
	}
	letter, err := w.client.DeadLetter(t.Context(), all[0].ID)
	must(t, err)
	if letter.ErrorCode != "CONNECTION_FAILURE" || letter.Rule != "big" {
		t.Errorf("got %+v", letter)
	}
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
		{"a limit that is none", "GET", "/v1/deadletters?limit=0", "", 400, "from 1 to 1000"},
		{"a pattern that is none", "GET", "/v1/deadletters?pattern=%7B%22a%22:1%7D", "", 400, "Event pattern is not valid"},
		{"a cursor that is none", "GET", "/v1/deadletters?cursor=x", "", 400, "cursor"},
		{"a letter that is none", "GET", "/v1/deadletters/nope", "", 404, "not found"},
		{"an empty filter", "POST", "/v1/deadletters/redrive", `{}`, 400, `set \"all\": true`},
		{"an empty filter of a purge", "POST", "/v1/deadletters/purge", `{"filter":{}}`, 400, `set \"all\": true`},
		{"all and a filter", "POST", "/v1/deadletters/purge", `{"all":true,"filter":{"target":"x"}}`, 400, "leave one of them out"},
		{"a member that is not known", "POST", "/v1/deadletters/redrive", `{"filter":{"tarket":"x"}}`, 400, "unknown field"},
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
		Target: "a&b", Rule: "r", Bus: "b", Code: "TIMEOUT", Pattern: json.RawMessage(`{"a":["ü"]}`),
		Since: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Until: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC),
	}
	q, err := url.ParseQuery(queryOf(f).Encode())
	must(t, err)
	got, err := filterOf(q)
	must(t, err)
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v, want %+v", got, f)
	}
}

func TestRedriveAndPurgeTellHowFarTheyAre(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	all := w.letters(3)
	var steps []int
	p, err := w.client.Redrive(t.Context(), RedriveRequest{Redrive: dlq.Redrive{To: "console", Rate: 1000, Filter: dlq.Filter{IDs: []string{all[0].ID, all[1].ID}}}},
		func(p dlq.Progress) { steps = append(steps, p.Done) })
	must(t, err)
	if p.Done != 2 || p.Total != 2 || len(steps) == 0 {
		t.Errorf("redrive: %+v in steps %v", p, steps)
	}
	p, err = w.client.Purge(t.Context(), PurgeRequest{All: true, DryRun: true}, nil)
	must(t, err)
	if p.Total != 1 || p.Done != 0 || !p.DryRun {
		t.Errorf("dry run of a purge: %+v", p)
	}
	p, err = w.client.Purge(t.Context(), PurgeRequest{All: true}, nil)
	must(t, err)
	if p.Done != 1 {
		t.Errorf("purge: %+v", p)
	}
	w.letters(0)
}

// slowly begins to redrive letters to the console, one a second, and returns
// after the first.
func (w *world) slowly(ctx context.Context) (ended chan error) {
	begun := make(chan struct{}, 100)
	ended = make(chan error, 1)
	go func() {
		req := RedriveRequest{Redrive: dlq.Redrive{To: "console", Rate: 1}, All: true}
		_, err := w.client.Redrive(ctx, req, func(dlq.Progress) { begun <- struct{}{} })
		ended <- err
	}()
	<-begun
	return ended
}

func TestRedriveEndsWithItsClient(t *testing.T) {
	w := newWorld(t)
	w.accept(strings.Split(strings.Repeat("200 ", 20), " ")[:20]...)
	w.letters(20)
	ctx, cancel := context.WithCancel(t.Context())
	ended := w.slowly(ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	w.server.Close() // waits for the request
	if n := w.router.Accounts().Deliveries.Dead; n < 15 {
		t.Errorf("%d letters are left; the redrive went on without its client", n)
	}
}

func TestRedriveEndsWithTheRouter(t *testing.T) {
	w := newWorld(t)
	w.accept(strings.Split(strings.Repeat("200 ", 20), " ")[:20]...)
	w.letters(20)
	ended := w.slowly(t.Context())
	w.stop()
	var problem *Error
	if err := <-ended; !errors.As(err, &problem) || problem.Message != "the router is stopping" || !strings.Contains(err.Error(), " of 20: ") {
		t.Errorf("ended with %v", err)
	}
}
