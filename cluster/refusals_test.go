package cluster

import (
	"errors"
	"maps"
	"testing"
)

// TestWhomANodeRefusesReachesTheLeadersAudit once, also where it is told again with another count, or could not be stored
// at first.
func TestWhomANodeRefusesReachesTheLeadersAudit(t *testing.T) {
	s := start(t)
	leader, node := join(t, s, 1), join(t, s, 2)
	refused := Refusals{node}
	must(t, refused.Put(7, []byte("once")))
	must(t, refused.Put(8, []byte("other")))
	audit := map[uint64]string{}
	full := errors.New("the term is over")
	put := func(at uint64, entry []byte) error {
		if full != nil {
			return full
		}
		if audit[at] = string(entry); at == 7 && string(entry) == "once" {
			must(t, refused.Put(7, []byte("twice"))) // while the leader is at it
		}
		return nil
	}
	if err := leader.takeRefusals(t.Context(), put); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	full = nil
	must(t, leader.takeRefusals(t.Context(), put))
	must(t, leader.takeRefusals(t.Context(), put))
	if want := map[uint64]string{7: "twice", 8: "other"}; !maps.Equal(audit, want) {
		t.Errorf("the audit has %v, want %v", audit, want)
	}
	clear(audit)
	must(t, leader.takeRefusals(t.Context(), put))
	if len(audit) > 0 {
		t.Errorf("it is told again: %v", audit)
	}
}
