package cluster

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/journal/backup"
)

// keepSnapshots is how many snapshots are kept: one may be read while the next is made.
const keepSnapshots = 2

// snapshotRetry is how long after one that failed the next snapshot is tried.
const snapshotRetry = 10 * time.Second

// readStall is for how long a snapshot that is read may not move on, and makeStall one that is made: the last that
// was read of the store is on its way to all servers then.
const (
	readStall = 10 * time.Second
	makeStall = time.Minute
)

// sweepTime bounds how long the removing of old ones takes.
const sweepTime = time.Minute

// Source is a store that snapshots are made of.
type Source interface {
	backup.Store
	At() (journal.Position, bool)
}

// snapshotsKey is the key in the cluster's bucket that names the snapshots.
const snapshotsKey = "snapshots"

// made are the snapshots that can be read, the newest first.
type made struct {
	All []snapshot `json:"all"`
	// revision is that of the key; 0 where it is not there yet.
	revision uint64
}

// snapshot is one in the object store.
type snapshot struct {
	Name string `json:"name"`
	// Chunks is what the subject of its parts ends with.
	Chunks string `json:"chunks"`
	// Seq is the number of the message up to which all is in it, and Bytes its size.
	Seq   uint64 `json:"seq"`
	Bytes int64  `json:"bytes"`
}

// snapshotsMade reads which snapshots there are.
func (n *Node) snapshotsMade(ctx context.Context) (m made, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	e, err := n.bucket.Get(ctx, snapshotsKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(e.Value(), &m); err != nil {
		return m, &unusable{fmt.Sprintf("the key %s of the bucket %s is not what Signalbox has written: %v", snapshotsKey, n.opts.bucket(), err)}
	}
	m.revision = e.Revision()
	return m, nil
}

// renamed writes anew which snapshots there are, with one more where there is one. It fails where this node leads no more:
// whoever leads next writes it, too, so that what an earlier leader is at can't be named afterwards.
func (n *Node) renamed(ctx context.Context, leads func() bool, more ...snapshot) (m made, err error) {
	for try := 0; ; try++ {
		if m, err = n.snapshotsMade(ctx); err != nil {
			return m, err
		}
		if !leads() {
			return m, errFollows
		}
		m.All = append(more, m.All...)
		slices.SortStableFunc(m.All, func(a, b snapshot) int { return cmp.Compare(b.Seq, a.Seq) })
		m.All = m.All[:min(keepSnapshots, len(m.All))]
		err = n.write(ctx, m)
		// A server that lags behind may have told an older one.
		if !errors.Is(err, jetstream.ErrKeyExists) || try == 2 || pause(ctx, retryEvery) != nil {
			return m, err
		}
	}
}

func (n *Node) write(ctx context.Context, m made) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if m.revision == 0 {
		_, err = n.bucket.Create(ctx, snapshotsKey, text)
	} else {
		_, err = n.bucket.Update(ctx, snapshotsKey, text, m.revision)
	}
	return err
}

