package journal

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestDerived(t *testing.T) {
	j := open(t, vfs.NewMem())
	first := j.Seqs.Reserve(1).At(0)
	for root, numbers := range map[Seq][]int{first: {1, 2, 300}, first + 1: {7}} {
		for _, n := range numbers {
			r := j.Seqs.Reserve(1)
			if err := j.Append([]Entry{{Record: Record{Seq: r.At(0), Envelope: []byte("{}")}, Root: root, Derived: n}}); err != nil {
				t.Fatal(err)
			}
			r.Release()
		}
	}
	for root, want := range map[Seq]int{first - 1: 0, first: 300, first + 1: 7, first + 2: 0} {
		if got, err := j.Events.Derived(root); err != nil || got != want {
			t.Errorf("of %d: %d, %v, want %d", root, got, err, want)
		}
	}
}

func TestDerivedGoesWithItsFirstEvent(t *testing.T) {
	root := SeqAt(time.Unix(1000, 0))
	if k := derivedKey(root, 9); string(k) >= string(derivedTo(root+1)) || string(k) < string(derivedTo(root)) {
		t.Errorf("the row %x is trimmed to %x", k, derivedTo(root+1))
	}
}
