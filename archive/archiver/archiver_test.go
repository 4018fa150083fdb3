package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/archive"
	"signalbox/archive/segment"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules/pattern"
	"signalbox/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store with its archiver, in a bubble of time.
type world struct {
	t       *testing.T
	disk    *store.Disk
	folder  string
	journal *store.Journal
	of      *Archiver
	logs    *observer.ObservedLogs
	opts    Options
	// sent are the numbers of all events.
	sent []journal.Seq
	n    int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, disk: store.InMemory(), folder: t.TempDir()}
	time.Sleep(30 * time.Minute) // the bubble begins at midnight
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.t.Helper()
	core, logs := observer.New(zap.WarnLevel)
	w.logs, w.opts.Logger = logs, zap.New(core)
	var err error
	if w.journal, err = store.Open("data", store.Options{Disk: w.disk}); err != nil {
		w.t.Fatal(err)
	}
	w.opts.Journal = w.journal
	if w.of, err = New(w.opts); err != nil {
		w.t.Fatal(err)
	}
	w.journal.Trimmer.Keep(w.of.Owed)
}

func (w *world) stop() {
	if err := errors.Join(w.of.Stop(context.Background()), w.journal.Close()); err != nil {
		w.t.Error(err)
	}
}

// set declares archives: the text of a pattern for each name, empty for everything.
func (w *world) set(change func(*archive.Config), patterns ...string) {
	w.t.Helper()
	all := map[string]*archive.Archive{}
	for i := 0; i < len(patterns); i += 2 {
		c := archive.Config{Name: patterns[i], Folder: w.folder}
		if change != nil {
			change(&c)
		}
		var p *pattern.Pattern
		if text := patterns[i+1]; text != "" {
			var err error
			if p, err = pattern.Parse([]byte(text), pattern.Options{}); err != nil {
				w.t.Fatal(err)
			}
		}
		a, faults := archive.New(c, p, secret.Source{})
		if len(faults) > 0 {
			w.t.Fatal(faults[0])
		}
		all[c.Name] = a
	}
	w.of.Set(all)
	synctest.Wait()
}

// send appends events of a source.
func (w *world) send(source string, count int) {
	w.t.Helper()
	for range count {
		w.n++
		r := w.journal.Seqs.Reserve(1)
		e := event.Event{ID: fmt.Sprint("id-", w.n), Source: source, DetailType: "Made", Time: time.Now(), Detail: fmt.Appendf(nil, "{\"n\":\n%d}", w.n)}
		meta, err := e.Meta.AppendBinary(nil)
		if err != nil {
			w.t.Fatal(err)
		}
		rec := journal.Record{Seq: r.At(0), Meta: meta, Envelope: e.Envelope(), GivenID: e.ID}
		if err := w.journal.Append([]journal.Entry{{Record: rec}}); err != nil {
			w.t.Fatal(err)
		}
		r.Release()
		w.sent = append(w.sent, rec.Seq)
	}
}

// after lets time go by.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) files(name string) *segment.Files {
	for _, f := range w.of.Files() {
		if f.Name == name {
			return f
		}
	}
	w.t.Fatalf("no archive %q", name)
	return nil
}