// sweep removes what is in the object store and of no snapshot that has a name: old ones, and those whose making was
// broken off. What is there while this node leads, after renamed, nobody else can give a name.
func (n *Node) sweep(ctx context.Context, m made, leads func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	stream, err := n.js.Stream(ctx, "OBJ_"+n.opts.snapshots())
	if err != nil {
		return err
	}
	prefix := "$O." + n.opts.snapshots() + "."
	kept := map[string]bool{}
	for _, s := range m.All {
		kept[prefix+"C."+s.Chunks] = true
		kept[prefix+"M."+base64.URLEncoding.EncodeToString([]byte(s.Name))] = true
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return err
	}
	if !leads() {
		return errFollows
	}
	for subject := range info.State.Subjects {
		if kept[subject] {
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes what earlier leaders have left in the object store of snapshots that they could not end. It reports whether
// one is missing: none is known, as where somebody has removed the bucket, and the log begins later.
func (n *Node) tidy(ctx context.Context, leads func() bool) (missing bool) {
	m, err := n.renamed(ctx, leads)
	switch {
	case err == nil && len(m.All) > 0:
		err = n.sweep(ctx, m, leads)
	case err == nil: // what is there may be all that there is
		log, e := n.logState(ctx)
		missing, err = e == nil && log.FirstSeq > 1, e
	}
	n.tellSwept(ctx, err)
	return missing
}

func (n *Node) tellSwept(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		n.log.Warn("what is left of old snapshots can't be removed; the next snapshot tries again", zap.Error(err))
	}
}

// First makes a snapshot of the store that a cluster begins with.
func (n *Node) First(ctx context.Context, store Source) error {
	return n.snapshot(ctx, store, func() bool { return true })
}

// Snapshot makes a snapshot of the leader's store.
func (t *Term) Snapshot(ctx context.Context, store Source) error {
	return t.node.snapshot(ctx, store, t.Leads)
}

// snapshot puts a copy of a store beside the log, and drops what of the log every node has got that runs: one at a time.
func (n *Node) snapshot(parent context.Context, store Source, leads func() bool) error {
	n.snapshotting.Lock()
	defer n.snapshotting.Unlock()
	n.tidy(parent, leads)
	ctx, cancel := newMoving(parent, makeStall)
	defer cancel()
	at, ok := store.At()
	if !ok {
		return errors.New("the store has nothing of the log yet")
	}
	began := time.Now()
	objects, err := n.objects(ctx)
	if err != nil {
		return fmt.Errorf("snapshot: %w", ctx.why(err))
	}
	name := fmt.Sprintf("%d-%d", at.Seq, began.UnixMilli())
	r, w := io.Pipe()
	sent := make(chan struct{})
	go func() { defer close(sent); w.CloseWithError(backup.Send(w, store, n.opts.Version, func() {})) }()
	info, err := objects.Put(ctx, jetstream.ObjectMeta{Name: name, Description: fmt.Sprintf("The store of node %d of %s at message %d", n.opts.Node, n.opts.Name, at.Seq)}, ctx.reading(r))
	_ = r.CloseWithError(err) // a copy that is not read any more ends
	<-sent
	if err != nil {
		return fmt.Errorf("snapshot: %w", ctx.why(err))
	}
	if err := verify(ctx, objects, name); err != nil {
		return fmt.Errorf("snapshot: it can't be read back: %w", ctx.why(err))
	}
	m, err := n.renamed(ctx, leads, snapshot{Name: name, Chunks: info.NUID, Seq: at.Seq, Bytes: int64(info.Size)})
	if err != nil { // it may have been named, and the answer is lost
		return fmt.Errorf("snapshot: %w", err)
	}
	n.figures.snapshots.Add(1)
	n.figures.snapshotBytes.Store(int64(info.Size))
	n.tellSwept(parent, n.sweep(parent, m, leads))
	least := uint64(0)
	if len(m.All) == keepSnapshots {
		least = m.All[keepSnapshots-1].Seq
	}
	before, err := n.purge(ctx, at.Seq, least)
	n.log.Info("snapshot made", zap.Uint64("message", at.Seq), zap.Uint64("bytes", info.Size), zap.Duration("took", time.Since(began)), zap.Uint64("log_begins_at", before))
	return err
}

// verify reads a snapshot back before the log is shortened for it. A part that comes while the servers elect is sent
// again, behind those that follow it, and nobody is told.
func verify(ctx *moving, objects jetstream.ObjectStore, name string) error {
	object, err := objects.Get(ctx, name)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, ctx.reading(object))
	return errors.Join(err, object.Close())
}

// purge drops the messages of the log before the one that every node has got that runs, but none behind
// a snapshot's. A node that has not got as far as least is not waited for, as the servers have no room without end: it is
// made anew of a snapshot.
func (n *Node) purge(ctx context.Context, seq, least uint64) (uint64, error) {
	others, err := n.others(ctx)
	if err != nil {
		return 0, fmt.Errorf("the log is not shortened: %w", err)
	}
	for _, o := range others {
		if o.Role != Following {
			continue
		}
		if o.Position < least {
			n.log.Warn("a node is so far behind that the log is shortened without it: it will be made anew of a snapshot", zap.Int("node", o.Node), zap.Uint64("message", o.Position))
		}
		seq = min(seq, max(o.Position, least))
	}
	if seq <= 1 {
		return 1, nil
	}
	if err := n.stream.Purge(ctx, jetstream.WithPurgeSequence(seq)); err != nil {
		return 0, fmt.Errorf("the log is not shortened: %w", err)
	}
	return seq, nil
}

// Rebuild makes the store in a data directory anew: of the newest snapshot, or empty where there is none and
// the log has all. Nothing else may have it open.
func (n *Node) Rebuild(ctx context.Context, dir string) error {
	n.SetRole(Starting)
	n.figures.rebuilds.Add(1)
	for {
		err := n.rebuild(ctx, dir)
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return err
		}
		n.log.Warn("the store can't be made of a snapshot; it tries again", zap.Error(err))
		if err := pause(ctx, 4*retryEvery); err != nil {
			return err
		}
	}
}

