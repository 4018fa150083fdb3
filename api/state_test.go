package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/state"
)

// audit takes in what audit messages tell of things.
func (w *world) audit(details ...string) {
	w.t.Helper()
	for _, detail := range details {
		e := &event.Event{Source: "shop.things", DetailType: "Thing", Detail: []byte(detail), Meta: event.Metadata{Kind: event.KindAudit}}
		refused, err := w.router.Accept(w.t.Context(), []*event.Event{e})
		must(w.t, errors.Join(append(refused, err)...))
	}
}

func TestStates(t *testing.T) {
	w := newWorld(t)
	w.ask("GET", "/v1/state", "", 200, `{"types":[]}`)
	w.audit(`{"id":"a/1.x","n":1}`, `{"id":"a/1.x","n":2}`, `{"id":"a/2"}`, `{"id":"..","n":3}`, `{"id":"b","deleted":true}`)
	w.ask("GET", "/v1/state", "", 200, `{"types":["Thing"]}`)
	w.ask("GET", "/v1/state?limit=1&cursor=Thing", "", 200, `{"types":[]}`)
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/state/Thing/a%2F1.x", 200, `"state":{"id":"a/1.x","n":2}`},
		{"/v1/state/Thing/a/1.x", 200, `"state":{"id":"a/1.x","n":2}`},
		{"/v1/state/Thing?key=a/1.x", 200, `"state":{"id":"a/1.x","n":2}`},
		{"/v1/state/Thing/%2E%2E", 200, `"n":3`},
		{"/v1/state/Thing/a", 404, "not found"},
		{"/v1/state/Nothing/a", 404, "not found"},
		{"/v1/state/Thing/b", 410, `Thing \"b\" is gone: event `},
		{"/v1/state/Thing/a%2F2?version=7", 404, "not kept any more"},
		{"/v1/state/Nothing", 200, `{"objects":[]}`},
		{"/v1/state/Thing?limit=0", 400, "write a number from 1 to 1000"},
		{"/v1/state?cursor=A", 400, "use the next_cursor of an earlier page"},
		{"/v1/state/Thing?cursor=a/1.y", 400, "use the next_cursor of an earlier page"},
		{"/v1/state/Thing?cursor=b&prefix=a/", 400, "use the next_cursor of an earlier page"},
		{"/v1/state/Thing?cursor=a/1.x&prefix=a/", 200, `"key":"a/2"`},
		{"/v1/state/Thing?after=a/1.y", 200, `"key":"a/2"`}, // the former name, which took any key
	} {
		w.ask("GET", tt.path, "", tt.status, tt.want)
	}
	page, err := w.client.States.List(t.Context(), "Thing", "a/", "")
	must(t, err)
	if len(page.Objects) != 2 || page.Objects[0].Key != "a/1.x" || page.Objects[1].Key != "a/2" || page.Next != "" {
		t.Errorf("got %+v", page)
	}
	var first api.StatePage
	must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/state/Thing?limit=1&prefix=a/", "", 200, `"next_cursor":"a/1.x"`)), &first))
	if len(first.Objects) != 1 {
		t.Errorf("a page of one: got %+v", first)
	}
}

func TestStatesInThePast(t *testing.T) {
	w := newWorld(t)
	w.audit(`{"id":"1","n":1}`, `{"id":"a//b?","n":5}`)
	was, err := w.client.States.Get(t.Context(), "Thing", "1", "")
	must(t, err)
	w.audit(`{"id":"1","n":2}`, `{"id":"1","deleted":true}`)
	then := url.QueryEscape(was.Updated.Format(time.RFC3339Nano))
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/state/Thing/1?at=" + then, 200, `"n":1`},
		{"/v1/state/Thing?key=1&at=" + then, 200, `"n":1`},
		{"/v1/state/Thing?key=1", 410, "is gone"},
		{"/v1/state/Thing/1?at=2999-01-01T00:00:00Z", 400, "that moment has not come"},
		{"/v1/state/Thing/1?at=1999-01-01T00:00:00Z", 404, "NotKept"},
		{"/v1/state/Thing/1?at=yesterday", 400, "write a time such as"},
		{"/v1/state/Thing/1?version=1&at=" + then, 400, "leave one of them out"},
		{"/v1/state/Thing?at=" + then, 400, "give the key"},
		{"/v1/state/Thing/none?at=" + then, 404, "NotFound"},
		{"/v1/state-history/Thing", 400, "say of which object"},
		{"/v1/state-history/Thing?key=none", 404, "lists the keys"},
		{"/v1/state-history/Thing?key=1&cursor=7", 400, "use the next_cursor"},
		{"/v1/state-history/Thing?key=a//b%3F", 200, `"n":5`},
		{"/v1/state-history/Thing?key=1", 200, `"gone":true`},
		{"/v1/state-rebuilds/Thing", 404, "POST to this path"},
	} {
		w.ask("GET", tt.path, "", tt.status, tt.want)
	}
	first, err := w.client.States.History(t.Context(), "Thing", "1", "", 2)
	must(t, err)
	rest, err := w.client.States.History(t.Context(), "Thing", "1", first.Next, 2)
	must(t, err)
	if len(first.Changes) != 2 || len(rest.Changes) != 1 || rest.Next != "" || rest.Changes[0].Version != was.Version || rest.Changes[0].EventID != was.EventID {
		t.Errorf("got %+v, then %+v", first, rest)
	}
	w.ask("POST", "/v1/state-rebuilds/Nothing", "", 404, "no message tells of objects")
	job, err := w.client.States.Rebuild(t.Context(), "Thing")
	must(t, err)
	for job.State == state.RebuildRunning {
		job, err = w.client.States.Rebuilt(t.Context(), "Thing")
		must(t, err)
	}
	if job.State != state.RebuildFinished || job.Indexed != 4 || job.Objects != 2 {
		t.Errorf("rebuilt %+v", job)
	}
}