// archived returns the numbers of the events in an archive, and checks every segment.
func (w *world) archived(name string) (seqs []journal.Seq) {
	w.t.Helper()
	files := w.files(name)
	for s, err := range files.Segments(w.t.Context(), 0, 1<<63) {
		if err == nil {
			err = files.Verify(w.t.Context(), &s)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if err := files.Read(w.t.Context(), &s, 0, 1<<63, func(r journal.Record) bool {
			if r.Seq < s.From || r.Seq >= s.Before {
				w.t.Errorf("event %d in a segment from %d to %d", r.Seq, s.From, s.Before)
			}
			seqs = append(seqs, r.Seq)
			return true
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	return seqs
}

// read returns the numbers of all events that a reader finds.
func (w *world) read(from, before journal.Seq) (seqs []journal.Seq) {
	w.t.Helper()
	if err := w.of.Reader().Between(from, before, func(r journal.Record) bool {
		seqs = append(seqs, r.Seq)
		return true
	}); err != nil {
		w.t.Fatal(err)
	}
	return seqs
}

func (w *world) segments(name string) (all []segment.Segment) {
	w.t.Helper()
	for s, err := range w.files(name).Segments(w.t.Context(), 0, 1<<63) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func (w *world) wantArchived(name string, want []journal.Seq) {
	w.t.Helper()
	if got := w.archived(name); !slices.Equal(got, want) {
		w.t.Errorf("archive %s has %d events, want %d: %+v", name, len(got), len(want), w.of.Statuses()[0])
	}
}

// paths returns the files of an archive that match a glob.
func (w *world) paths(glob string) []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.folder, glob))
	if err != nil || len(paths) == 0 {
		w.t.Fatalf("%s: %v %v", glob, paths, err)
	}
	return paths
}

// TestClosedHoursAreArchived one segment each, of what the archive's pattern takes, with what
// was there before the archive was declared.
func TestClosedHoursAreArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.send("shop.orders", 3)
		first := len(w.sent)
		w.set(nil, "all", "", "stock", `{"source": ["shop.stock"]}`)
		w.after(time.Minute)
		w.wantArchived("all", nil)

		w.after(time.Hour) // 01:31
		w.wantArchived("all", w.sent[:first])
		w.wantArchived("stock", nil)
		w.send("shop.stock", 2)
		w.after(5 * time.Hour)
		w.send("shop.orders", 1)
		w.send("shop.stock", 1)
		w.after(40 * time.Minute) // 07:11
		w.wantArchived("all", w.sent)
		w.wantArchived("stock", []journal.Seq{w.sent[3], w.sent[4], w.sent[6]})

		all := w.segments("all")
		if len(all) != 3 || all[0].Count != 3 || all[1].Count != 2 || all[2].Count != 2 {
			t.Fatalf("segments: %+v", all)
		}
		for i := range all[1:] {
			if all[i].Before != all[i+1].From {
				t.Errorf("segment %d ends at %d, the next begins at %d", i, all[i].Before, all[i+1].From)
			}
		}
		w.send("shop.orders", 1)
		w.after(10 * time.Minute)
		w.wantArchived("all", w.sent[:len(w.sent)-1])
	})
}

// TestRetentionDropsNothingThatIsOwed but makes the archive hurry, after which it drops; a reader
// finds all events in order all the time.
func TestRetentionDropsNothingThatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "", "orders", `{"source": ["shop.orders"]}`)
		keep := store.Retention{MaxAge: 5 * time.Minute}
		w.send("shop.orders", 3)
		w.after(10 * time.Minute)
		w.send("shop.orders", 2)
		for i, want := range []journal.Seq{w.sent[0], 0} {
			oldest, err := w.journal.Trimmer.Trim(keep)
			if err != nil {
				t.Fatal(err)
			}
			if want != 0 && oldest > want {
				t.Errorf("trim %d dropped up to %d", i, oldest)
			}
			if want == 0 && oldest <= w.sent[2] {
				t.Errorf("trim %d dropped nothing", i)
			}
			synctest.Wait()
			if got := w.read(0, 1<<63); !slices.Equal(got, w.sent) {
				t.Errorf("a reader finds %v, want %v", got, w.sent)
			}
		}
		w.wantArchived("all", w.sent[:3])
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
		if got := w.read(w.sent[1], w.sent[4]); !slices.Equal(got, w.sent[1:4]) {
			t.Errorf("a range is %v, want %v", got, w.sent[1:4])
		}
	})
}

