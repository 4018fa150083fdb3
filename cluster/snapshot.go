package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/journal/backup"
)

// snapshotPrefix is what the names of snapshots begin with; the number of a message follows, up to which all is in it.
const snapshotPrefix = "snapshot-"

// keepSnapshots is how many snapshots are kept: one may be read while the next is made.
const keepSnapshots = 2

// snapshotRetry is how long after one that failed the next snapshot is tried.
const snapshotRetry = 10 * time.Second

// snapshotTime bounds the making and the reading of a snapshot.
const snapshotTime = time.Hour

// Source is a store that snapshots are made of.
type Source interface {
	backup.Store
	At() (journal.Position, bool)
}

// snapshot is one in the object store.
type snapshot struct {
	name string
	seq  uint64
	size int64
}

// list returns the snapshots, the newest first.
func (n *Node) list(ctx context.Context) (all []snapshot, _ jetstream.ObjectStore, err error) {
	objects, err := n.objects(ctx)
	if err != nil {
		return nil, nil, err
	}
	infos, err := objects.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil, err
	}
	for _, info := range infos {
		seq, err := strconv.ParseUint(strings.TrimPrefix(info.Name, snapshotPrefix), 10, 64)
		if err == nil && strings.HasPrefix(info.Name, snapshotPrefix) && !info.Deleted {
			all = append(all, snapshot{name: info.Name, seq: seq, size: int64(info.Size)})
		}
	}
	slices.SortFunc(all, func(a, b snapshot) int { return cmp.Compare(b.seq, a.seq) })
	return all, objects, nil
}

// newest returns the newest snapshot; nil if there is none.
func (n *Node) newest(ctx context.Context) (*snapshot, error) {
	all, _, err := n.list(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// Snapshot puts a copy of a store beside the log, and drops what of the log every node has got that runs.
func (n *Node) Snapshot(ctx context.Context, store Source) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	at, ok := store.At()
	if !ok {
		return errors.New("the store has nothing of the log yet")
	}
	began := time.Now()
	all, objects, err := n.list(ctx)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(backup.Send(w, store, n.opts.Version, func() {})) }()
	name := snapshotPrefix + strconv.FormatUint(at.Seq, 10)
	info, err := objects.Put(ctx, jetstream.ObjectMeta{Name: name, Description: fmt.Sprintf("The store of node %d of %s at message %d", n.opts.Node, n.opts.Name, at.Seq)}, r)
	_ = r.CloseWithError(err) // a copy that is not read any more ends
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	n.figures.snapshots.Add(1)
	n.figures.snapshotBytes.Store(int64(info.Size))
	for _, old := range all[min(keepSnapshots-1, len(all)):] {
		if old.name != name {
			if err := objects.Delete(ctx, old.name); err != nil {
				n.log.Warn("an old snapshot can't be removed", zap.String("snapshot", old.name), zap.Error(err))
			}
		}
	}
	before, err := n.purge(ctx, at.Seq)
	n.log.Info("snapshot made", zap.Uint64("message", at.Seq), zap.Uint64("bytes", info.Size), zap.Duration("took", time.Since(began)), zap.Uint64("log_begins_at", before))
	return err
}

// purge drops the messages of the log before the one that every node has got that runs, but none behind
// a snapshot's.
func (n *Node) purge(ctx context.Context, seq uint64) (uint64, error) {
	others, err := n.others(ctx)
	if err != nil {
		return 0, fmt.Errorf("the log is not shortened: %w", err)
	}
	for _, o := range others {
		if o.Role == Following {
			seq = min(seq, o.Position)
		}
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
		if err == nil || ctx.Err() != nil {
			return err
		}
		if _, final := errors.AsType[*unusable](err); final {
			return err
		}
		n.log.Warn("the store can't be made of a snapshot; it tries again", zap.Error(err))
		if err := pause(ctx, 4*retryEvery); err != nil {
			return err
		}
	}
}

func (n *Node) rebuild(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	began := time.Now()
	all, objects, err := n.list(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		info, err := n.stream.Info(ctx)
		if err != nil {
			return err
		}
		if info.State.FirstSeq > 1 {
			return &unusable{fmt.Sprintf("the log begins at message %d, and there is no snapshot of what came before: is there another node with a store? make one there by signalbox cluster snapshot", info.State.FirstSeq)}
		}
		return backup.Rebuild(dir, nil)
	}
	object, err := objects.Get(ctx, all[0].name)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", all[0].name, err)
	}
	err = backup.Rebuild(dir, object)
	if err = errors.Join(err, object.Close()); err != nil {
		return fmt.Errorf("snapshot %s: %w", all[0].name, err)
	}
	n.figures.snapshotBytes.Store(all[0].size)
	n.log.Info("the store was made of a snapshot", zap.Uint64("message", all[0].seq), zap.Int64("bytes", all[0].size), zap.Duration("took", time.Since(began)))
	return nil
}

// grow counts what was appended, and asks for a snapshot once it is enough: so much that making one costs little
// beside it.
func (t *Term) grow(bytes int64) {
	if t.bytes += bytes; t.node.opts.SnapshotBytes > 0 && t.bytes >= max(t.node.opts.SnapshotBytes, t.node.figures.snapshotBytes.Load()) {
		t.bytes = 0
		select {
		case t.grown <- struct{}{}:
		default:
		}
	}
}

// Snapshots makes snapshots of the leader's store as the log grows, until ctx or the term ends.
func (t *Term) Snapshots(ctx context.Context, store Source) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	for {
		select {
		case <-t.grown:
			for t.node.snapshotOrTell(ctx, store) != nil && pause(ctx, snapshotRetry) == nil {
			}
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) snapshotOrTell(ctx context.Context, store Source) error {
	err := n.Snapshot(ctx, store)
	if err != nil && ctx.Err() == nil {
		n.log.Error("no snapshot could be made; the cluster's log grows until one is", zap.Error(err), zap.Duration("next_try_in", snapshotRetry))
	}
	return err
}

// Fresh refuses a cluster that has a log already.
func (n *Node) Fresh(ctx context.Context) error {
	info, err := n.stream.Info(ctx)
	if err != nil {
		return err
	}
	snapshot, err := n.newest(ctx)
	if err == nil && (snapshot != nil || info.State.LastSeq > 0) {
		err = fmt.Errorf("the cluster %s has a log already: set cluster.name to another name, or remove the stream %s and the buckets %s and %s",
			n.opts.Name, n.opts.stream(), n.opts.bucket(), n.opts.snapshots())
	}
	return err
}

// FirstPosition is that of a store that the log begins with.
func (n *Node) FirstPosition() journal.Position { return n.position(0, 0, 0) }
