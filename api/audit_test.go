package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/audit"
	"signalbox/config"
)

// TestEveryActionIsAudited walks the table of routes: whatever changes something is either an
// event, which is a record itself, or leaves an entry, even where it fails.
func TestEveryActionIsAudited(t *testing.T) {
	w := newWorld(t)
	harmless := map[string]bool{"/": true, "/v1/events": true, "/v1/commands": true, "/v1/queries": true, "/v1/hooks/{name}": true, "/v1/explain": true, "/v1/playground": true}
	all := api.Routes(api.Options{Router: w.router, Audit: w.log, Sources: w.sources, Archives: w.archives, Logger: zap.NewNop(), Gatherer: prometheus.NewRegistry(), Reloader: new(config.Reloader)})
	acting := 0
	for _, r := range all {
		switch {
		case !r.Acts && r.Method != http.MethodGet && !harmless[r.Path]:
			t.Errorf("%s %s changes something with the right to %q alone, and is not audited", r.Method, r.Path, r.Right)
		case r.Acts:
			acting++
			before, err := w.log.List(audit.Filter{}, "", 1000)
			must(t, err)
			req, err := http.NewRequestWithContext(t.Context(), r.Method, w.server.URL+api.PathParameter.ReplaceAllString(r.Path, "no-such-$1"), strings.NewReader("{}"))
			must(t, err)
			resp, err := w.server.Client().Do(req)
			must(t, err)
			_, err = io.Copy(io.Discard, resp.Body) // a backup has ended when all of it is there
			must(t, err)
			resp.Body.Close()
			after, err := w.log.List(audit.Filter{}, "", 1000)
			must(t, err)
			if len(after.Entries) != len(before.Entries)+1 {
				t.Errorf("%s %s (%d) left %d entries", r.Method, r.Path, resp.StatusCode, len(after.Entries)-len(before.Entries))
				continue
			}
			e := after.Entries[0]
			failed := resp.StatusCode >= 400
			if e.Action != r.Action || e.From == "" || (e.Outcome == audit.Failed) != failed || (e.Error != "") != failed || failed != (e.Outcome != audit.Done) {
				t.Errorf("%s %s (%d): %+v", r.Method, r.Path, resp.StatusCode, e)
			}
		}
	}
	if acting < 10 {
		t.Errorf("only %d routes act", acting)
	}
}

func TestNamesOfActions(t *testing.T) {
	for path, want := range map[string]string{
		"POST /v1/targets/{name}/pause": "targets.pause", "POST /v1/targets/{name}/keys/resume": "targets.keys.resume",
		"POST /-/reload": "reload", "DELETE /v1/work-requests/{id}": "work-requests.delete", "GET /v1/backup": "backup",
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := api.ActionOf(method, path); got != want {
			t.Errorf("%s %s is %s, want %s", method, path, got, want)
		}
	}
}

func TestAuditOfWhatIsDone(t *testing.T) {
	w := newWorld(t)
	w.accept("250", "251", "252")
	w.letters(3)
	w.ask("POST", "/v1/targets/shop/pause", "", 200, "")
	w.ask("POST", "/v1/rules/default/big/pause", "", 200, "")
	w.ask("POST", "/v1/deadletters/purge", `{"filter":{"target":"shop"},"dry_run":true}`, 200, `"finished":true`)
	w.ask("POST", "/v1/deadletters/redrive?dry_run=true", `{"all":true}`, 200, "")
	w.ask("POST", "/v1/deadletters/purge", `{"filter":{"target":"shop"}}`, 200, `"finished":true`)
	w.ask("POST", "/v1/targets/shup/pause", "", 404, "")
	var page audit.Page
	must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/audit", "", 200, "")), &page))
	type row struct {
		action, object string
		outcome        audit.Outcome
		count          int
		dry            bool
	}
	want := []row{
		{"targets.pause", "shup", audit.Failed, -1, false},
		{"deadletters.purge", "", audit.Done, 3, false},
		{"deadletters.redrive", "", audit.Done, -1, true},
		{"deadletters.purge", "", audit.Done, 3, true},
		{"rules.pause", "default/big", audit.Done, -1, false},
		{"targets.pause", "shop", audit.Done, -1, false},
	}
	if len(page.Entries) != len(want) {
		t.Fatalf("%d entries, want %d: %+v", len(page.Entries), len(want), page.Entries)
	}
	for i, e := range page.Entries {
		got := row{e.Action, e.Object, e.Outcome, -1, e.DryRun}
		if e.Count != nil {
			got.count = *e.Count
		}
		if got != want[i] {
			t.Errorf("entry %d: %+v, want %+v", i, got, want[i])
		}
	}
	if detail, _ := json.Marshal(page.Entries[1].Detail); !strings.Contains(string(detail), `"target":"shop"`) {
		t.Errorf("the purge's filter is %s", detail)
	}
	for query, n := range map[string]int{"action=deadletters.purge": 2, "object=shop": 1, "key=anna": 0, "outcome=failed": 1, "until=2020-01-01T00:00:00Z": 0, "since=2020-01-01T00:00:00Z": 6} {
		must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/audit?"+query, "", 200, "")), &page))
		if len(page.Entries) != n {
			t.Errorf("%s: %d entries, want %d", query, len(page.Entries), n)
		}
	}
	seen, cursor := 0, ""
	for range 10 {
		page, err := w.client.Audit.List(t.Context(), audit.Filter{}, cursor, 4)
		must(t, err)
		if seen += len(page.Entries); page.Next == "" {
			break
		}
		cursor = page.Next
	}
	if seen != 6 {
		t.Errorf("%d entries page by page", seen)
	}
	w.ask("GET", "/v1/audit?cursor=nonsense", "", 400, "use the next_cursor of an earlier page")
	w.ask("GET", "/v1/audit?outcome=fialed", "", 400, `did you mean \"failed\"?`)
	w.ask("GET", "/v1/audit?since=yesterday", "", 400, "write a time such as")
}
