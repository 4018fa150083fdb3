package store

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Rows are written table by table, those of one key in the order in which they came.
func TestTableBatch(t *testing.T) {
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := newTableBatch(db)
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
