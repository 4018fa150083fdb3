package store

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal"
)

// TestLanesReadInTurns: of many lanes that read their backlog only as many are at it at once as
// there are processors, also with more than one turn each, and each finds all that it has, in
// order.
func TestLanesReadInTurns(t *testing.T) {
	const lanes, each = 16, 200
	j := open(t, vfs.NewMem())
	var all [lanes]journal.LaneID
	for i := range all {
		all[i] = lane(t, j, string(rune('a'+i)))
	}
	var want []journal.Seq
	r := j.Seqs.Reserve(each)
	var entries []journal.Entry
	for i := range each {
		want = append(want, r.At(i))
		entries = append(entries, entryOf(r.At(i), all[:]...))
	}
	if err := j.Append(entries); err != nil {
		t.Fatal(err)
	}
	r.Release()
	var now, most atomic.Int64
	var readers sync.WaitGroup
	for _, l := range all {
		readers.Go(func() {
			var got []journal.Seq
			if err := j.Deliveries.Ready(l, journal.Cursor{}, j.Seqs.Stable(), nil, func(d journal.Delivery, _ journal.Record) bool {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				runtime.Gosched() // so that all would meet
				now.Add(-1)
				got = append(got, d.Seq)
				return true
			}); err != nil {
				t.Error(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("lane %d: %d deliveries, want %d in order", l, len(got), each)
			}
		})
	}
	readers.Wait()
	if n := int(most.Load()); n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d at once, with %d processors", n, runtime.GOMAXPROCS(0))
	}
}
