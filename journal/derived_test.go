package journal

import (
	"testing"
	"time"
)

func TestDerivedGoesWithItsFirstEvent(t *testing.T) {
	root := SeqAt(time.Unix(1000, 0))
	if k := DerivedKey(root, 9); string(k) >= string(derivedTo(root+1)) || string(k) < string(derivedTo(root)) {
		t.Errorf("the row %x is trimmed to %x", k, derivedTo(root+1))
	}
}
