package archiver

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/archive"
	"signalbox/archive/past"
	"signalbox/targets"
)

// TestAnArchiveThatStarts at a moment has nothing from before, wherever it is read.
func TestAnArchiveThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.send("shop", 3)
		time.Sleep(time.Millisecond)
		startAt := func(at time.Time) func(*archive.Config) {
			return func(c *archive.Config) { c.Start = targets.Start{Set: true, Past: true, From: at} }
		}
		w.set(startAt(time.Now()), "now", "")
		w.send("shop", 2)
		reader, _, err := w.of.ReaderOf("now")
		if err != nil {
			t.Fatal(err)
		}
		var exported bytes.Buffer
		if err := reader.ExportTo(t.Context(), &exported, past.Export{}); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(exported.Bytes(), []byte("\n")); n != 2 {
			t.Errorf("%d events are exported while the store has them", n)
		}
		w.after(2 * time.Hour)
		w.wantArchived("now", w.sent[3:])

		w.set(startAt(time.Now().Add(3*time.Hour)), "later", "") // which is in the future
		w.send("shop", 1)
		w.after(3 * time.Hour)
		from := len(w.sent)
		w.send("shop", 2)
		w.after(2 * time.Hour)
		w.wantArchived("later", w.sent[from:])
	})
}

// TestContent counts what was written and what is owed, also while a segment is written.
func TestContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "", "none", `{"source": ["other"]}`)
		count := func(name string, want int) int64 {
			t.Helper()
			c, err := w.of.Content(t.Context(), name)
			if err != nil || c.Events != want {
				t.Errorf("%s has %d events, %v; want %d", name, c.Events, err, want)
			}
			return c.Bytes
		}
		count("all", 0)
		w.send("shop", 4)
		owed := count("all", 4)
		w.after(2 * time.Hour)
		if written := count("all", 4); written != owed || written == 0 {
			t.Errorf("%d bytes when written, %d before", written, owed)
		}
		w.send("shop", 1)
		count("all", 5)
		count("none", 0)
		count("unknown", 0)
	})
}

// TestErase deletes what lies in an archive that was taken away, and in no other.
func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "a", "", "b", "")
		w.send("shop", 2)
		w.after(2 * time.Hour)
		if err := w.of.Erase(t.Context(), "a"); err != nil { // which is not taken away
			t.Fatal(err)
		}
		w.wantArchived("a", w.sent)
		w.set(nil, "b", "")
		if err := w.of.Erase(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(w.folder + "/a")
		if len(left) > 0 || err != nil && !os.IsNotExist(err) {
			t.Errorf("%v, %v", left, err)
		}
		w.wantArchived("b", w.sent)
		w.set(nil, "a", "", "b", "") // it begins anew
		w.after(2 * time.Hour)
		if got := w.archived("a"); !slices.Equal(got, w.sent) {
			t.Errorf("%d events in the new one", len(got))
		}
	})
}