func TestAnETagTellsACacheThatNothingChanged(t *testing.T) {
	w := newWorld(t)
	w.audit(`{"id":"1","n":1}`)
	was, err := w.client.States.Get(t.Context(), "Thing", "1", "")
	must(t, err)
	for _, tt := range []struct {
		match  string
		status int
	}{
		{"", 200}, {`"` + was.Version + `"`, 304}, {`"x", W/"` + was.Version + `"`, 304}, {`*`, 304}, {`"x"`, 200}, {was.Version, 200},
	} {
		if got := w.conditional("/v1/state/Thing/1", tt.match, was); got != tt.status {
			t.Errorf("If-None-Match: %s: %d, want %d", tt.match, got, tt.status)
		}
	}
	w.audit(`{"id":"1","n":2}`)
	if got := w.conditional("/v1/state/Thing/1?version="+url.QueryEscape(was.Version), `"`+was.Version+`"`, was); got != http.StatusNotModified {
		t.Errorf("the version before: %d", got)
	}
	if s, err := w.client.States.Get(t.Context(), "Thing", "1", ""); err != nil || s.Version == was.Version {
		t.Errorf("got %+v, %v", s, err)
	}
}

// conditional asks with If-None-Match, and wants the version as the ETag.
func (w *world) conditional(path, match string, s *state.Object) (status int) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+path, nil)
	must(w.t, err)
	if match != "" {
		req.Header.Set("If-None-Match", match)
	}
	resp, err := w.server.Client().Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(w.t, err)
	if resp.Header.Get("ETag") != `"`+s.Version+`"` || (resp.StatusCode == http.StatusNotModified) != (len(body) == 0) {
		w.t.Errorf("ETag %s, %d bytes", resp.Header.Get("ETag"), len(body))
	}
	return resp.StatusCode
}

// TestStatesInArchives are those of moments of which the store has no events any more.
func TestStatesInArchives(t *testing.T) {
	w := newWorldOf(t, archivedRules, "archives: {all: {folder: archive, every: 1s}}\n")
	w.audit(`{"id":"1","n":1}`)
	was, err := w.client.States.Get(t.Context(), "Thing", "1", "")
	must(t, err)
	w.audit(`{"id":"1","n":2}`, `{"id":"2","n":7}`, `{"id":"1","deleted":true}`)
	w.archived("all", 4)
	w.audit(`{"id":"1","n":3}`)
	at := func(moment time.Time) string { return url.QueryEscape(moment.Format(time.RFC3339Nano)) }
	w.ask("GET", "/v1/state/Thing/1?at="+at(was.Updated), "", 200, `"n":1`)
	w.ask("GET", "/v1/state/Thing/2?at="+at(was.Updated), "", 404, "it was not there yet")
	w.ask("GET", "/v1/state/Thing/1?at="+at(was.Updated.Add(-time.Hour)), "", 404, "it was not there yet")
	w.ask("GET", "/v1/state/Thing/1", "", 200, `"n":3`)
	must(t, os.Truncate(w.archivedSegment("all"), 3))
	w.ask("GET", "/v1/state/Thing/1?at="+at(was.Updated), "", 404, "has 3 bytes")
}

// dropped has the store drop all its events, which no archive is owed.
func (w *world) dropped() {
	w.t.Helper()
	last := w.journal.Seqs.Stable()
	w.eventually("the store has dropped them", func() bool {
		oldest, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond})
		must(w.t, err)
		return oldest >= last
	})
}