// TestAFolderThatIsGone keeps the store's events, is told once, and is caught up with.
func TestAFolderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 3)
		w.after(time.Hour)
		w.wantArchived("all", w.sent)

		away := w.folder + "-away"
		if err := os.Rename(w.folder, away); err != nil {
			t.Fatal(err)
		}
		w.send("shop", 2)
		w.after(3 * time.Hour)
		s := w.of.Statuses()[0]
		if !s.Failing || !strings.Contains(s.Error, "is its disk mounted?") || s.BehindSeconds < 3600 {
			t.Errorf("%+v", s)
		}
		if n := w.logs.Len(); n != 1 {
			t.Errorf("%d lines in the log: %v", n, w.logs.All())
		}
		if oldest, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Minute}); err != nil || oldest > w.sent[3] {
			t.Errorf("dropped up to %d, %v", oldest, err)
		}
		if troubles := w.of.Troubles(); len(troubles) != 1 || strings.Contains(troubles[0], w.folder) {
			t.Errorf("troubles: %v", troubles)
		}
		if s := w.of.Statuses()[0]; !s.Retaining {
			t.Errorf("%+v", s)
		}
		if _, err := os.Stat(w.folder); err == nil {
			t.Error("the folder was made anew")
		}
		if err := os.Rename(away, w.folder); err != nil {
			t.Fatal(err)
		}
		w.after(maxBackoff)
		w.wantArchived("all", w.sent)
		if s := w.of.Statuses()[0]; s.Failing {
			t.Errorf("%+v", s)
		}
	})
}

// TestACrashBetweenSegmentAndNote doubles nothing.
func TestACrashBetweenSegmentAndNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 3)
		w.after(10 * time.Minute)
		state := w.state()
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
		if err := errors.Join(w.of.Stop(t.Context()), w.journal.Archives.Put("all", state), w.journal.Close()); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.set(nil, "all", "")
		w.send("shop", 1)
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
	})
}

// TestLostSegments are archived again from what the store still has.
func TestLostSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 3)
		w.after(time.Hour)
		kept := w.paths("all/*/*/*/*")
		copies := map[string][]byte{}
		for _, path := range kept {
			copies[path], _ = os.ReadFile(path)
		}
		w.send("shop", 2)
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
		w.stop()
		for _, path := range w.paths("all/*/*/*/*") { // back to an older copy
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if text := copies[path]; text != nil {
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.start()
		w.set(nil, "all", "")
		w.after(time.Minute)
		w.wantArchived("all", w.sent)
		if w.logs.FilterMessageSnippet("segments are missing").Len() != 1 {
			t.Errorf("the log: %v", w.logs.All())
		}
	})
}

// TestOldDaysAreDropped when they are older than the archive keeps.
func TestOldDaysAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		short := func(c *archive.Config) { c.RetentionDays = 1 }
		w.set(short, "all", "")
		for range 3 {
			w.send("shop", 1)
			w.after(24 * time.Hour)
		}
		w.after(2 * time.Hour)
		w.wantArchived("all", w.sent[2:])
		if paths := w.paths("all/*/*/*"); len(paths) != 1 {
			t.Errorf("folders: %v", paths)
		}
	})
}

// TestDamage is told with the name of what is damaged, and can be passed over.
func TestDamage(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"a byte": func(path string) error {
			text, err := os.ReadFile(path)
			if err == nil {
				text[len(text)/2] ^= 1
				err = os.WriteFile(path, text, 0o600)
			}
			return err
		},
		"its end": func(path string) error { return os.Truncate(path, 20) },
		"missing": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.set(nil, "all", "")
				for range 3 {
					w.send("shop", 2)
					w.after(time.Hour)
				}
				if _, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond}); err != nil {
					t.Fatal(err)
				}
				path := w.paths("all/*/*/*/01-*")[0]
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				r := w.of.Reader()
				var seqs []journal.Seq
				take := func(rec journal.Record) bool { seqs = append(seqs, rec.Seq); return true }
				err := r.Between(0, 1<<63, take)
				if damage, ok := errors.AsType[*segment.DamagedError](err); !ok || filepath.Base(damage.File) != filepath.Base(path) {
					t.Errorf("error %v", err)
				}
				if !slices.Equal(seqs, w.sent[:2]) {
					t.Errorf("read %v before the damage", seqs)
				}
				seqs = nil
				r.Skip = func(error) bool { return true }
				if err := r.Between(0, 1<<63, take); err != nil || !slices.Equal(seqs, slices.Concat(w.sent[:2], w.sent[4:])) {
					t.Errorf("without it %v, %v", seqs, err)
				}
			})
		})
	}
}

