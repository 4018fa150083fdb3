package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/journal"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

func TestMain(m *testing.M) {
	// The client of the object store leaves it behind at times: it waits at a channel that was set to nil meanwhile.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

// memory is a store that keeps the groups that it gets.
type memory struct {
	mu     sync.Mutex
	at     journal.Position
	known  bool
	full   bool
	groups [][]byte
	// fails is why it takes no group.
	fails error
}

func (m *memory) At() (journal.Position, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at, m.known
}

func (m *memory) Empty() (bool, error) { return !m.known && !m.full, nil }

func (m *memory) Apply(group []byte, at journal.Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	m.at, m.known, m.groups = at, true, append(m.groups, bytes.Clone(group))
	return nil
}

func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(bytes.Join(m.groups, []byte(" ")))
}

// own writes what a leader appends to its store, as a journal does.
func (m *memory) own(t *testing.T, term *Term, group string) {
	t.Helper()
	at, err := term.Append([]byte(group))
	must(t, err)
	must(t, m.Apply([]byte(group), at))
}

func start(t *testing.T) *server.Server {
	t.Helper()
	return natsserver.Start(t, t.TempDir(), -1, nil)
}

func join(t *testing.T, s *server.Server, node int) *Node {
	t.Helper()
	n, err := Join(t.Context(), Options{
		URL: s.ClientURL(), Name: "orders", Node: node, Advertise: "http://node", Replicas: 1, Logger: zaptest.NewLogger(t),
	})
	must(t, err)
	t.Cleanup(n.Close)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func atOnce() time.Duration { return 0 }

// following follows in the background; what comes of it is sent.
type following struct {
	term *Term
	err  error
}

func follow(ctx context.Context, n *Node, m *memory) <-chan following {
	done := make(chan following, 1)
	go func() {
		term, err := n.Follow(ctx, m, atOnce)
		done <- following{term, err}
	}()
	return done
}

func lead(t *testing.T, n *Node, m *memory) *Term {
	t.Helper()
	term, err := n.Follow(t.Context(), m, atOnce)
	must(t, err)
	t.Cleanup(term.Resign)
	return term
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s: " + what)
		}
	}
}

func TestAFollowerHasWhatTheLeaderWritesAndTakesOver(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	first := lead(t, a, &stores[0])
	done := follow(t.Context(), b, &stores[1])
	large := strings.Repeat("x", 3<<20) // three messages
	for _, group := range []string{"one", large, "two"} {
		stores[0].own(t, first, group)
	}
	until(t, "the follower has all", func() bool { return stores[1].text() == "one "+large+" two" })
	if l := b.Leader(); l == nil || l.Node != 1 {
		t.Errorf("the leader is %+v", l)
	}
	if s, err := b.Status(t.Context()); err != nil || s.Leader == nil || s.Leader.Node != 1 || s.Nodes[0].LagGroups != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	began := time.Now()
	first.Resign()
	next := <-done
	must(t, next.err)
	defer next.term.Resign()
	if took := time.Since(began); took >= LeaseTime {
		t.Errorf("%v until another leads, though the first has resigned", took)
	}
	if next.term.Number() <= first.Number() || !next.term.Leads() || first.Leads() {
		t.Errorf("terms %d and %d", first.Number(), next.term.Number())
	}
	if _, err := first.Append([]byte("late")); !errors.Is(err, journal.ErrNotLeading) {
		t.Errorf("the first appends still: %v", err)
	}
	stores[1].own(t, next.term, "three")
	if a, b := stores[0].at.Chain, stores[1].at.Chain; a == b {
		t.Error("the hash did not change")
	}
}

