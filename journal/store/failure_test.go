package store

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"signalbox/journal"
	"signalbox/journal/internal/disk"
)

// die takes a ready delivery to the dead-letter queue.
func die(t testing.TB, j *Journal, d journal.Delivery, r *journal.Record) {
	t.Helper()
	dead := d
	dead.State, dead.Due, dead.Death = journal.Dead, time.Time{}, &journal.Death{Code: "UNKNOWN"}
	dead.Attempts++
	move(t, j, journal.Move{From: d, To: &dead, Record: r})
}

// redriven is a letter as a ready delivery of a lane.
func redriven(l journal.DeadLetter, to journal.LaneID) *journal.Delivery {
	d := l.Delivery
	d.State, d.Death, d.Lane = journal.Ready, nil, to
	d.Spent, d.Since = d.Attempts, d.Seq.Time().Add(time.Minute)
	return &d
}

func TestTheEndOfADeliveryIsSyncedThoughNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		j := open(t, fs)
		l := lane(t, j, "a")
		appendOne(t, j, l)
		move(t, j, journal.Move{From: readyOf(t, j, l)[0], End: journal.Delivered})
		time.Sleep(2 * syncMoves)
		synctest.Wait()
		after := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
		if c := after.Counters.LaneCounts(l); c != (journal.Counts{Planned: 1, Delivered: 1}) {
			t.Errorf("a crash %v later undoes the end: %+v", 2*syncMoves, c)
		}
	})
}

func TestAFailedFsyncIsFatal(t *testing.T) {
	var failing atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if failing.Load() && strings.HasSuffix(op.Path, ".log") {
				return errors.New("input/output error")
			}
		}
		return nil
	}))
	fatal := make(chan error, 16)
	j, err := Open("data", Options{Disk: disk.New(fs), Fatal: func(err error) { fatal <- err }})
	if err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	r := j.Seqs.Reserve(1)
	if err := j.Append([]journal.Entry{entryOf(r.At(0))}); err == nil {
		t.Error("acknowledged, though it is not on disk")
	}
	r.Release()
	select {
	case err := <-fatal:
		if !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("got %v", err)
		}
	default:
		t.Error("the process continues with a log that can't be synced")
	}
	failing.Store(false)
	j.Close() // with whatever error the broken log gives
}

func TestALetterThatCannotBeReadFailsItsOwnRequestAlone(t *testing.T) {
	var failing atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, ".sst") {
			return errors.New("input/output error")
		}
		return nil
	}))
	j := open(t, fs)
	l := lane(t, j, "a")
	e := appendOne(t, j, l)
	die(t, j, readyOf(t, j, l)[0], &e.Record)
	letter := deadLetters(t, j)[0]
	if err := j.db.Flush(); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	s := j.Seqs.Reserve(1)
	defer s.Release()
	// One group of both.
	redrive := &request{moves: []journal.Move{{From: letter.Delivery, To: redriven(letter, l), Record: &letter.Record}}, done: make(chan error, 1)}
	accept := &request{entries: []journal.Entry{entryOf(s.At(0), l)}, done: make(chan error, 1)}
	j.mu.Lock()
	j.requests = append(j.requests, redrive, accept)
	j.mu.Unlock()
	signal(j.wake)
	if err := <-redrive.done; err == nil {
		t.Error("a letter that can't be read was redriven")
	}
	if err := <-accept.done; err != nil {
		t.Errorf("an event beside it was refused: %v", err)
	}
	failing.Store(false)
	if c := j.Counters.LaneCounts(l); c != (journal.Counts{Planned: 2, Ready: 1, Dead: 1}) {
		t.Errorf("got %+v", c)
	}
}

func TestALetterThatDiedAgainElsewhereIsNotTakenForItsOldSelf(t *testing.T) {
	j := open(t, vfs.NewMem())
	a, b := lane(t, j, "a"), lane(t, j, "b")
	e := appendOne(t, j, a)
	die(t, j, readyOf(t, j, a)[0], &e.Record)
	letter := deadLetters(t, j)[0]
	if err := j.MoveSync([]journal.Move{{From: letter.Delivery, To: redriven(letter, b), Record: &letter.Record}}); err != nil {
		t.Fatal(err)
	}
	die(t, j, readyOf(t, j, b)[0], &e.Record)

	stale := []journal.Move{{From: letter.Delivery, End: journal.Dropped}} // by one who read it before
	if err := j.MoveSync(stale); err != nil {
		t.Fatal(err)
	}
	if stale[0].Made {
		t.Error("made")
	}
	if c := j.Counters.LaneCounts(b); c != (journal.Counts{Planned: 1, Dead: 1}) {
		t.Errorf("got %+v", c)
	}
}

func TestARedrivenLettersEventComesBackAfterARestart(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	clock := time.Now()
	j.Seqs.now = func() time.Time { return clock }
	l := lane(t, j, "a")
	for range 2 {
		e := appendOne(t, j, l)
		die(t, j, readyOf(t, j, l)[0], &e.Record)
	}
	clock = clock.Add(time.Hour)
	appendOne(t, j)
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Minute}); err != nil {
		t.Fatal(err)
	}
	redrive := func(letter journal.DeadLetter) {
		if err := j.MoveSync([]journal.Move{{From: letter.Delivery, To: redriven(letter, l), Record: &letter.Record}}); err != nil {
			t.Fatal(err)
		}
	}
	redrive(deadLetters(t, j)[0])
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs) // the log now begins with the event that was put back
	redrive(deadLetters(t, j)[0])
	if got := readyOf(t, j, l); len(got) != 2 {
		t.Errorf("%d deliveries, want 2", len(got))
	}
}

func TestTrimTrustsNoCountsThatAreAheadOfTheDisk(t *testing.T) {
	j := open(t, vfs.NewMem())
	l := lane(t, j, "a")
	e := appendOne(t, j, l)
	j.Seqs.now = func() time.Time { return time.Now().Add(time.Hour) }
	real := j.Counters.LaneCounts(l)
	set := func(c journal.Counts) {
		j.Counters.mu.Lock()
		defer j.Counters.mu.Unlock()
		j.Counters.set(l, c)
	}
	set(journal.Counts{Planned: 1, Waiting: 1}) // a move is about to be seen
	_, err := j.Trimmer.Trim(Retention{MaxAge: time.Minute})
	set(real)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Events.Event(e.Record.Seq); err != nil {
		t.Errorf("a pending delivery's event: %v", err)
	}
}

// TestReadersSeeADeliveryWithItsEvent reads while letters come back to a log
// that has dropped their events.
func TestReadersSeeADeliveryWithItsEvent(t *testing.T) {
	j := open(t, vfs.NewMem())
	clock := time.Now()
	j.Seqs.now = func() time.Time { return clock }
	l := lane(t, j, "a")
	const n = 300
	for range n {
		e := appendOne(t, j, l)
		die(t, j, e.Deliveries[0], &e.Record)
	}
	clock = clock.Add(time.Hour)
	appendOne(t, j)
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Minute}); err != nil {
		t.Fatal(err)
	}
	letters := deadLetters(t, j)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range letters {
			if err := j.MoveSync([]journal.Move{{From: letters[i].Delivery, To: redriven(letters[i], l), Record: &letters[i].Record}}); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if err := j.Deliveries.Ready(l, journal.Cursor{}, j.Seqs.Stable(), nil, func(journal.Delivery, journal.Record) bool { return true }); err != nil {
			t.Error(err)
			break
		}
	}
	<-done
}