// TestAMissingDay is told where the days around it show that there was one.
func TestAMissingDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		for range 3 {
			w.send("shop", 1)
			w.after(24 * time.Hour)
		}
		if err := os.RemoveAll(w.paths("all/*/*/02")[0]); err != nil {
			t.Fatal(err)
		}
		r := w.of.Reader()
		r.Numbers, r.Events = nil, nil
		err := r.Between(0, 1<<63, func(journal.Record) bool { return true })
		if _, ok := errors.AsType[*segment.DamagedError](err); !ok || !strings.Contains(err.Error(), "2000-01-01T01:00:00Z to 2000-01-02T01:00:00Z") {
			t.Errorf("error %v", err)
		}
	})
}

// TestAHugeHour becomes several segments.
func TestAHugeHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.of.opts.maxPiece = 1000
		w.set(nil, "all", "")
		w.send("shop", 50)
		w.after(time.Hour)
		w.wantArchived("all", w.sent)
		if n := len(w.segments("all")); n < 5 {
			t.Errorf("%d segments", n)
		}
	})
}

// TestAClockThatIsSetBack leaves no event before what was archived already.
func TestAClockThatIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 1)
		w.after(time.Hour)
		w.stop()
		fresh := w.sent[0].Time() // the store knows no later time by itself
		w.start()
		if clock := w.journal.Seqs.Clock(); clock < journal.SeqAt(fresh) {
			t.Fatalf("the clock is at %d", clock)
		}
		r := w.journal.Seqs.Reserve(1)
		r.Release()
		var s saved
		for name := range w.of.known {
			s = w.of.known[name]
		}
		if stable := w.journal.Seqs.Stable(); s.Cursor == 0 || stable < s.Cursor {
			t.Errorf("numbers go on from %d, and everything before %d is archived", stable, s.Cursor)
		}
	})
}

// TestAnArchiveThatIsTakenAway is owed nothing, and one that comes back goes on where it ended.
func TestAnArchiveThatIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 2)
		w.after(time.Hour)
		w.set(nil)
		w.send("shop", 2)
		w.after(time.Hour)
		if owed := w.of.Owed(1 << 62); owed != 1<<62 {
			t.Errorf("owes events from %d on", owed)
		}
		w.set(nil, "all", "")
		w.after(time.Minute)
		w.wantArchived("all", w.sent)

		w.set(nil)
		w.send("shop", 1)
		w.after(time.Hour)
		if _, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Minute}); err != nil {
			t.Fatal(err)
		}
		w.set(nil, "all", "") // what the store has dropped is missing, and no damage
		w.send("shop", 1)
		w.after(time.Hour)
		w.wantArchived("all", append(w.sent[:4:4], w.sent[5]))
	})
}

// TestAnArchiveOfAnotherRouter that writes to the same archive is noticed.
func TestAnArchiveOfAnotherRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "all", "")
		w.send("shop", 1)
		if err := w.files("all").SetOwner(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		w.after(time.Hour)
		if s := w.of.Statuses()[0]; !s.Failing || !strings.Contains(s.Error, "another router") {
			t.Errorf("%+v", s)
		}
		w.wantArchived("all", nil)
	})
}

// TestTwoArchives with common events are read as one, each event once.
func TestTwoArchives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(nil, "orders", `{"source": ["shop.orders"]}`, "made", `{"source": ["shop.orders", "shop.stock"]}`, "stock", `{"source": ["shop.stock", "shop.bills"]}`)
		for i := range 12 {
			w.send([]string{"shop.orders", "shop.stock", "shop.bills"}[i%3], 1)
			w.after(20 * time.Minute)
		}
		w.after(2 * time.Hour)
		if _, err := w.journal.Trimmer.Trim(store.Retention{MaxAge: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if got := w.read(0, 1<<63); !slices.Equal(got, w.sent) {
			t.Errorf("read %v, want %v", got, w.sent)
		}
		n := 0
		if err := w.of.Reader().Between(0, 1<<63, func(journal.Record) bool { n++; return n < 4 }); err != nil || n != 4 {
			t.Errorf("stopped after %d, %v", n, err)
		}
	})
}