// TestTheLogOfANodeTellsWhomItFollows once for each leader; a node that starts again knows of the term.
func TestTheLogOfANodeTellsWhomItFollows(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	stores[0].own(t, term, "one")
	stores[1].at, stores[1].known = stores[0].at, true
	core, lines := observer.New(zap.InfoLevel)
	options := a.opts
	options.Node, options.Logger = 2, zap.New(core)
	b, err := Join(t.Context(), options)
	must(t, err)
	t.Cleanup(b.Close)
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, b, &stores[1])
	until(t, "the log names the leader", func() bool {
		told := lines.FilterMessage("this node follows the leader of the cluster").All()
		return len(told) == 1 && told[0].ContextMap()["leader"] == int64(1)
	})
	if got := b.figures.number.Load(); got != term.Number() {
		t.Errorf("the metric says term %d, want %d", got, term.Number())
	}
	stop()
	<-done
}

// TestTheLogRefusesALeaderThatWasReplaced without its having noticed: its lease is taken from it.
func TestTheLogRefusesALeaderThatWasReplaced(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	old := lead(t, a, &stores[0])
	stores[0].own(t, old, "one")
	_, err := a.bucket.Put(t.Context(), leaseKey, []byte(`{"released":true}`)) // as if its time were over
	must(t, err)
	now := lead(t, b, &stores[1])
	stores[1].own(t, now, "two")
	old.held.sent.Store(new(time.Now())) // as a clock that stood still would tell
	if _, err := old.Append([]byte("mine")); !errors.Is(err, journal.ErrNotLeading) {
		t.Fatalf("got %v", err)
	}
	if <-old.Lost(); old.Err() == nil {
		t.Error("the term goes on")
	}
	again := follow(t.Context(), a, &stores[0])
	until(t, "the old leader has what the new one wrote", func() bool { return stores[0].text() == "one two" })
	now.Resign()
	next := <-again
	must(t, next.err)
	next.term.Resign()
}

// TestALeaseWhoseBucketIsRemovedIsMadeAnew: another node leads then, and the old leader knows it.
func TestALeaseWhoseBucketIsRemovedIsMadeAnew(t *testing.T) {
	s := start(t)
	nodes := []*Node{join(t, s, 1), join(t, s, 2)}
	stores := [2]memory{}
	term := lead(t, nodes[0], &stores[0])
	other := follow(t.Context(), nodes[1], &stores[1])
	until(t, "the other knows who leads", func() bool { return nodes[1].Leader() != nil })
	must(t, nodes[0].js.DeleteKeyValue(t.Context(), nodes[0].opts.bucket()))
	<-term.Lost()
	term.Resign()
	next := <-other
	must(t, next.err)
	until(t, "the next leader renews its lease", func() bool {
		e, err := nodes[1].bucket.Get(t.Context(), leaseKey)
		return err == nil && e.Revision() > 2
	})
	again := follow(t.Context(), nodes[0], &stores[0])
	until(t, "the old leader knows the next", func() bool { l := nodes[0].Leader(); return l != nil && l.Node == 2 })
	next.term.Resign()
	last := <-again
	must(t, last.err)
	last.term.Resign()
}

// TestALeaseThatIsNotRenewedIsTaken, and its leader takes itself for one no longer than until then.
func TestALeaseThatIsNotRenewedIsTaken(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	done := follow(t.Context(), b, &stores[1])
	until(t, "the other knows who leads", func() bool { return b.Leader() != nil })
	a.nc.Close()
	next := <-done
	must(t, next.err)
	defer next.term.Resign()
	if term.Leads() {
		t.Error("two lead")
	}
	<-term.Lost()
}

