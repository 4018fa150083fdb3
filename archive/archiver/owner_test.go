package archiver

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/journal/store"
)

// wantTaken wants the archive to be refused, with how it is taken over.
func (w *world) wantTaken() {
	w.t.Helper()
	if s := w.of.Statuses()[0]; !s.Failing || !strings.Contains(s.Error, "signalbox archive take-over all") {
		w.t.Errorf("%+v", s)
	}
}

// state returns how far an archive has got, as it lies in the store.
func (w *world) state() (state []byte) {
	w.t.Helper()
	if err := w.journal.Archives.All(func(_ string, s []byte) error { state = slices.Clone(s); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return state
}

// TestACopyOfAStore does not write to the archive of the first, unless it is told to.
func TestACopyOfAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 2)
		w.after(time.Hour)
		copied := w.state()
		w.stop()
		w.start() // the first goes on, after the copy was made
		w.set(nil, "all", "")
		w.after(time.Minute)
		w.wantArchived("all", w.sent)
		if err := errors.Join(w.of.Stop(t.Context()), w.journal.Archives.Put("all", copied), w.journal.Close()); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.set(nil, "all", "")
		w.send("shop", 1)
		w.after(time.Hour)
		w.wantTaken()
		w.wantArchived("all", w.sent[:2])
		if w.of.TakeOver("al") || !w.of.TakeOver("all") {
			t.Error("it is not found by its name")
		}
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
		if s := w.of.Statuses()[0]; s.Failing {
			t.Errorf("%+v", s)
		}
	})
}

// TestAFolderThatComesLater is written to once it can be made.
func TestAFolderThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		disk := filepath.Join(w.folder, "disk")
		w.folder = filepath.Join(w.folder, "later")
		if err := os.Symlink(disk, w.folder); err != nil { // to what is not mounted yet
			t.Fatal(err)
		}
		w.set(nil, "all", "")
		w.send("shop", 2)
		w.after(3 * time.Hour)
		if s := w.of.Statuses()[0]; !s.Failing {
			t.Fatalf("%+v", s)
		}
		if err := os.Mkdir(disk, 0o700); err != nil {
			t.Fatal(err)
		}
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
	})
}

// TestANewStore takes an archive over, and finds in it what it never had itself.
func TestANewStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 2)
		w.after(30 * time.Minute)
		old := &world{t: t, disk: store.InMemory(), folder: w.folder}
		old.start()
		t.Cleanup(old.stop)
		w.send("shop", 2)
		w.after(2 * time.Hour)
		old.set(nil, "all", "")
		old.send("shop", 1)
		old.after(time.Minute)
		old.wantTaken()
		if err := w.of.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		old.of.TakeOver("all")
		old.after(2 * time.Hour)
		want := slices.Concat(w.sent, old.sent)
		if got := old.read(0, 1<<63); !slices.Equal(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		if got := old.back(old.of.Reader(), 0, 1<<63); !slices.Equal(got, w.sent) {
			t.Errorf("backwards %v, want %v", got, w.sent)
		}
		if bound := old.of.Reader().Bound(); bound <= w.sent[3] || bound <= old.journal.Seqs.Oldest() {
			t.Errorf("the store has all since %d", bound)
		}
		old.wantArchived("all", want)
		old.stop()
		old.start()
		if bound := old.of.Reader().Bound(); bound <= w.sent[3] {
			t.Errorf("after a restart the store has all since %d", bound)
		}
	})
}
