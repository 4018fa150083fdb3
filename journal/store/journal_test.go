package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"signalbox/event"
	"signalbox/journal"

	"signalbox/journal/internal/disk"
	"signalbox/journal/internal/files"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Pebble leaves it where a store can't be opened.
		goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/internal/genericcache.(*shard[...]).releaseLoop"))
}

// open opens a journal that is checked against itself and closed at the end.
func open(t testing.TB, fs vfs.FS) *Journal {
	t.Helper()
	j, err := Open("data", Options{Disk: disk.New(fs), Fatal: func(err error) { t.Errorf("store: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.mu.Lock()
		closed := j.closed
		j.mu.Unlock()
		if !closed {
			checkBalance(t, j)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// checkBalance checks the store against itself.
func checkBalance(t testing.TB, j *Journal) {
	t.Helper()
	view := j.db.NewSnapshot()
	defer view.Close()
	report, err := journal.VerifyRows(view)
	if err != nil {
		t.Error(err)
	}
	for _, f := range report.Faults {
		t.Error(f)
	}
	for name, l := range j.Lanes.All() {
		parked, keys, c := uint64(0), uint64(0), j.Counters.LaneCounts(l)
		if err := j.Keys.ParkedPlaces(l, func(journal.Delivery) bool { parked++; return true }); err != nil {
			t.Error(err)
		}
		if err := j.Keys.Blocked(l, 0, func(journal.KeyRecord) bool { keys++; return true }); err != nil {
			t.Error(err)
		}
		if parked != c.Parked || keys != c.BlockedKeys {
			t.Errorf("lane %s: %d parked, %d keys on disk; the accounts say %+v", name, parked, keys, c)
		}
	}
}

func lane(t testing.TB, j *Journal, name string) journal.LaneID {
	t.Helper()
	l, err := j.Lanes.Lane(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entryOf makes an event with a ready delivery on each of the lanes.
func entryOf(s journal.Seq, lanes ...journal.LaneID) journal.Entry {
	id := journal.NewEventID(s)
	e := journal.Entry{
		Record:  journal.Record{Seq: s, Meta: []byte("meta"), Envelope: fmt.Appendf(nil, `{"version":"0","id":"%s","detail":{"n":%d}}`, id, s)},
		Matched: len(lanes) > 0,
	}
	for i, l := range lanes {
		e.Deliveries = append(e.Deliveries, journal.Delivery{Seq: s, N: uint16(i), Lane: l, Rule: "rule", RuleTarget: "target"})
	}
	return e
}

// appendOne writes one event and returns its entry.
func appendOne(t testing.TB, j *Journal, lanes ...journal.LaneID) journal.Entry {
	t.Helper()
	r := j.Seqs.Reserve(1)
	defer r.Release()
	e := entryOf(r.At(0), lanes...)
	if err := j.Append([]journal.Entry{e}); err != nil {
		t.Fatal(err)
	}
	return e
}

func readyOf(t testing.TB, j *Journal, l journal.LaneID) []journal.Delivery {
	t.Helper()
	var all []journal.Delivery
	if err := j.Deliveries.Ready(l, journal.Cursor{}, j.Seqs.Stable(), nil, func(d journal.Delivery, _ journal.Record) bool { all = append(all, d); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func deadLetters(t testing.TB, j *Journal) []journal.DeadLetter {
	t.Helper()
	var all []journal.DeadLetter
	if err := j.Deliveries.DeadLetters(journal.Cursor{}, func(d journal.DeadLetter) bool { all = append(all, d); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

// move makes a move and waits until it can be seen.
func move(t testing.TB, j *Journal, m journal.Move) {
	t.Helper()
	applied := make(chan struct{})
	m.Applied = func() { close(applied) }
	if err := j.Move(m); err != nil {
		t.Fatal(err)
	}
	<-applied
}

func TestAppendedEventsSurviveARestart(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	a, b := lane(t, j, "a"), lane(t, j, "b")
	e := appendOne(t, j, a, b)
	appendOne(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, fs)
	if got := lane(t, j, "b"); got != b {
		t.Errorf("lane b: got id %d, want %d", got, b)
	}
	rec, err := j.Events.Event(e.Record.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if string(rec.Envelope) != string(e.Record.Envelope) || string(rec.Meta) != "meta" {
		t.Errorf("got %q, %q", rec.Envelope, rec.Meta)
	}
	for _, l := range []journal.LaneID{a, b} {
		got := readyOf(t, j, l)
		if len(got) != 1 || got[0].Seq != e.Record.Seq || got[0].Rule != "rule" || got[0].RuleTarget != "target" {
			t.Errorf("lane %d: got %+v", l, got)
		}
	}
	total, events := j.Counters.Totals()
	if want := (journal.Counts{Planned: 2, Ready: 2}); total != want {
		t.Errorf("got %+v, want %+v", total, want)
	}
	if want := (journal.EventCounts{Accepted: 2, Unmatched: 1}); events != want {
		t.Errorf("got %+v, want %+v", events, want)
	}
	if s := j.Seqs.Reserve(1); s.At(0) <= e.Record.Seq {
		t.Errorf("sequence went back: %d after %d", s.At(0), e.Record.Seq)
	}
}

func TestADeliveryGoesThroughItsStates(t *testing.T) {
	j := open(t, vfs.NewMem())
	l, other := lane(t, j, "a"), lane(t, j, "b")
	e := appendOne(t, j, l)
	ready := readyOf(t, j, l)[0]

	waiting := ready
	waiting.State, waiting.Due, waiting.Attempts = journal.Waiting, time.Unix(2e9, 5).UTC(), 1
	waiting.Remember(journal.Attempt{Attempt: 1, Code: "TIMEOUT", Message: "no answer"})
	move(t, j, journal.Move{From: ready, To: &waiting})
	due, ok, err := j.Deliveries.NextDue(l, journal.Cursor{})
	if err != nil || !ok || !due.Equal(waiting.Due) {
		t.Fatalf("next due: got %v, %v, %v; want %v", due, ok, err, waiting.Due)
	}
	n := 0
	if err := j.Deliveries.Waiting(l, journal.Cursor{}, waiting.Due.Add(-1), func(journal.Delivery, journal.Record) bool { n++; return true }); err != nil || n != 0 {
		t.Errorf("%d deliveries (%v) before they are due", n, err)
	}
	if err := j.Deliveries.Waiting(l, journal.Cursor{}, waiting.Due, func(d journal.Delivery, r journal.Record) bool {
		n++
		if d.Attempts != 1 || len(d.History) != 1 || d.History[0].Code != "TIMEOUT" || string(r.Envelope) != string(e.Record.Envelope) {
			t.Errorf("got %+v with %q", d, r.Envelope)
		}
		return true
	}); err != nil || n != 1 {
		t.Errorf("%d deliveries are due (%v), want 1", n, err)
	}

	dead := waiting
	dead.State, dead.Due = journal.Dead, time.Time{}
	dead.Death = &journal.Death{Code: "TIMEOUT", Condition: "MaximumRetryAttempts", Message: "no answer"}
	move(t, j, journal.Move{From: waiting, To: &dead, Record: &e.Record})
	letters := deadLetters(t, j)
	if len(letters) != 1 || letters[0].Delivery.Lane != l || letters[0].Delivery.Death.Condition != "MaximumRetryAttempts" ||
		string(letters[0].Record.Envelope) != string(e.Record.Envelope) {
		t.Fatalf("got %+v", letters)
	}

	again := letters[0].Delivery
	again.State, again.Death, again.Lane = journal.Ready, nil, other
	moves := []journal.Move{{From: letters[0].Delivery, To: &again}, {From: letters[0].Delivery, To: &again}}
	if err := j.MoveSync(moves); err != nil {
		t.Fatal(err)
	}
	if !moves[0].Made || moves[1].Made {
		t.Errorf("made: %v, %v; a letter can leave the queue once", moves[0].Made, moves[1].Made)
	}
	move(t, j, journal.Move{From: readyOf(t, j, other)[0], End: journal.Delivered})
	if got, want := j.Counters.LaneCounts(l), (journal.Counts{}); got != want {
		t.Errorf("first lane: got %+v, want %+v", got, want)
	}
	if got, want := j.Counters.LaneCounts(other), (journal.Counts{Planned: 1, Delivered: 1}); got != want {
		t.Errorf("second lane: got %+v, want %+v", got, want)
	}
}

func TestTheFirstAttemptAndTheLatestAreRemembered(t *testing.T) {
	var d journal.Delivery
	for i := range 100 {
		d.Remember(journal.Attempt{Attempt: i + 1})
	}
	if len(d.History) != journal.MaxHistory || d.History[0].Attempt != 1 || d.History[1].Attempt != 100-journal.MaxHistory+2 || d.History[journal.MaxHistory-1].Attempt != 100 {
		t.Errorf("got %+v", d.History)
	}
}

func TestReadersStopBeforeWhatIsNotReleased(t *testing.T) {
	j := open(t, vfs.NewMem())
	l := lane(t, j, "a")
	held := j.Seqs.Reserve(2)
	appendOne(t, j, l)
	if got := readyOf(t, j, l); len(got) != 0 {
		t.Errorf("%d deliveries can be read past a reservation that is open", len(got))
	}
	held.Release()
	if got := readyOf(t, j, l); len(got) != 1 {
		t.Errorf("%d deliveries after the release, want 1", len(got))
	}
}

func TestSequenceNumbersOnlyGrow(t *testing.T) {
	now := time.Unix(1000, 0)
	s := Sequence{now: func() time.Time { return now }}
	a := s.Reserve(3)
	s.now = func() time.Time { return now.Add(-time.Hour) } // the clock jumps back
	b := s.Reserve(1)
	if a.At(0) != journal.SeqAt(now) || b.At(0) != a.At(2)+MaxNodes {
		t.Errorf("got %d and %d", a.At(0), b.At(0))
	}
	b.Release()
	if got := s.Stable(); got != a.At(0) {
		t.Errorf("stable: got %d, want %d", got, a.At(0))
	}
	a.Release()
	if got := s.Stable(); got != b.At(0)+1 {
		t.Errorf("stable: got %d, want %d", got, b.At(0)+1)
	}
}

func TestNodesGiveDifferentNumbers(t *testing.T) {
	now := time.Unix(1000, 0)
	seen := map[journal.Seq]bool{}
	for node := range journal.Seq(MaxNodes) {
		s := Sequence{now: func() time.Time { return now }, node: node, last: journal.SeqAt(now) + 12345} // as an older store left it
		for i, r := 0, s.Reserve(3); i < 3; i++ {
			n := r.At(i)
			if seen[n] || n <= journal.SeqAt(now)+12345 || n%MaxNodes != node {
				t.Fatalf("node %d gives %d", node, n)
			}
			seen[n] = true
			if id := journal.NewEventID(n); func() bool { back, ok := journal.SeqOfEventID(id); return !ok || back != n }() {
				t.Fatalf("the id %s does not lead to %d", id, n)
			}
		}
	}
}

// TestOnlyTheCommitterWrites reads the source of this package and of the tables: a write past the committer
// would be missing from the groups that it makes.
func TestOnlyTheCommitterWrites(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob("../*.go")
	if err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	files = append(files, tables...)
	writes := regexp.MustCompile(`\bdb\.(Set|Delete|SingleDelete|DeleteRange|Merge|LogData|Apply|ApplyNoSyncWait|RangeKey\w+|Ingest\w*)\(`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range writes.FindAllString(string(text), -1) {
			found++
			follower := file == "replicate.go" && call == "db.Apply("      // what a leader's committer has written
			if file != "commit.go" && call != "db.LogData(" && !follower { // Close syncs with an empty record
				t.Errorf("%s: %s…)", file, call)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d writes found: does the source look otherwise?", found)
	}
}

func TestWhoeverAwaitsANumberIsToldWhenItIsSettled(t *testing.T) {
	s := Sequence{now: func() time.Time { return time.Unix(1000, 0) }}
	a, b, c := s.Reserve(1), s.Reserve(1), s.Reserve(1)
	told := 0
	if !s.Await(b.At(0), func() { told++ }) {
		t.Error("an open number is settled")
	}
	b.Release()
	c.Release()
	if told != 0 {
		t.Error("told while an older number is open")
	}
	a.Release()
	if told != 1 || s.Await(b.At(0), func() { told++ }) || len(s.awaited) != 0 {
		t.Errorf("told %d times, %d still wait", told, len(s.awaited))
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, Options{})
	if !errors.Is(err, files.ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("got %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := j.Append(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if j, err = Open(dir, Options{}); err != nil {
		t.Fatalf("after the close: %v", err)
	}
	j.Close()
}

func TestANewerStoreIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	if err := j.db.Set(journal.VersionKey, []byte("99"), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open("data", Options{Disk: disk.New(fs)})
	if err == nil || !strings.Contains(err.Error(), "newer Signalbox (store version 99; this one reads up to 4)") {
		t.Errorf("got %v", err)
	}
}

func TestAnOlderStoreIsMarkedAsOurs(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	if err := j.db.Set(journal.VersionKey, []byte("1"), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs)
	v, closer, err := j.db.Get(journal.VersionKey)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if string(v) != "4" {
		t.Errorf("the store is marked %q", v)
	}
}

func TestAnEventIsFoundByTheIDItsProducerGave(t *testing.T) {
	j := open(t, vfs.NewMem())
	put := func(id string) journal.Seq {
		r := j.Seqs.Reserve(1)
		defer r.Release()
		e := event.Event{ID: id, Source: "s", DetailType: "t", Detail: []byte("{}")}
		if err := j.Append([]journal.Entry{{Record: journal.Record{Seq: r.At(0), Envelope: e.AppendEnvelope(nil), GivenID: id}}}); err != nil {
			t.Fatal(err)
		}
		return r.At(0)
	}
	put("twice")
	other, latest := put("other"), put("twice")
	for id, want := range map[string]journal.Seq{"twice": latest, "other": other} {
		if rec, err := j.Events.EventByGivenID(id); err != nil || rec.Seq != want {
			t.Errorf("%s: got %d, %v; want %d", id, rec.Seq, err, want)
		}
	}
	if _, err := j.Events.EventByGivenID("none"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTrimKeepsWhatDeliveriesWaitFor(t *testing.T) {
	j := open(t, vfs.NewMem())
	clock := time.Now()
	j.Seqs.now = func() time.Time { return clock }
	l := lane(t, j, "a")
	put := func(lanes ...journal.LaneID) journal.Seq {
		clock = clock.Add(time.Hour)
		return appendOne(t, j, lanes...).Record.Seq
	}
	kept := func(s journal.Seq) bool { _, err := j.Events.Event(s); return err == nil }
	old, pending, ended, young := put(), put(l), put(), put()

	if _, err := j.Trimmer.Trim(Retention{MaxAge: 30 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	if kept(old) || !kept(pending) || !kept(ended) || !kept(young) {
		t.Errorf("kept: %v %v %v %v; want the events from the pending one on", kept(old), kept(pending), kept(ended), kept(young))
	}
	d := readyOf(t, j, l)[0]
	waiting := d
	waiting.State, waiting.Due = journal.Waiting, clock.Add(time.Hour)
	move(t, j, journal.Move{From: d, To: &waiting})
	if _, err := j.Trimmer.Trim(Retention{MaxAge: 30 * time.Minute}); err != nil || !kept(pending) {
		t.Errorf("the event of a waiting delivery is gone (%v)", err)
	}
	rec, err := j.Events.Event(pending)
	if err != nil {
		t.Fatal(err)
	}
	dead := waiting
	dead.State, dead.Due, dead.Death = journal.Dead, time.Time{}, &journal.Death{Code: "UNKNOWN"}
	move(t, j, journal.Move{From: waiting, To: &dead, Record: &rec})
	if _, err := j.Trimmer.Trim(Retention{MaxAge: 30 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	if kept(pending) || kept(ended) || !kept(young) {
		t.Errorf("kept: %v %v %v; want the young event alone", kept(pending), kept(ended), kept(young))
	}

	letter := deadLetters(t, j)[0]
	again := letter.Delivery
	again.State, again.Death = journal.Ready, nil
	if err := j.MoveSync([]journal.Move{{From: letter.Delivery, To: &again, Record: &letter.Record}}); err != nil {
		t.Fatal(err)
	}
	if !kept(pending) {
		t.Error("a redriven letter did not bring its event back")
	}
}

// putNoise appends n events of 4 KiB each that can't be compressed.
func putNoise(t *testing.T, j *Journal, n int) {
	t.Helper()
	for range n {
		r := j.Seqs.Reserve(1)
		body := make([]byte, 4096)
		for i := range body {
			body[i] = byte(rand.N(256))
		}
		if err := j.Append([]journal.Entry{{Record: journal.Record{Seq: r.At(0), Envelope: body}}}); err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	if err := j.db.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestTrimmedEventsLeaveTheDisk(t *testing.T) {
	j := open(t, vfs.NewMem())
	putNoise(t, j, 500)
	if size := j.db.Metrics().BlobFiles.LiveSize; size < 500*4096 {
		t.Fatalf("of the events' bytes, only %d are apart from their keys", size)
	}
	putNoise(t, j, 10)
	if _, err := j.Trimmer.Trim(Retention{MaxBytes: 1}); err != nil {
		t.Fatal(err)
	}
	putNoise(t, j, 10) // which has the dropping flushed, too
	if err := j.db.Compact(t.Context(), []byte{journal.TableEvent}, []byte{journal.TableEvent + 1}, false); err != nil {
		t.Fatal(err)
	}
	if size := j.db.Metrics().BlobFiles.LiveSize; size > 200<<10 {
		t.Errorf("%d bytes of events are on disk, of which at most 80 KiB are kept", size)
	}
}

func TestTrimBoundsTheBytes(t *testing.T) {
	j := open(t, vfs.NewMem())
	putNoise(t, j, 500)
	first, last, err := j.Events.Ends()
	if err != nil {
		t.Fatal(err)
	}
	horizon, err := j.Trimmer.Trim(Retention{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if horizon <= first || horizon >= last {
		t.Errorf("2 MB of events, 1 MiB to keep: trimmed up to %d of %d..%d", horizon, first, last)
	}
}

// TestACrashLosesNoAcknowledgedEvent cuts the power at many moments under load:
// what was not synced is lost, wholly or in part, and every acknowledged event
// and delivery must be there.
func TestACrashLosesNoAcknowledgedEvent(t *testing.T) {
	for _, unsynced := range []int{0, 30, 100} {
		t.Run(fmt.Sprintf("unsynced=%d%%", unsynced), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			j, err := Open("data", Options{Disk: disk.New(fs)})
			if err != nil {
				t.Fatal(err)
			}
			l := lane(t, j, "a")
			var mu sync.Mutex
			acked := map[journal.Seq]bool{}
			var stop atomic.Bool
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for !stop.Load() {
						r := j.Seqs.Reserve(3)
						var es []journal.Entry
						for i := range 3 {
							es = append(es, entryOf(r.At(i), l))
						}
						if err := j.Append(es); err != nil {
							t.Error(err)
						}
						r.Release()
						mu.Lock()
						for i := range 3 {
							acked[r.At(i)] = true
						}
						mu.Unlock()
						if err := j.Move(journal.Move{From: es[0].Deliveries[0], End: journal.Delivered}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			type crash struct {
				fs    *vfs.MemFS
				acked []journal.Seq
			}
			var crashes []crash
			for i := range 8 {
				for { // some more must have been acknowledged since the last
					mu.Lock()
					var known []journal.Seq
					if len(acked) > i*60 {
						for s := range acked {
							known = append(known, s)
						}
					}
					mu.Unlock()
					if known != nil {
						crashes = append(crashes, crash{fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(1, uint64(i)))}), known})
						break
					}
				}
			}
			stop.Store(true)
			wg.Wait()
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			for i, c := range crashes {
				after, err := Open("data", Options{Disk: disk.New(c.fs)})
				if err != nil {
					t.Fatalf("crash %d: %v", i, err)
				}
				for _, s := range c.acked {
					if _, err := after.Events.Event(s); err != nil {
						t.Errorf("crash %d: acknowledged: %v", i, err)
					}
				}
				checkBalance(t, after)
				if err := after.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			j, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			l := lane(b, j, "a")
			envelope := make([]byte, 700)
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := j.Seqs.Reserve(n)
					es := make([]journal.Entry, n)
					for i := range es {
						s := r.At(i)
						es[i] = journal.Entry{Record: journal.Record{Seq: s, Envelope: envelope}, Matched: true, Deliveries: []journal.Delivery{{Seq: s, Lane: l, Rule: "rule", RuleTarget: "target"}}}
					}
					if err := j.Append(es); err != nil {
						b.Error(err)
					}
					r.Release()
					for i := range es {
						if err := j.Move(journal.Move{From: es[i].Deliveries[0], End: journal.Delivered}); err != nil {
							b.Error(err)
						}
					}
				}
			})
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
