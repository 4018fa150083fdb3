package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"signalbox/journal"
	"signalbox/journal/internal/disk"
)

// kept is a log that keeps all groups in memory, and takes none while it is cut off.
type kept struct {
	groups [][]byte
	cut    bool
}

// Append keeps a group.
func (k *kept) Append(group []byte) (journal.Position, error) {
	if k.cut {
		return journal.Position{}, journal.ErrNotLeading
	}
	k.groups = append(k.groups, bytes.Clone(group))
	return k.at(len(k.groups)), nil
}

func (k *kept) at(n int) journal.Position {
	return journal.Position{Cluster: 7, Seq: uint64(n), Term: 1, Chain: uint64(n)}
}

// rows are all rows of a store.
func rows(t *testing.T, j *Journal) (all []string) {
	t.Helper()
	view := j.db.NewSnapshot()
	defer view.Close()
	if err := journal.Scan(view, nil, nil, func(k, v []byte) (bool, error) {
		all = append(all, string(k)+"="+string(v))
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// use writes to every table, by all ways that there are.
func use(t *testing.T, j *Journal, clock *time.Time) {
	t.Helper()
	j.Traces.Keep(true)
	l, other := lane(t, j, "a"), lane(t, j, "b")
	old := full(t, j, l, "1")
	move(t, j, journal.Move{From: old.Deliveries[0], End: journal.Delivered})
	*clock = clock.Add(3 * time.Hour)
	for range 3 {
		e := full(t, j, l, "2")
		waiting := e.Deliveries[0]
		waiting.State, waiting.Due = journal.Waiting, clock.Add(time.Minute)
		move(t, j, journal.Move{From: e.Deliveries[0], To: &waiting})
	}
	died := full(t, j, other, "3")
	die(t, j, died.Deliveries[0], &died.Record)
	letter := deadLetters(t, j)[0]
	if err := j.MoveSync([]journal.Move{{From: letter.Delivery, To: redriven(letter, l), Record: &letter.Record}}); err != nil {
		t.Fatal(err)
	}
	keyedOne(t, j, other, "k")
	held := appendOne(t, j, l).Deliveries[0]
	suspended := held
	suspended.State, suspended.Hold = journal.Held, 3
	move(t, j, journal.Move{From: held, To: &suspended})
	again := appendOne(t, j, l)
	j.CountRepeats([]journal.Seq{again.Record.Seq})
	for _, err := range []error{
		j.Pauses.Put(journal.Pause{Kind: journal.PauseTarget, Name: "a", Hold: 3}),
		j.Schedules.Put("default/tick", []byte(`{}`)), j.Archives.Put("all", []byte(`{}`)), j.Archives.Delete("none"),
		j.Documents.Of("api").Put("a.yaml", []byte("rules: []")),
		j.MoveJob(nil, "job", func() []byte { return []byte("j") }),
		j.Repeats.Trim(time.Minute), j.Sync(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.Trimmer.Trim(Retention{MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

// TestTheTablesAreWhatTheGroupsMake holds that a store made of the groups alone is the leader's, row
// by row, and in what it keeps in memory; also one that was closed in between.
func TestTheTablesAreWhatTheGroupsMake(t *testing.T) {
	log := new(kept)
	clock := time.Now()
	leader, err := Open("data", Options{Disk: InMemory(), Replicas: log, Node: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	leader.Seqs.now = func() time.Time { return clock }
	use(t, leader, &clock)

	fs := vfs.NewMem()
	follow := func() *Journal {
		j, err := Open("data", Options{Disk: disk.New(fs), Follows: true, Node: 3})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	follower := follow()
	if empty, err := follower.Empty(); !empty || err != nil {
		t.Errorf("empty %v, %v", empty, err)
	}
	for i, group := range log.groups {
		if i == len(log.groups)/2 {
			if err := follower.Close(); err != nil {
				t.Fatal(err)
			}
			follower = follow()
			if at, ok := follower.At(); !ok || at != log.at(i) {
				t.Fatalf("after a restart at %+v, want %+v", at, log.at(i))
			}
		}
		if err := follower.Apply(bytes.Clone(group), log.at(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = follower.Close() }()
	if want, got := rows(t, leader), rows(t, follower); !slices.Equal(want, got) {
		t.Errorf("%d rows, want %d: %q", len(got), len(want), got)
	}
	checkBalance(t, leader)
	checkBalance(t, follower)
	wantCounts, wantEvents := leader.Counters.Totals()
	if counts, events := follower.Counters.Totals(); counts != wantCounts || events != wantEvents || wantEvents.Duplicates != 1 {
		t.Errorf("accounts %+v %+v, want %+v %+v", counts, events, wantCounts, wantEvents)
	}
	if n := follower.Counters.HeldBy(3); n != 1 {
		t.Errorf("%d held", n)
	}
	if a, b := leader.Lanes.All(), follower.Lanes.All(); len(a) != 2 || b["a"] != a["a"] || b["b"] != a["b"] {
		t.Errorf("lanes %v, want %v", b, a)
	}
	if leader.Seqs.Oldest() != follower.Seqs.Oldest() || follower.Seqs.Stable() != leader.Seqs.Stable() {
		t.Errorf("events from %d to %d, want %d to %d", follower.Seqs.Oldest(), follower.Seqs.Stable(), leader.Seqs.Oldest(), leader.Seqs.Stable())
	}
	if _, err := follower.Lanes.Lane("c"); !errors.Is(err, journal.ErrNotLeading) {
		t.Errorf("a write on a follower: %v", err)
	}
}

// TestWhatTheLogRefusesIsNotWritten and does not end the process.
func TestWhatTheLogRefusesIsNotWritten(t *testing.T) {
	log := new(kept)
	j, err := Open("data", Options{Disk: InMemory(), Replicas: log, Fatal: func(err error) { t.Errorf("ended: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := lane(t, j, "a")
	before := rows(t, j)
	log.cut = true
	r := j.Seqs.Reserve(1)
	if err := j.Append([]journal.Entry{entryOf(r.At(0), l)}); !errors.Is(err, journal.ErrNotLeading) {
		t.Errorf("got %v", err)
	}
	r.Release()
	if after := rows(t, j); !slices.Equal(after, before) {
		t.Errorf("%d rows, before %d", len(after), len(before))
	}
}

// TestAStoreOfAClusterIsNotUsedAlone but after it was restored of a backup.
func TestAStoreOfAClusterIsNotUsedAlone(t *testing.T) {
	dir := t.TempDir()
	at := journal.Position{Cluster: 7}
	if err := BeginCluster(dir, at, func(j *Journal) error {
		if now, ok := j.At(); !ok || now != at {
			t.Errorf("at %+v", now)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrOfCluster) {
		t.Fatalf("got %v", err)
	}
	if err := MarkRestored(dir); err != nil {
		t.Fatal(err)
	}
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := j.At(); ok {
		t.Error("it is of the cluster still")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAGroupThatIsNotWholeIsRefused, with nothing of it written.
func TestAGroupThatIsNotWholeIsRefused(t *testing.T) {
	j, err := Open("data", Options{Disk: InMemory(), Follows: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	b := j.db.NewBatch()
	if err := errors.Join(b.Set([]byte("l-a"), []byte{0, 0, 0, 1}, nil), b.Set(journal.CountKey(1), new(journal.Counts).AppendValue(nil), nil)); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(b.Repr())
	bad := pebble.Batch{}
	if err := errors.Join(bad.Set([]byte("l-a"), []byte{1}, nil), b.Close()); err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := j.Apply(bytes.Clone(whole[:n]), journal.Position{Cluster: 7, Seq: 1}); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(whole))
		}
	}
	if err := j.Apply(bytes.Clone(bad.Repr()), journal.Position{Cluster: 7, Seq: 1}); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("a lane with no number: %v", err)
	}
	if empty, err := j.Empty(); !empty || err != nil {
		t.Errorf("empty %v, %v", empty, err)
	}
	if err := j.Apply(whole, journal.Position{Cluster: 7, Seq: 1}); err != nil {
		t.Error(err)
	}
}

// TestAFullDiskEndsANodeThatFollows in a process of its own, as the store can't be closed then.
func TestAFullDiskEndsANodeThatFollows(t *testing.T) {
	const toldCode = 3
	if os.Getenv("FOLLOW_ON_A_FULL_DISK") == "" {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "FOLLOW_ON_A_FULL_DISK=1")
		out, err := child.CombinedOutput()
		if child.ProcessState.ExitCode() != toldCode || !strings.Contains(string(out), syscall.ENOSPC.Error()) {
			t.Errorf("it ended with %v, and not by the error of the disk:\n%s", err, out)
		}
		return
	}
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})
	j, err := Open("data", Options{Follows: true, Disk: disk.New(errorfs.Wrap(vfs.NewMem(), full)), Fatal: func(err error) {
		fmt.Println(err)
		os.Exit(toldCode)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	log, n := new(kept), 0
	until(t, "an error", func() bool {
		b := j.db.NewBatch()
		defer b.Close()
		size := 1 // less than what begins another file of the log, at which Pebble ends the process itself
		if n++; n == 1 {
			size = 64 << 10
		}
		return errors.Join(b.Set([]byte("key"), make([]byte, size), nil), j.Apply(b.Repr(), log.at(n))) != nil
	})
}

// TestAStoreThatFollowsHasEventsOfBeforeItsStart, whatever its clock says: its log began before it did.
func TestAStoreThatFollowsHasEventsOfBeforeItsStart(t *testing.T) {
	log, clock := new(kept), time.Now().Add(-time.Hour)
	leader, err := Open("data", Options{Disk: InMemory(), Replicas: log, Node: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	leader.Seqs.now = func() time.Time { return clock }
	leader.Seqs.begin(0, 0)
	l := lane(t, leader, "a")
	first, second := full(t, leader, l, "1"), full(t, leader, l, "2")
	j, err := Open("data", Options{Disk: InMemory(), Follows: true, Node: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i, group := range log.groups {
		if err := j.Apply(group, log.at(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if at := j.Seqs.Oldest(); at > first.Record.Seq || at > second.Record.Seq {
		t.Errorf("it begins at %v, and has events from %v on", at.Time(), first.Record.Seq.Time())
	}
}
