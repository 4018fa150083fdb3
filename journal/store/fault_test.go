package store

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"signalbox/journal"
	"signalbox/journal/internal/disk"
)

// TestASlowDiskIsWaitedForOnce lets each sync of the log take 100 ms, in fake time:
// those who append meanwhile share the next one, none is told before it has ended,
// and moves wait for no sync at all.
func TestASlowDiskIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 100 * time.Millisecond
		var mu sync.Mutex
		var syncs []time.Time // when each ended
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo) {
				time.Sleep(slow)
				mu.Lock()
				syncs = append(syncs, time.Now())
				mu.Unlock()
			}
			return nil
		}))
		j, err := Open("data", Options{Disk: disk.New(fs)})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		l := lane(t, j, "a")
		began := time.Now()
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				asked := time.Now()
				r := j.Seqs.Reserve(1)
				defer r.Release()
				d := journal.Delivery{Seq: r.At(0), Lane: l, Rule: "r", RuleTarget: "t"}
				if err := j.Append([]journal.Entry{{Record: journal.Record{Seq: d.Seq, Envelope: []byte("{}")}, Deliveries: []journal.Delivery{d}}}); err != nil {
					t.Error(err)
				}
				if took := time.Since(asked); took < slow {
					t.Errorf("an event was acknowledged after %v, before any sync that began with it can have ended", took)
				}
				told := time.Now()
				if err := j.Move(journal.Move{From: d, End: journal.Delivered}); err != nil || time.Since(told) != 0 {
					t.Errorf("a move waited %v for the disk, %v", time.Since(told), err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took > 5*slow {
			t.Errorf("64 appends within 64 ms took %v: they did not share syncs", took)
		}
		mu.Lock()
		n := len(syncs)
		mu.Unlock()
		if n == 0 {
			t.Error("no sync was slow: the test shows nothing")
		}
	})
}

// TestAClockThatIsSetBackKeepsTheOrder has the clock go an hour ahead and back,
// with the store closed in between: later events get later numbers all the same.
func TestAClockThatIsSetBackKeepsTheOrder(t *testing.T) {
	fs := vfs.NewMem()
	var last journal.Seq
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		j := open(t, fs)
		j.Seqs.now = func() time.Time { return time.Now().Add(ahead) }
		for range 3 {
			r := j.Seqs.Reserve(1)
			if r.At(0) <= last {
				t.Errorf("with the clock %v ahead: %d comes after %d", ahead, r.At(0), last)
			}
			last = r.At(0)
			if err := j.Append([]journal.Entry{{Record: journal.Record{Seq: last, Envelope: []byte("{}")}}}); err != nil {
				t.Fatal(err)
			}
			r.Release()
			if _, err := j.Events.Event(last); err != nil {
				t.Error(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
