package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/api/client"
	"signalbox/journal/store"
)

// TestArchives are listed with what is in them, and their events exported with those that the
// store still has.
func TestArchives(t *testing.T) {
	w := newWorldOf(t, worldRules, "archives: {orders: {folder: archive, every: 1s, pattern: {source: [shop.orders]}}}\n")
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
