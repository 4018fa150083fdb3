package cluster

import (
	"strings"
	"testing"

	natsio "github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestPartsOfAGroupThatDoesNotEndAreDropped, and the log says so: where the next term begins, and where they are more than
// a group may be.
func TestPartsOfAGroupThatDoesNotEndAreDropped(t *testing.T) {
	n, store := join(t, start(t), 1), new(memory)
	core, logs := observer.New(zap.WarnLevel)
	n.log = zap.New(core)
	f := &follower{Node: n, store: store, most: 10}
	seq := uint64(0)
	see := func(m *natsio.Msg) {
		t.Helper()
		seq++
		must(t, f.see(seq, m.Header, m.Data))
	}
	term := func(number string) *natsio.Msg {
		return &natsio.Msg{Header: natsio.Header{headerTerm: {number}, headerNode: {"1"}}, Data: []byte("{}")}
	}
	dropped := func(why string) {
		t.Helper()
		all := logs.TakeAll()
		if f.part != 0 || f.parts != nil || len(all) != 1 || !strings.Contains(all[0].Message, why) {
			t.Errorf("%d parts of %q are kept, and the log says %v", f.part, f.parts, all)
		}
	}
	see(term("1"))
	see(newMessage("", 1, 2, 1, 1, 3, []byte("123456")))
	see(newMessage("", 1, 3, 1, 2, 3, []byte("789012")))
	dropped("it is larger than a group may be")
	see(newMessage("", 1, 4, 1, 1, 2, []byte("123456")))
	see(term("2"))
	dropped("its leader could not write its end")
	whole := []byte("1234567890")
	see(newMessage("", 2, 6, chained(0, whole), 1, 2, whole[:6]))
	see(newMessage("", 2, 7, chained(0, whole), 2, 2, whole[6:]))
	if store.text() != string(whole) {
		t.Errorf("the store has %q", store.text())
	}
}
