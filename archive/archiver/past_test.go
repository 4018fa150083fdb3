package archiver

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/archive/past"
	"signalbox/journal"
	"signalbox/journal/store"
)

// overlapping is a world whose store has dropped all but the latest events, which archives have
// that overlap in every way.
func overlapping(t *testing.T) *world {
	w := newWorld(t)
	w.of.opts.maxPiece = 2000
	w.set(nil, "orders", `{"source": ["shop.orders"]}`, "made", `{"source": ["shop.orders", "shop.stock"]}`, "stock", `{"source": ["shop.stock", "shop.bills"]}`)
	for i := range 32 {
		w.send([]string{"shop.orders", "shop.stock", "shop.bills", "shop.bills"}[i%4], 1+i%3)
		w.after(time.Duration(1+i*37%240) * time.Minute)
	}
	w.trim(12 * time.Hour)
	return w
}

// trim has retention drop what is older than this.
func (w *world) trim(age time.Duration) {
	w.t.Helper()
	for range 2 { // the first makes the archives hurry
		if _, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: age}); err != nil {
			w.t.Fatal(err)
		}
		synctest.Wait()
	}
}

// back returns the numbers of the events that archives have, by going back.
func (w *world) back(r *past.Reader, since, before journal.Seq) (seqs []journal.Seq) {
	w.t.Helper()
	last := before
	for s, err := range r.Back(w.t.Context(), since, before) {
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Before > last || s.From >= s.Before {
			w.t.Errorf("a stretch from %d to %d comes after one from %d on", s.From, s.Before, last)
		}
		last = s.From
		var some []journal.Seq
		for rec, err := range s.Records() {
			if err != nil {
				w.t.Fatal(err)
			}
			some = append(some, rec.Seq)
		}
		seqs = append(some, seqs...)
	}
	return seqs
}

// TestThePast is the same forwards, in steps, and backwards.
func TestThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := overlapping(t)
		r := w.of.Reader()
		bound := r.Bound()
		kept, _ := slices.BinarySearch(w.sent, bound)
		if kept < 40 || kept == len(w.sent) {
			t.Fatalf("the store has dropped %d of %d events: that shows little", kept, len(w.sent))
		}
		if got := w.read(0, 1<<63); !slices.Equal(got, w.sent) {
			t.Errorf("forwards %v, want %v", got, w.sent)
		}
		if got := w.back(r, 0, 1<<63); !slices.Equal(got, w.sent[:kept]) {
			t.Errorf("backwards %v, want %v", got, w.sent[:kept])
		}
		if got := w.back(r, w.sent[10], w.sent[40]); !slices.Equal(got, w.sent[10:40]) {
			t.Errorf("a range backwards %v, want %v", got, w.sent[10:40])
		}
		if oldest, err := r.Oldest(t.Context()); err != nil || oldest != w.sent[0] {
			t.Errorf("the oldest is %d, %v", oldest, err)
		}
		for size := 1; size < 5; size++ {
			w.steps(r, size)
		}
	})
}

// steps walks in steps of a size. Each ends with an event that it takes, or that it leaves for
// the next.
func (w *world) steps(r *past.Reader, size int) {
	w.t.Helper()
	walk := r.Walk(w.t.Context())
	defer walk.Close()
	var got []journal.Seq
	for from, more := journal.Seq(0), true; more; {
		n := 0
		more = false
		if err := walk.Between(from, 1<<63, func(rec journal.Record) bool {
			if n == size && len(got)%2 == 0 {
				from, more = rec.Seq, true
				return false
			}
			got = append(got, rec.Seq)
			n++
			from, more = rec.Seq+1, n > size
			return !more
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	if !slices.Equal(got, w.sent) {
		w.t.Errorf("in steps of %d: %v, want %v", size, got, w.sent)
	}
}

// TestThePastHasNoSilentHoles: what is missing is named, forwards and backwards.
func TestThePastHasNoSilentHoles(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(w *world) error
		want  string
	}{
		"a segment":  {func(w *world) error { return os.Truncate(w.paths("made/*/*/*/*.zst")[0], 9) }, `archive "made": 2000/01/0`},
		"a manifest": {func(w *world) error { return os.Remove(w.paths("orders/2000/01/02/segments.json")[0]) }, `archive "orders": the segments from 2000-01-0`},
		"a day":      {func(w *world) error { return os.WriteFile(w.paths("stock/2000/01/02/segments.json")[0], nil, 0o600) }, `archive "stock": 2000/01/02/segments.json`},
		"a folder":   {func(w *world) error { return os.RemoveAll(w.folder + "/stock") }, "is its disk mounted?"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := overlapping(t)
				if err := tt.spoil(w); err != nil {
					t.Fatal(err)
				}
				take := func(journal.Record) bool { return true }
				if err := w.of.Reader().Between(0, 1<<63, take); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("forwards: %v", err)
				}
				if err := failure(w.of.Reader().Back(t.Context(), 0, 1<<63)); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("backwards: %v", err)
				}
				var told []string
				r := w.of.Reader()
				r.Skip = func(err error) bool { told = append(told, err.Error()); return true }
				if got := w.back(r, 0, 1<<63); len(slices.Compact(told)) != 1 || !strings.Contains(told[0], tt.want) || len(got) < 20 {
					t.Errorf("without it %d events, told %q", len(got), told)
				}
			})
		})
	}
}

// failure is the first error of stretches and what is in them.
func failure(stretches func(func(*past.Stretch, error) bool)) error {
	for s, err := range stretches {
		if err != nil {
			return err
		}
		for _, err := range s.Records() {
			if err != nil {
				return err
			}
		}
	}
	return nil
}