func (n *Node) rebuild(parent context.Context, dir string) error {
	ctx, cancel := newMoving(parent, readStall)
	defer cancel()
	began := time.Now()
	m, err := n.snapshotsMade(ctx)
	if err != nil {
		return err
	}
	log, err := n.logState(ctx)
	if err != nil {
		return err
	}
	if len(m.All) == 0 {
		if log.FirstSeq > 1 {
			return &unusable{fmt.Sprintf("the log begins at message %d, and there is no snapshot of what came before: is there another node with a store? make one there by signalbox cluster snapshot", log.FirstSeq)}
		}
		return backup.Rebuild(dir, nil)
	}
	newest := m.All[0]
	if newest.Seq > log.LastSeq {
		return fmt.Errorf("the newest snapshot is of message %d, and the log ends at %d: its servers may have lost its end; if they have, leave the cluster with the store of a node", newest.Seq, log.LastSeq)
	}
	objects, err := n.objects(ctx)
	if err != nil {
		return ctx.why(err)
	}
	object, err := objects.Get(ctx, newest.Name)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", newest.Name, ctx.why(err))
	}
	err = backup.Rebuild(dir, ctx.reading(object))
	if err = errors.Join(err, object.Close()); err != nil {
		return fmt.Errorf("snapshot %s: %w", newest.Name, ctx.why(err))
	}
	n.figures.snapshotBytes.Store(newest.Bytes)
	n.log.Info("the store was made of a snapshot", zap.Uint64("message", newest.Seq), zap.Int64("bytes", newest.Bytes), zap.Duration("took", time.Since(began)))
	return nil
}

// grow counts what was appended, and asks for a snapshot once it is enough: so much that making one costs little
// beside it.
func (t *Term) grow(bytes int64) {
	if t.bytes += bytes; t.node.opts.SnapshotBytes > 0 && t.bytes >= max(t.node.opts.SnapshotBytes, t.node.figures.snapshotBytes.Load()) {
		t.bytes = 0
		t.wantSnapshot()
	}
}

// wantSnapshot asks Snapshots for one.
func (t *Term) wantSnapshot() {
	select {
	case t.grown <- struct{}{}:
	default:
	}
}

// Snapshots makes snapshots of the leader's store as the log grows, until ctx or the term ends.
func (t *Term) Snapshots(ctx context.Context, store Source) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	t.node.snapshotting.Lock()
	missing := t.node.tidy(ctx, t.Leads)
	t.node.snapshotting.Unlock()
	if missing {
		t.wantSnapshot()
	}
	for {
		select {
		case <-t.grown:
			for t.snapshotOrTell(ctx, store) != nil && pause(ctx, snapshotRetry) == nil {
			}
		case <-ctx.Done():
			return
		}
	}
}

func (t *Term) snapshotOrTell(ctx context.Context, store Source) error {
	err := t.Snapshot(ctx, store)
	if err != nil && ctx.Err() == nil {
		t.node.log.Error("no snapshot could be made; the cluster's log grows until one is", zap.Error(err), zap.Duration("next_try_in", snapshotRetry))
	}
	return err
}

// Fresh refuses a cluster that has a log already.
func (n *Node) Fresh(ctx context.Context) error {
	log, err := n.logState(ctx)
	if err != nil {
		return err
	}
	m, err := n.snapshotsMade(ctx)
	if err == nil && (len(m.All) > 0 || log.LastSeq > 0) {
		err = fmt.Errorf("the cluster %s has a log already: set cluster.name to another name, or remove the stream %s and the buckets %s and %s",
			n.opts.Name, n.opts.stream(), n.opts.bucket(), n.opts.snapshots())
	}
	return err
}

// FirstPosition is that of a store that the log begins with. Its hash is none of an empty store, which so takes no
// group that is for this one.
func (n *Node) FirstPosition() journal.Position { return n.position(0, 0, n.cluster) }
