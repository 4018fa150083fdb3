package cluster

import "testing"

// TestTheLogDoesNotWaitForANodeThatIsFarBehind: it is kept for those that are behind, but not without end.
func TestTheLogDoesNotWaitForANodeThatIsFarBehind(t *testing.T) {
	a := join(t, start(t), 1)
	store := new(memory)
	term := lead(t, a, store)
	for range 9 {
		store.own(t, term, "group")
	}
	must(t, a.tell(t.Context()))
	_, err := a.bucket.Put(t.Context(), nodePrefix+"2", []byte(`{"node":2,"role":"follower","position":3}`))
	must(t, err)
	for _, test := range []struct{ least, begins uint64 }{{0, 3}, {2, 3}, {6, 6}} {
		begins, err := a.purge(t.Context(), term.last, test.least)
		must(t, err)
		if log, err := a.logState(t.Context()); err != nil || begins != test.begins || log.FirstSeq != begins {
			t.Errorf("not before %d: got %d, %+v, %v; want %d", test.least, begins, log, err, test.begins)
		}
	}
}
