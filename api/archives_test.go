package api_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/api/client"
	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/trace"
)

// TestArchives are listed with what is in them, and their events exported with those that the
// store still has.
func TestArchives(t *testing.T) {
	w := newWorldOf(t, worldRules, archivedOrders)
	w.ask("GET", "/v1/archives", "", 200, `"name":"orders"`)
	w.ask("GET", "/v1/archives/orders/segments", "", 200, `"segments":[]`)
	w.ask("POST", "/v1/events", `{"source":"shop.orders","detail-type":"OrderCreated","detail":{"total":1,"paid":0}}`, 200, `"id"`)
	w.ask("POST", "/v1/events", `{"source":"shop.stock","detail-type":"Counted","detail":{}}`, 200, `"id"`)
	export := func(req client.ExportRequest) (string, error) {
		var out strings.Builder
		err := w.client.Archives.Export(t.Context(), "orders", req, &out)
		return out.String(), err
	}
	stored, err := export(client.ExportRequest{})
	if err != nil || strings.Count(stored, "\n") != 1 || !strings.Contains(stored, `"detail":{"total":1,"paid":0}`) {
		t.Fatalf("the store's: %q, %v", stored, err)
	}
	w.eventually("it is archived", func() bool {
		l, err := w.client.Archives.Get(t.Context(), "orders")
		must(t, err)
		return l.Content != nil && l.Content.Events == 1
	})
	if again, err := export(client.ExportRequest{Since: time.Now().Add(-time.Hour)}); again != stored || err != nil {
		t.Errorf("the archive's: %q, %v", again, err)
	}
	segments, err := w.client.Archives.Segments(t.Context(), "orders", time.Time{}, time.Time{}, "", 10)
	if err != nil || len(segments.Segments) != 1 || segments.Segments[0].Count != 1 {
		t.Fatalf("segments: %+v, %v", segments, err)
	}
	if none, err := export(client.ExportRequest{Pattern: []byte(`{"source": ["elsewhere"]}`)}); none != "" || err != nil {
		t.Errorf("of another pattern: %q, %v", none, err)
	}
	w.ask("GET", "/v1/archives/orders/verify", "", 404, "was not verified since the router began")
	w.ask("POST", "/v1/archives/orders/verify", "", 202, `"started_at"`)
	w.eventually("it is verified", func() bool {
		v, err := w.client.Archives.Verification(t.Context(), "orders")
		must(t, err)
		return v.Checked != nil && v.Checked.Segments == 1 && len(v.Checked.Damage) == 0 && !v.Running
	})
	w.ask("POST", "/v1/archives/ordres/verify", "", 404, `did you mean \"orders\"?`)
	w.ask("GET", "/v1/archives/ordres/verify", "", 404, `did you mean \"orders\"?`)
	w.ask("POST", "/v1/archives/orders/take-over", "", 200, `"name":"orders"`)
	w.ask("POST", "/v1/archives/ordres/take-over", "", 404, `did you mean \"orders\"?`)
	w.ask("GET", "/v1/archives/ordres", "", 404, `did you mean \"orders\"?`)
	w.ask("GET", "/v1/archives/ordres/events", "", 404, `no archive`)
	w.ask("GET", "/v1/archives/orders/events?pattern={", "", 400, `pattern`)
	w.ask("GET", "/v1/archives/orders/events?skip_damaged=maybe", "", 400, `write true or false`)
	w.ask("GET", "/v1/archives/orders/segments?since=yesterday", "", 400, `write a time`)

	// The store has the event too; only what it has dropped is read from the segment.
	must(t, os.Truncate(filepath.Join(w.dir, "archive", "orders", segments.Segments[0].Path), 3))
	if again, err := export(client.ExportRequest{}); again != stored || err != nil {
		t.Errorf("beside a damaged segment: %q, %v", again, err)
	}
	w.eventually("the store has dropped it", func() bool {
		oldest, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond})
		must(t, err)
		return oldest > segments.Segments[0].Last
	})
	if text, err := export(client.ExportRequest{}); err == nil || !strings.Contains(err.Error(), "has 3 bytes") || text != "" {
		t.Errorf("a damaged segment: %q, %v", text, err)
	}
	if text, err := export(client.ExportRequest{SkipDamaged: true}); err != nil || text != "" {
		t.Errorf("without it: %q, %v", text, err)
	}
}

const (
	archivedOrders = "archives: {orders: {folder: archive, every: 1s, pattern: {source: [shop.orders]}}}\n"
	archivedRules  = "targets: {console: {type: log}}\nrules: [{name: big, pattern: {source: [shop.orders]}, targets: [console]}]\n"
)

