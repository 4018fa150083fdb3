package store

import (
	"testing"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestDerived(t *testing.T) {
	j := open(t, vfs.NewMem())
	first := j.Seqs.Reserve(1).At(0)
	for root, numbers := range map[journal.Seq][]int{first: {1, 2, 300}, first + 1: {7}} {
		for _, n := range numbers {
			r := j.Seqs.Reserve(1)
			if err := j.Append([]journal.Entry{{Record: journal.Record{Seq: r.At(0), Envelope: []byte("{}")}, Root: root, Derived: n}}); err != nil {
				t.Fatal(err)
			}
			r.Release()
		}
	}
	for root, want := range map[journal.Seq]int{first - 1: 0, first: 300, first + 1: 7, first + 2: 0} {
		if got, err := j.Events.Derived(root); err != nil || got != want {
			t.Errorf("of %d: %d, %v, want %d", root, got, err, want)
		}
	}
}