// TestALeaseWhoseAnswerIsLostIsTaken: the connection breaks between the taking of a lease and the answer to it.
func TestALeaseWhoseAnswerIsLostIsTaken(t *testing.T) {
	s := start(t)
	w := targetstest.NewWay(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	n, err := Join(t.Context(), Options{URL: "nats://" + w.Address, Name: "orders", Node: 1, Advertise: "http://node", Replicas: 1, Logger: zaptest.NewLogger(t)})
	must(t, err)
	t.Cleanup(n.Close)
	other := join(t, s, 2)
	w.Hold(false, true)
	took := make(chan *held, 1)
	go func() {
		h, err := n.lease.take(t.Context(), bucketOf{n.bucket, n.js}, leaseValue{Run: "run", Leader: Leader{Node: 1}}, &n.rules)
		if err != nil {
			t.Error(err)
		}
		took <- h
	}()
	until(t, "taken", func() bool { _, err := other.bucket.Get(t.Context(), leaseKey); return err == nil })
	w.Cut()
	w.Mend()
	if h := <-took; h == nil || h.left() <= 0 {
		t.Errorf("the lease is not held: %+v", h)
	}
}

// TestALeaseOfServersThatLostOneIsTakenNote of, in time: that was a newer one.
func TestALeaseOfServersThatLostOneIsTakenNoteOf(t *testing.T) {
	s := start(t)
	n := join(t, s, 1)
	_, err := n.bucket.Put(t.Context(), leaseKey, []byte(`{"node":2,"run":"other"}`))
	must(t, err)
	n.lease.revision, n.lease.seen = 1000, time.Now().Add(-LeaseTime)
	if free, err := n.lease.look(t.Context(), n.bucket); !free || err != nil || n.lease.revision != 1000 {
		t.Errorf("a server that lags behind: free %v, %v, revision %d", free, err, n.lease.revision)
	}
	n.lease.seen = time.Now().Add(-lostAfter)
	if free, err := n.lease.look(t.Context(), n.bucket); free || err != nil || n.Leader() == nil || n.Leader().Node != 2 {
		t.Errorf("the latest lease: free %v, %v, leader %+v", free, err, n.Leader())
	}
	n.lease.seen = time.Now().Add(-LeaseTime)
	if free, err := n.lease.look(t.Context(), n.bucket); !free || err != nil {
		t.Errorf("it was not renewed: free %v, %v", free, err)
	}
	h, err := n.lease.take(t.Context(), bucketOf{n.bucket, n.js}, leaseValue{Run: "run"}, &n.rules)
	if h == nil || err != nil {
		t.Errorf("it can't be taken: %v", err)
	}
}

// TestANodeWithoutServersKnowsOfNoLeader once the lease that it saw is over.
func TestANodeWithoutServersKnowsOfNoLeader(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	var stores [2]memory
	lead(t, a, &stores[0])
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, b, &stores[1])
	until(t, "the follower knows the leader", func() bool { l, _ := b.Follows(); return l != nil })
	b.nc.Close()
	until(t, "it knows of none", func() bool { l, _ := b.Follows(); return l == nil })
	stop()
	<-done
}

// TestANodeLeadsWithAllThatIsInTheLog: one whose store does not take a group does not begin a term without it.
func TestANodeLeadsWithAllThatIsInTheLog(t *testing.T) {
	s := start(t)
	n, store := join(t, s, 1), new(memory)
	term := lead(t, n, store)
	store.own(t, term, "one")
	term.Resign()
	full := &memory{fails: errors.New("the disk is full")}
	f := &follower{Node: n, store: full, most: maxGroup}
	log, err := n.logState(t.Context())
	must(t, err)
	if err := f.readTo(t.Context(), log.LastSeq, nil); !errors.Is(err, full.fails) {
		t.Errorf("it is at the end of the log, without what is there: %v", err)
	}
}

// TestAMessageWhoseAnswerIsLostCounts once.
func TestAMessageWhoseAnswerIsLostCounts(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	stores[0].own(t, term, "one")
	group := []byte("two")
	m := newMessage(a.opts.subject(), term.number, term.last+1, chained(term.at.Chain, group), 1, 1, group)
	if _, err := term.publish(m); err != nil { // and nobody hears of it
		t.Fatal(err)
	}
	stores[0].own(t, term, "two")
	stores[0].own(t, term, "three")
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, b, &stores[1])
	until(t, "the follower has all", func() bool { return stores[1].text() == "one two three" })
	stop()
	<-done
}