// TestArchivedEvents are listed, shown and followed as those of the store are, and say that
// only an archive has them.
func TestArchivedEvents(t *testing.T) {
	w := newWorldOf(t, archivedRules, archivedOrders)
	old := w.accept("101", "102", "103")
	mine := &event.Event{ID: "mine", Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"total":104,"paid":0}`), Meta: event.Metadata{CorrelationID: "c-1"}}
	refused, err := w.router.Accept(t.Context(), []*event.Event{mine})
	must(t, errors.Join(append(refused, err)...))
	w.ask("POST", "/v1/events", `{"source":"shop.stock","detail-type":"Counted","detail":{}}`, 200, `"id"`)
	w.archived("orders", 4)
	fresh := w.accept("201", "202")
	slices.Reverse(fresh)
	slices.Reverse(old)
	all := slices.Concat(fresh, []string{"mine"}, old)

	for name, tt := range map[string]struct {
		filter trace.Filter
		want   []string
	}{
		"all":            {trace.Filter{}, all},
		"archived":       {trace.Filter{Outcome: trace.OutcomeArchived}, all[2:]},
		"since":          {trace.Filter{Since: time.Now().Add(-time.Hour), Source: "shop.orders"}, all},
		"by content":     {trace.Filter{Pattern: []byte(`{"detail": {"total": [{"numeric": ["<", 103]}]}}`)}, all[4:]},
		"by text":        {trace.Filter{Text: `"TOTAL":103`}, all[3:4]},
		"by its id":      {trace.Filter{ID: old[1]}, old[1:2]},
		"by a given id":  {trace.Filter{ID: "mine"}, all[2:3]},
		"by correlation": {trace.Filter{CorrelationID: "c-1"}, all[2:3]},
		"by target":      {trace.Filter{Target: "console"}, fresh},
	} {
		for _, limit := range []int{1, 2, 100} {
			var got, warned []string
			cursor := ""
			for more := true; more; more = cursor != "" {
				page, err := w.client.Events.Search(t.Context(), tt.filter, cursor, limit, true)
				must(t, err)
				if len(page.Events) > limit || page.Looked > len(all) {
					t.Errorf("%s: %+v", name, page)
				}
				warned = append(warned, page.Warnings...)
				for _, e := range page.Events {
					got = append(got, e.ID)
					if archived := !slices.Contains(fresh, e.ID); e.Archived != archived || (e.Outcome == trace.OutcomeArchived) != archived || len(e.Event) == 0 {
						t.Errorf("%s: %+v", name, e)
					}
				}
				cursor = page.Next
			}
			if !slices.Equal(got, tt.want) || (name == "by target") != (len(warned) == 1) {
				t.Errorf("%s, %d a page: got %v, want %v; warned %q", name, limit, got, tt.want, warned)
			}
		}
	}
	w.ask("GET", "/v1/events/"+old[0], "", 200, `"archived":true`)
	w.ask("GET", "/v1/events/"+fresh[0], "", 200, `"total":202`)
	w.ask("GET", "/v1/events/"+old[0]+"/trace", "", 200, "only an archive has the event")
	w.ask("POST", "/v1/explain", `{"id":"`+old[0]+`"}`, 200, `"big"`)

	stop, follow := errors.New("enough"), []string{}
	_, err = w.client.Events.Follow(t.Context(), trace.Filter{Since: time.Now().Add(-time.Hour)}, "", false, func(e *trace.Listed, missing string) error {
		if e == nil {
			follow = append(follow, missing)
		} else if follow = append(follow, e.ID); e.ID == all[0] {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || len(follow) != len(all)+1 || !strings.Contains(follow[0], "is read from archives, without what these do not take") || follow[1] != old[2] {
		t.Errorf("followed %q, %v", follow, err)
	}

	// What can't be read is named.
	path := w.archivedSegment("orders")
	must(t, os.Truncate(path, 3))
	page, err := w.client.Events.Search(t.Context(), trace.Filter{}, w.behind(), 100, false)
	if must(t, err); len(page.Warnings) != 1 || !strings.Contains(page.Warnings[0], filepath.Base(path)+": has 3 bytes") {
		t.Errorf("beside a damaged segment: %+v", page)
	}
	w.ask("GET", "/v1/events/"+old[2], "", 500, "has 3 bytes")
	must(t, os.Rename(filepath.Join(w.dir, "archive"), filepath.Join(w.dir, "away")))
	page, err = w.client.Events.Search(t.Context(), trace.Filter{}, w.behind(), 100, false)
	if must(t, err); len(page.Events) != 0 || len(page.Warnings) != 1 || !strings.Contains(page.Warnings[0], "is its disk mounted?") {
		t.Errorf("without the folder: %+v", page)
	}
}

// archived waits until an archive has so many events, and the store has dropped all there are.
func (w *world) archived(name string, events int) {
	w.t.Helper()
	last := w.journal.Seqs.Stable()
	w.eventually("they are archived", func() bool {
		l, err := w.client.Archives.Get(w.t.Context(), name)
		must(w.t, err)
		return l.Content != nil && l.Content.Events >= events
	})
	w.eventually("the store has dropped them", func() bool {
		oldest, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond})
		must(w.t, err)
		return oldest >= last
	})
}

// behind returns the cursor of the page behind the store's.
func (w *world) behind() string {
	w.t.Helper()
	page, err := w.client.Events.Search(w.t.Context(), trace.Filter{}, "", 100, false)
	if must(w.t, err); len(page.Events) == 0 || page.Next == "" {
		w.t.Fatalf("%+v", page)
	}
	return page.Next
}

// archivedSegment returns the path of an archive's first segment.
func (w *world) archivedSegment(name string) string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.dir, "archive", name, "*", "*", "*", "*.zst"))
	if err != nil || len(paths) == 0 {
		w.t.Fatal(paths, err)
	}
	return paths[0]
}
