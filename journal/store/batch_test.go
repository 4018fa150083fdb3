package store

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal"
)

// TestRoomOfALargeGroup: a group of large events gets memory for all of its rows at once, and no
// more than that.
func TestRoomOfALargeGroup(t *testing.T) {
	entry := func(size, body int) journal.Entry {
		return journal.Entry{Record: journal.Record{Seq: 1, Meta: []byte("meta"), Envelope: make([]byte, size)},
			Deliveries: []journal.Delivery{{Seq: 1, Rule: "rule", RuleTarget: "target", Body: make([]byte, body)}}}
	}
	small, large := entry(600, 0), entry(1<<20, 1<<18)
	if n := (&flight{requests: []*request{{entries: []journal.Entry{small, small}}}}).room(); n != 0 {
		t.Errorf("small events get %d bytes at once", n)
	}
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f := &flight{requests: []*request{{entries: []journal.Entry{large, small}}, {entries: []journal.Entry{large}}}}
	room := f.room()
	j := &Journal{db: db, Counters: &Counters{lanes: map[journal.LaneID]journal.Counts{}}}
	j.makeParts(0)
	w := writer{tableBatch: newTableBatch(db, room), j: j}
	defer func() { w.all.Close() }()
	if err := w.group(f); err != nil {
		t.Fatal(err)
	}
	if err := w.release(); err != nil {
		t.Fatal(err)
	}
	if n := w.all.Len(); n > room || room > n+n/8 {
		t.Errorf("room for %d bytes, and %d were written", room, n)
	}
}

// Rows are written table by table, those of one key in the order in which they came.
func TestTableBatch(t *testing.T) {
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := newTableBatch(db, 0)
	put := func(key, value string) {
		if err := b.set([]byte(key), []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("d1", "one")
	put("E1", "event")
	put("t1", "old")
	if err := b.singleDelete([]byte("d1")); err != nil {
		t.Fatal(err)
	}
	put("x1", "letter")
	if err := b.delete([]byte("x1")); err != nil {
		t.Fatal(err)
	}
	put("d2", "two")
	put("t1", "new")
	put("E2", "event")
	if err := b.join(); err != nil {
		t.Fatal(err)
	}
	if err := b.release(); err != nil {
		t.Fatal(err)
	}
	var written []string
	for r := b.all.Reader(); ; {
		_, key, _, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		written = append(written, string(key))
	}
	if want := []string{"E1", "E2", "d1", "d1", "d2", "t1", "t1", "x1", "x1"}; !slices.Equal(written, want) {
		t.Errorf("written in the order %v, want %v", written, want)
	}
	if err := db.Apply(b.all, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"E1": "event", "E2": "event", "d1": "", "d2": "two", "t1": "new", "x1": ""} {
		v, closer, err := db.Get([]byte(key))
		if string(v) != want || (err == nil) != (want != "") {
			t.Errorf("%s holds %q, %v, want %q", key, v, err, want)
		}
		if err == nil {
			closer.Close()
		}
	}
	if err := b.all.Close(); err != nil {
		t.Error(err)
	}
}