// changesOf returns what the changes of Thing 1 have in n, the latest first, in pages, and why some may be missing.
func (w *world) changesOf(limit int) (ns []int, partial string) {
	w.t.Helper()
	for cursor := ""; ; {
		page, err := w.client.States.History(w.t.Context(), "Thing", "1", cursor, limit)
		must(w.t, err)
		if len(page.Changes) > limit {
			w.t.Errorf("a page has %d changes", len(page.Changes))
		}
		for _, c := range page.Changes {
			var s struct{ N int }
			must(w.t, json.Unmarshal(c.State, &s))
			ns = append(ns, s.N)
		}
		if cursor = page.Next; cursor == "" {
			return ns, page.Partial
		}
	}
}

// TestHistoryInArchives lists changes of the store and of an archive as one, in pages of any size.
func TestHistoryInArchives(t *testing.T) {
	w := newWorldOf(t, archivedRules, "archives: {all: {folder: archive, every: 1s}}\n")
	w.audit(`{"id":"1","n":1}`, `{"id":"1","n":2}`, `{"id":"2","n":7}`, `{"id":"1","n":3}`)
	other, err := w.client.States.Get(t.Context(), "Thing", "2", "")
	must(t, err)
	w.archived("all", 4)
	if got, partial := w.changesOf(10); !slices.Equal(got, []int{3, 2, 1}) || partial != "" {
		t.Errorf("from the archive alone: %v, partial %q", got, partial)
	}
	w.audit(`{"id":"1","n":4}`, `{"id":"1","n":5}`)
	for limit := 1; limit <= 6; limit++ {
		if got, partial := w.changesOf(limit); !slices.Equal(got, []int{5, 4, 3, 2, 1}) || partial != "" {
			t.Errorf("in pages of %d: %v, partial %q", limit, got, partial)
		}
	}
	w.ask("GET", "/v1/state-history/Thing?key=1&cursor="+other.Version, "", 400, "use the next_cursor")
	w.ask("GET", "/v1/state-history/Thing?key=1&cursor=7", "", 400, "use the next_cursor")
	must(t, os.Truncate(w.archivedSegment("all"), 3))
	if got, partial := w.changesOf(10); !slices.Equal(got, []int{5, 4}) || !strings.Contains(partial, "has 3 bytes") {
		t.Errorf("beside a damaged segment: %v, partial %q", got, partial)
	}
}

// TestStatesThatArePartial say so: their beginning is in neither the store nor an archive.
func TestStatesThatArePartial(t *testing.T) {
	at := func(s *state.Object) string {
		return "/v1/state/Thing/1?at=" + url.QueryEscape(s.Updated.Format(time.RFC3339Nano))
	}
	get := func(w *world) *state.Object {
		s, err := w.client.States.Get(t.Context(), "Thing", "1", "")
		must(t, err)
		return s
	}
	t.Run("no archive", func(t *testing.T) {
		w := newWorldOf(t, archivedRules, "")
		w.audit(`{"id":"1","n":1}`)
		w.dropped()
		w.audit(`{"id":"1","n":2}`, `{"id":"2","n":7}`)
		if got, partial := w.changesOf(10); !slices.Equal(got, []int{2}) || !strings.Contains(partial, "in neither the store nor an archive") {
			t.Errorf("got %v, partial %q", got, partial)
		}
		if page, err := w.client.States.History(t.Context(), "Thing", "2", "", 10); err != nil || page.Partial != "" {
			t.Errorf("what began in the store: %+v, %v", page, err)
		}
	})
	t.Run("an archive of the type alone", func(t *testing.T) {
		w := newWorldOf(t, archivedRules, "archives: {things: {folder: archive, every: 1s, pattern: {detail-type: [Thing, Other]}}}\n")
		w.audit(`{"id":"1","n":1}`)
		first := get(w)
		w.audit(`{"id":"1","n":2}`)
		w.archived("things", 2)
		w.audit(`{"id":"1","n":3}`)
		if body := w.ask("GET", at(first), "", 200, `"n":1`); strings.Contains(body, "partial") {
			t.Errorf("got %s", body)
		}
		if got, partial := w.changesOf(10); !slices.Equal(got, []int{3, 2, 1}) || partial != "" {
			t.Errorf("got %v, partial %q", got, partial)
		}
	})
	t.Run("an archive of something else too", func(t *testing.T) {
		w := newWorldOf(t, archivedRules, "archives: {some: {folder: archive, every: 1s, bus: default}}\n")
		w.audit(`{"id":"1","n":1}`)
		first := get(w)
		w.audit(`{"id":"1","n":2}`)
		w.archived("some", 2)
		w.audit(`{"id":"1","n":3}`)
		if body := w.ask("GET", at(first), "", 200, `"n":1`); !strings.Contains(body, `"partial":"no archive takes all events of Thing`) {
			t.Errorf("got %s", body)
		}
		if got, partial := w.changesOf(10); !slices.Equal(got, []int{3, 2, 1}) || !strings.Contains(partial, "no archive takes all") {
			t.Errorf("got %v, partial %q", got, partial)
		}
	})
	t.Run("an archive that began later", func(t *testing.T) {
		w := newWorldOf(t, archivedRules, "")
		w.audit(`{"id":"1","n":1}`)
		w.dropped()
		w.audit(`{"id":"1","n":2}`)
		w.write("more.yaml", "archives: {all: {folder: archive, every: 1s}}\n")
		set, err := rules.Load(rules.Source{Globs: []string{"more.yaml"}, Dir: w.dir})
		must(t, err)
		w.archives.Set(set.Archives)
		w.archived("all", 1)
		w.audit(`{"id":"3","n":1}`)
		w.ask("GET", "/v1/state/Thing/1?at="+url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339Nano)), "", 404, "NotKept")
		if got, partial := w.changesOf(10); !slices.Equal(got, []int{2}) || !strings.Contains(partial, "in neither the store nor an archive") {
			t.Errorf("got %v, partial %q", got, partial)
		}
	})
}

