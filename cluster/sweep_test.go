package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// copied is a store whose copies have one file.
type copied struct {
	memory
	dir string
	// copying is called while a snapshot is made.
	copying func() error
}

// Checkpoint copies it.
func (c *copied) Checkpoint(read func(dir string) error) error {
	if c.copying != nil {
		if err := c.copying(); err != nil {
			return err
		}
	}
	return read(c.dir)
}

func newCopied(t *testing.T) *copied {
	t.Helper()
	c := &copied{dir: t.TempDir()}
	must(t, os.WriteFile(filepath.Join(c.dir, "all"), make([]byte, 300<<10), 0o600))
	return c
}

// objectSubjects are those in the object store.
func objectSubjects(t *testing.T, n *Node) (chunks, names int) {
	t.Helper()
	stream, err := n.js.Stream(t.Context(), "OBJ_"+n.opts.snapshots())
	must(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	must(t, err)
	for subject := range info.State.Subjects {
		if strings.Contains(subject, ".C.") {
			chunks++
		} else {
			names++
		}
	}
	return chunks, names
}

// TestWhatIsLeftOfSnapshotsIsRemoved: of those that were broken off or could not be named, and of old ones.
func TestWhatIsLeftOfSnapshotsIsRemoved(t *testing.T) {
	n, store := join(t, start(t), 1), newCopied(t)
	term := lead(t, n, &store.memory)
	store.own(t, term, "one")
	broken := func() {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		store.copying = func() error { stop(); return nil }
		if err := term.Snapshot(ctx, store); err == nil {
			t.Fatal("the snapshot was not broken off")
		}
		store.copying = nil
		// As a leader leaves it that is killed, or whose request is: parts, and one that has no place among the known.
		_, err := n.js.Publish(t.Context(), "$O."+n.opts.snapshots()+".C.halfway", make([]byte, 1000))
		must(t, err)
		objects, err := n.objects(t.Context())
		must(t, err)
		_, err = objects.PutBytes(t.Context(), "1-1", make([]byte, 1000))
		must(t, err)
	}
	is := func(want int) {
		t.Helper()
		m, err := n.snapshotsMade(t.Context())
		must(t, err)
		if chunks, names := objectSubjects(t, n); len(m.All) != want || chunks != want || names != want {
			t.Errorf("%d snapshots are known, of %d there are parts, of %d names; want %d", len(m.All), chunks, names, want)
		}
	}
	broken()
	for i := range 4 {
		must(t, term.Snapshot(t.Context(), store))
		is(min(i+1, keepSnapshots))
		store.own(t, term, "more")
	}
	broken()
	term.Resign()
	term = lead(t, n, &store.memory)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); term.Snapshots(ctx, store) }()
	until(t, "a new term has tidied up", func() bool { chunks, names := objectSubjects(t, n); return chunks == 2 && names == 2 })
	stop()
	<-done
	is(2)
	must(t, n.Rebuild(t.Context(), t.TempDir()))
	term.Resign()
	must(t, n.bucket.Purge(t.Context(), snapshotsKey)) // somebody removes the list
	term = lead(t, n, &store.memory)
	ctx, stop = context.WithCancel(t.Context())
	done = make(chan struct{})
	go func() { defer close(done); term.Snapshots(ctx, store) }()
	until(t, "one is made, and the others removed", func() bool { chunks, names := objectSubjects(t, n); return chunks == 1 && names == 1 })
	stop()
	<-done
	is(1)
}

// TestALeaderThatWasReplacedNamesNoSnapshot: what it is at may have been removed by its successor. Nor does it remove
// what that is at.
func TestALeaderThatWasReplacedNamesNoSnapshot(t *testing.T) {
	s := start(t)
	old, store := join(t, s, 1), newCopied(t)
	term := lead(t, old, &store.memory)
	store.own(t, term, "one")
	next, other := join(t, s, 2), newCopied(t)
	store.copying = func() error { // while it stands still, its lease is over
		term.held.sent.Store(new(time.Now().Add(-LeaseTime)))
		if _, err := old.bucket.Put(t.Context(), leaseKey, []byte(`{"released":true}`)); err != nil {
			return err
		}
		now, err := next.Follow(t.Context(), &other.memory, atOnce)
		if err != nil {
			return err
		}
		t.Cleanup(now.Resign)
		return now.Snapshot(t.Context(), other)
	}
	if err := term.Snapshot(t.Context(), store); err == nil {
		t.Error("the snapshot of a leader that was replaced is known")
	}
	m, err := next.snapshotsMade(t.Context())
	must(t, err)
	if len(m.All) != 1 || m.All[0].Seq != 2 {
		t.Errorf("known are %+v", m.All)
	}
	if err := old.sweep(t.Context(), made{}, term.Leads); !errors.Is(err, errFollows) {
		t.Errorf("it removes: %v", err)
	}
	must(t, next.Rebuild(t.Context(), t.TempDir()))
}