// TestWhatNoLeaderWroteIsPassedOver: a foreign message ends the term, and changes nothing else. So does a group
// whose end its leader could not write.
func TestWhatNoLeaderWroteIsPassedOver(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	store := new(memory)
	term := lead(t, a, store)
	store.own(t, term, "one")
	half := newMessage(a.opts.subject(), term.number, term.last+1, 1, 1, 2, []byte("half"))
	for _, m := range []*natsio.Msg{half, {Subject: a.opts.subject(), Data: []byte("hello"), Header: natsio.Header{}}, {Subject: a.opts.subject(), Header: natsio.Header{headerTerm: {"99"}, headerChain: {"zz"}}}} {
		if _, err := a.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := term.Append([]byte("two")); !errors.Is(err, journal.ErrNotLeading) {
		t.Fatalf("got %v", err)
	}
	term.Resign()
	term = lead(t, a, store)
	store.own(t, term, "three")
	term.Resign()
	all := new(memory)
	term = lead(t, a, all)
	term.Resign()
	if all.text() != "one three" || all.at != store.at {
		t.Errorf("got %q at %+v, want that of %+v", all.text(), all.at, store.at)
	}
}

func TestAStoreThatIsNotOfTheLogIsRefused(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	store := new(memory)
	term := lead(t, a, store)
	store.own(t, term, "one")
	store.own(t, term, "two")
	term.Resign()
	at := store.at
	for name, test := range map[string]struct {
		store   *memory
		differs bool
		want    string
	}{
		"ahead of the log":    {&memory{known: true, at: journal.Position{Cluster: at.Cluster, Seq: at.Seq + 5, Term: at.Term}}, true, "the log ends at"},
		"of another history":  {&memory{known: true, at: journal.Position{Cluster: at.Cluster, Seq: at.Seq, Term: at.Term, Chain: 1}}, true, "is another"},
		"of another cluster":  {&memory{known: true, at: journal.Position{Cluster: 1, Seq: at.Seq}}, false, "another cluster"},
		"of a router alone":   {&memory{full: true}, false, "signalbox cluster init"},
		"of a history before": {&memory{known: true, at: journal.Position{Cluster: at.Cluster, Seq: at.Seq - 1, Term: at.Term, Chain: 5}}, true, "is another"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.Follow(t.Context(), test.store, atOnce)
			if errors.Is(err, ErrDiffers) != test.differs || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAClusterThatBeginsWithAStore needs its first snapshot, and no other store takes what is written behind it.
func TestAClusterThatBeginsWithAStore(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	first := &memory{known: true, full: true, at: a.FirstPosition()}
	if _, err := a.Follow(t.Context(), first, atOnce); err == nil || !strings.Contains(err.Error(), "signalbox cluster init again") {
		t.Fatalf("got %v", err)
	}
	_, err := a.renamed(t.Context(), func() bool { return true }, snapshot{Name: "first"})
	must(t, err)
	term := lead(t, a, first)
	first.own(t, term, "one")
	must(t, a.bucket.Delete(t.Context(), snapshotsKey))
	if _, err := join(t, s, 2).Follow(t.Context(), new(memory), atOnce); !errors.Is(err, ErrDiffers) {
		t.Errorf("an empty store: got %v", err)
	}
}

// TestANodeWithOtherRulesLeavesTheLeaseToOthers for a while.
func TestANodeWithOtherRulesLeavesTheLeaseToOthers(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	a.SetRules("x")
	b.SetRules("y")
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, b, &stores[1])
	until(t, "the other knows why", func() bool { return strings.Contains(b.otherRules(), "node 1") })
	b.SetRules("x")
	if why := b.otherRules(); why != "" {
		t.Error(why)
	}
	a.SetRules("z") // its next renewal tells
	until(t, "the other knows of the change", func() bool { return b.otherRules() != "" })
	stop()
	<-done
	term.Resign()
}

func TestANumberThatAnotherNodeHasIsRefused(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); a.Run(ctx) }()
	until(t, "it tells of itself", func() bool { all, _ := a.told(ctx); return len(all) == 1 })
	options := a.opts
	options.Advertise = "http://elsewhere"
	n, err := Join(t.Context(), options)
	if err == nil {
		n.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "node 1 runs at http://node") {
		t.Errorf("got %v", err)
	}
	join(t, s, 1) // itself, again
	stop()
	<-stopped
	n, err = Join(t.Context(), options) // once it is gone
	must(t, err)
	n.Close()
}

// TestClocksOfMachinesNeedNotAgree: a node is gone once it tells nothing more, whatever time it has told of.
func TestClocksOfMachinesNeedNotAgree(t *testing.T) {
	s := start(t)
	n := join(t, s, 1)
	tell := func(node int, skew time.Duration) {
		text := fmt.Sprintf(`{"node":%d,"role":"follower","position":1,"seen":%q}`, node, time.Now().Add(skew).Format(time.RFC3339))
		_, err := n.bucket.Put(t.Context(), fmt.Sprint(nodePrefix, node), []byte(text))
		must(t, err)
	}
	tell(2, time.Hour)
	tell(4, 0)
	until(t, "those that tell nothing are gone", func() bool {
		tell(3, -time.Hour)
		s, err := n.Status(t.Context())
		must(t, err)
		var roles []Role
		for _, o := range s.Nodes {
			if roles = append(roles, o.Role); o.Node != 1 && time.Until(o.Seen).Abs() > time.Minute {
				t.Fatalf("node %d was seen at %v", o.Node, o.Seen)
			}
		}
		if roles[2] != Following {
			t.Fatalf("node 3 is %s", roles[2])
		}
		return roles[1] == Gone && roles[3] == Gone
	})
}

// TestANodeThatRunsTwiceSaysSo: both have its number and its address.
func TestANodeThatRunsTwiceSaysSo(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 1)
	for range 3 {
		must(t, a.tell(t.Context()))
		must(t, b.tell(t.Context()))
	}
	for _, n := range []*Node{a, b} {
		if s, err := n.Status(t.Context()); err != nil || s.Nodes[0].Note != "another process runs as this node" {
			t.Errorf("got %+v, %v", s, err)
		}
	}
	must(t, a.tell(t.Context()))
	must(t, a.tell(t.Context())) // the other has ended
	if s, err := a.Status(t.Context()); err != nil || s.Nodes[0].Note != "" {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestATermWhoseLogHasLostItsEndIsOver: what the leader writes would never have a place in it. A store is made anew
// of the same log alone, and not of one that has taken its place.
func TestATermWhoseLogHasLostItsEndIsOver(t *testing.T) {
	for _, test := range []struct {
		name    string
		cluster string
		differs bool
	}{{"the same log", "", true}, {"another log", "12345", false}} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			a := join(t, s, 1)
			store := new(memory)
			term := lead(t, a, store)
			store.own(t, term, "one")
			same := a.stream.CachedInfo().Config
			if test.cluster != "" {
				same.Metadata[clusterKey] = test.cluster
			}
			must(t, a.js.DeleteStream(t.Context(), a.opts.stream()))
			_, err := a.js.CreateStream(t.Context(), same)
			must(t, err)
			if _, err := term.Append([]byte("two")); !errors.Is(err, journal.ErrNotLeading) {
				t.Fatalf("got %v", err)
			}
			term.Resign()
			if _, err := a.Follow(t.Context(), store, atOnce); err == nil || errors.Is(err, ErrDiffers) != test.differs {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestANodeThatFollowsALogThatLostItsEndStartsAnew: it has what the log has not, whether the leader is still there or
// this node is to lead.
func TestANodeThatFollowsALogThatLostItsEndStartsAnew(t *testing.T) {
	for _, resigns := range []bool{false, true} {
		t.Run(fmt.Sprintf("the leader resigns: %v", resigns), func(t *testing.T) {
			s := start(t)
			a, b := join(t, s, 1), join(t, s, 2)
			stores := [2]memory{}
			term := lead(t, a, &stores[0])
			telling := make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			go func() { defer close(telling); b.Run(ctx) }()
			defer func() { stop(); <-telling }()
			done := follow(t.Context(), b, &stores[1])
			stores[0].own(t, term, "one")
			until(t, "the follower has all", func() bool { return stores[1].text() == "one" })
			same := a.stream.CachedInfo().Config
			must(t, a.js.DeleteStream(t.Context(), a.opts.stream()))
			_, err := a.js.CreateStream(t.Context(), same)
			must(t, err)
			if resigns {
				term.Resign()
			}
			select {
			case f := <-done:
				if !errors.Is(f.err, ErrDiffers) {
					t.Errorf("got %v", f.err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it goes on with what the log has not")
			}
		})
	}
}

// TestSnapshotsAreDueByTheLogsSize, however many terms it was written in.
// TestSnapshotsAreDueByTheLogsSize, however many terms it was written in.
func TestSnapshotsAreDueByTheLogsSize(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	a.opts.SnapshotBytes = 2 << 10
	store := new(memory)
	term := lead(t, a, store)
	store.own(t, term, strings.Repeat("x", 1<<10))
	if len(term.grown) > 0 {
		t.Error("a snapshot is due at once")
	}
	term.Resign()
	term = lead(t, a, store)
	store.own(t, term, strings.Repeat("x", 1<<10))
	if len(term.grown) == 0 {
		t.Error("no snapshot is due")
	}
}

// TestATermWhoseLogDoesNotAnswerTakesNothingIn, though it leads still.
func TestATermWhoseLogDoesNotAnswerTakesNothingIn(t *testing.T) {
	s := start(t)
	a := join(t, s, 1)
	store := new(memory)
	term := lead(t, a, store)
	store.own(t, term, "one")
	if !term.Takes() {
		t.Error("it takes nothing")
	}
	term.waits.Store(new(time.Now().Add(-logPatience)))
	if term.Takes() || !term.Leads() {
		t.Errorf("takes %v, leads %v", term.Takes(), term.Leads())
	}
}

// TestANodeJoinsOnceItsPasswordIsTheServers, however often it was refused before, and its log says why it waits.
func TestANodeJoinsOnceItsPasswordIsTheServers(t *testing.T) {
	var options *server.Options
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) {
		o.Username, o.Password = "signalbox", "old-password"
		options = o
	})
	core, logs := observer.New(zap.WarnLevel)
	joined := make(chan *Node, 1)
	go func() {
		n, err := Join(t.Context(), Options{
			URL: s.ClientURL(), Client: []natsio.Option{natsio.UserInfo("signalbox", "new-password")}, Name: "orders", Node: 1,
			Advertise: "http://node", Replicas: 1, Logger: zap.New(core),
		})
		if err != nil {
			t.Error(err)
		}
		joined <- n
	}()
	until(t, "the node was refused several times", func() bool {
		v, err := s.Varz(nil)
		must(t, err)
		return v.TotalConnections >= 4
	})
	until(t, "the log says why", func() bool { return strings.Contains(fmt.Sprint(logs.All()), "Authorization Violation") })
	changed := options.Clone()
	changed.Password = "new-password"
	must(t, s.ReloadOptions(changed))
	if n := <-joined; n != nil {
		n.Close()
	}
}

func TestAStreamOfOthersIsRefused(t *testing.T) {
	s := start(t)
	nc, err := natsio.Connect(s.ClientURL())
	must(t, err)
	defer nc.Close()
	js, err := nc.JetStream()
	must(t, err)
	_, err = js.AddStream(&natsio.StreamConfig{Name: "SIGNALBOX_orders", Subjects: []string{"x"}})
	must(t, err)
	n, err := Join(t.Context(), Options{URL: s.ClientURL(), Name: "orders", Node: 1, Replicas: 1, Logger: zaptest.NewLogger(t)})
	if err == nil {
		n.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "no Signalbox has made it") {
		t.Errorf("got %v", err)
	}
}

// TestATermWhoseStreamIsRemovedIsOver, in place of waiting for it for good.
func TestATermWhoseStreamIsRemovedIsOver(t *testing.T) {
	s := start(t)
	a, store := join(t, s, 1), new(memory)
	term := lead(t, a, store)
	store.own(t, term, "one")
	must(t, a.js.DeleteStream(t.Context(), a.opts.stream()))
	if _, err := term.Append([]byte("two")); !errors.Is(err, journal.ErrNotLeading) || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("got %v", err)
	}
	<-term.Lost()
}

// TestSteppingDownNeedsSomebodyToLead at once.
func TestSteppingDownNeedsSomebodyToLead(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	control := &Control{Node: a}
	if err := control.StepDown(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody would lead") {
		t.Errorf("alone: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, b, &stores[1])
	until(t, "the other follows", func() bool { l, _ := b.Follows(); return l != nil })
	must(t, b.tell(t.Context()))
	must(t, control.StepDown(t.Context()))
	<-term.Leaving()
	stop()
	<-done
}

// TestALeaseThatSomebodyDeletedIsTaken by the next who looks.
func TestALeaseThatSomebodyDeletedIsTaken(t *testing.T) {
	s := start(t)
	n := join(t, s, 1)
	_, err := n.bucket.Put(t.Context(), leaseKey, []byte(`{"node":2,"run":"other"}`))
	must(t, err)
	must(t, n.bucket.Delete(t.Context(), leaseKey))
	lead(t, n, new(memory))
}

// TestANodeThatStepsDownMayLeadAgain once another has led: one that steps down soon after finds a successor at once.
func TestANodeThatStepsDownMayLeadAgain(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	other := follow(t.Context(), b, &stores[1])
	term.StepDown()
	term.Resign()
	again := follow(t.Context(), a, &stores[0])
	next := <-other
	must(t, next.err)
	until(t, "the first may lead again", func() bool { return a.steppedDown.Load() == nil })
	next.term.StepDown()
	next.term.Resign()
	last := <-again
	must(t, last.err)
	last.term.Resign()
}

// TestANodeThatHasLeftTheLeadKnowsTheNextLeader, though it follows nobody any more.
func TestANodeThatHasLeftTheLeadKnowsTheNextLeader(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	done := follow(t.Context(), b, &stores[1])
	term.Resign()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a.AwaitLeader(ctx)
	if l, _ := a.Follows(); l == nil || l.Node != 2 {
		t.Errorf("it knows of %+v", l)
	}
	next := <-done
	must(t, next.err)
	next.term.Resign()
}

// TestANodeLeadsThoughItGetsNoConsumer, as of servers that elect: it fetches what is in the log.
func TestANodeLeadsThoughItGetsNoConsumer(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "all", Password: "password"},
			{Username: "some", Password: "password", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.>"}}}},
		}
	})
	nodes, stores := [2]*Node{}, [2]memory{}
	for i, user := range []string{"all", "some"} {
		n, err := Join(t.Context(), Options{
			URL: s.ClientURL(), Client: []natsio.Option{natsio.UserInfo(user, "password")}, Name: "orders", Node: i + 1,
			Advertise: "http://node", Replicas: 1, Logger: zaptest.NewLogger(t),
		})
		must(t, err)
		t.Cleanup(n.Close)
		nodes[i] = n
	}
	term := lead(t, nodes[0], &stores[0])
	done := follow(t.Context(), nodes[1], &stores[1])
	stores[0].own(t, term, "one")
	stores[0].own(t, term, "two")
	term.Resign()
	next := <-done
	must(t, next.err)
	defer next.term.Resign()
	if got := stores[1].text(); got != "one two" {
		t.Errorf("it leads with %q", got)
	}
}

// TestAStoreOfAnotherHistoryDoesNotLead, though the log is as long as what it has read.
func TestAStoreOfAnotherHistoryDoesNotLead(t *testing.T) {
	s := start(t)
	n, store := join(t, s, 1), new(memory)
	term := lead(t, n, store)
	store.own(t, term, "one")
	term.Resign()
	other := store.at
	other.Chain++
	_, err := n.lease.look(t.Context(), n.bucket)
	must(t, err)
	h, err := n.lease.take(t.Context(), bucketOf{n.bucket, n.js}, leaseValue{Run: "run", Leader: Leader{Node: 1}}, &n.rules)
	must(t, err)
	f := &follower{Node: n, store: store, at: other, known: true, last: other.Seq, term: other.Term}
	next := n.newTerm(h)
	if err := f.lead(next, nil); !errors.Is(err, ErrDiffers) {
		t.Errorf("got %v", err)
	}
	next.resign(nil)
}