// TestFoldedStatesInArchives are made of all events that an archive has, also where one of them can't
// be folded, and the clock was set back in the middle.
func TestFoldedStatesInArchives(t *testing.T) {
	w := newWorldOf(t, archivedRules, "archives: {all: {folder: archive, every: 1s}}\n")
	w.write("catalog.yaml", `types:
  - {name: Added, kind: event, object: order, key: detail.id, fold: '{"sum": (state?.sum ?? 0) + event.detail.n}'}
`)
	w.ask("POST", "/-/reload", "", 200, `"changed":true`)
	add := func(n string) *event.Event {
		e := &event.Event{Source: "shop", DetailType: "Added", Detail: []byte(`{"id":"1","n":` + n + `}`)}
		refused, err := w.router.Accept(t.Context(), []*event.Event{e})
		must(t, errors.Join(append(refused, err)...))
		return e
	}
	var sent []*event.Event
	for i, n := range []string{"1", "2", `"x"`, "3"} {
		if sent = append(sent, add(n)); i == 0 {
			w.journal.Seqs.Pass(journal.SeqAt(time.Now().Add(2 * time.Second))) // the clock was there
		}
	}
	w.archived("all", 4)
	add("10")
	for i, want := range []string{`"state":{"sum":1}`, `"state":{"sum":3}`, `"failed":1`, `"state":{"sum":6},"failed":1`} {
		at := url.QueryEscape(sent[i].Meta.Received.Format(time.RFC3339Nano))
		if body := w.ask("GET", "/v1/state/order/1?at="+at, "", 200, want); strings.Contains(body, "partial") {
			t.Errorf("got %s", body)
		}
	}
	page, err := w.client.States.History(t.Context(), "order", "1", "", 10)
	must(t, err)
	var got []string
	for _, c := range page.Changes {
		got = append(got, string(c.State)+c.Fault[:min(len(c.Fault), 1)])
	}
	if want := []string{`{"sum":16}`, `{"sum":6}`, `{"sum":3}` + page.Changes[2].Fault[:1], `{"sum":3}`, `{"sum":1}`}; !slices.Equal(got, want) || page.Partial != "" {
		t.Errorf("the history: %q, partial %q", got, page.Partial)
	}
}

// TestCursorsOfAnotherStore are refused by what reads archives too.
func TestCursorsOfAnotherStore(t *testing.T) {
	const archives = "archives: {all: {folder: archive, every: 1s}}\n"
	w, other := newWorldOf(t, archivedRules, archives), newWorldOf(t, archivedRules, archives)
	for _, x := range []*world{w, other} {
		for range 3 {
			x.audit(`{"id":"1","n":1}`)
			time.Sleep(1100 * time.Millisecond) // real segments of a second
		}
		x.archived("all", 3)
	}
	for _, path := range []string{"/v1/archives/all/segments?limit=1", "/v1/state-history/Thing?key=1&limit=1", "/v1/events?limit=1"} {
		var answer struct {
			Next string `json:"next_cursor"`
		}
		must(t, json.Unmarshal([]byte(w.ask("GET", path, "", 200, "next_cursor")), &answer))
		w.ask("GET", path+"&cursor="+url.QueryEscape(answer.Next), "", 200, "{")
		other.ask("GET", path+"&cursor="+url.QueryEscape(answer.Next), "", 400, "use the next_cursor")
	}
}
