// Package cluster makes one router of several nodes. Their log is a stream of NATS JetStream, which
// replicates and orders it: each group of the leader's journal is a message, and each node makes its
// store of the messages. A lease says who leads, and the stream refuses what anybody else appends.
package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/journal"
)

// Options are those of one node.
type Options struct {
	// URL are the addresses of the NATS servers, with commas between them, and Client says how to log in.
	URL    string
	Client []natsio.Option
	// Name tells the cluster from others on the same servers.
	Name string
	// Node is the number of this one, from 1 on.
	Node int
	// Advertise is where the other nodes reach this one.
	Advertise string
	// Server is the name of the NATS server that fails together with this node, as on one machine; it may be empty.
	Server string
	// Replicas is on how many servers the log is kept.
	Replicas int
	// SnapshotBytes is after how many bytes of the log a snapshot is made; 0 makes none by itself.
	SnapshotBytes int64
	// MaxBody is the largest body of a request, in bytes: what the servers take at once must not be much less.
	MaxBody int64
	// Unfit returns why this node had better not lead while another can, such as a disk without room; empty where nothing
	// speaks against it.
	Unfit func() string
	// Version is that of the program.
	Version string
	Logger  *zap.Logger
}

const (
	// LeaseTime is for how long a leader leads without renewing it, renewEvery how often it does.
	LeaseTime  = 5 * time.Second
	renewEvery = time.Second
	// lookEvery is how often the others look whether the lease is free, and retryEvery how often what failed is
	// tried again.
	lookEvery  = 100 * time.Millisecond
	retryEvery = 250 * time.Millisecond
	// answerTime bounds a request to the servers: while they elect a leader of their own they do not answer at
	// all. publishTime bounds one that carries a group.
	answerTime  = time.Second
	publishTime = 2 * time.Second
	// lookTime bounds a look at the lease, which any of the servers answers: one that is gone is found out soon.
	lookTime = 500 * time.Millisecond
	// tellEvery is how often a node tells the others how far it is, and goneAfter is after how long without that
	// one counts as gone, by the clock of who looks.
	tellEvery = time.Second
	goneAfter = 5 * time.Second
)

// Node is one router of a cluster.
type Node struct {
	opts   Options
	log    *zap.Logger
	nc     *natsio.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	bucket jetstream.KeyValue
	// bucketStream is the stream that the bucket is made of.
	bucketStream jetstream.Stream
	// cluster tells this log from all others.
	cluster uint64
	// snapshotting is held by who makes a snapshot, or tidies up after those that were broken off.
	snapshotting sync.Mutex
	// reading are those that read the log, also once nobody listens to them.
	reading sync.WaitGroup

	lease lease
	keys  *keys
	// role, rules and progress are what Status tells of this node, heard what the others have told.
	role     atomic.Value // Role
	rules    atomic.Value // string
	faults   atomic.Pointer[[]string]
	unfit    atomic.Value // string: what Unfit has returned last
	progress progress
	heard    heard
	// toldAt is the revision of what this node has told last, 0 where that is not known; rivals is how often in a row
	// another has written in its place.
	toldAt uint64
	rivals atomic.Int32
	// term is the one in which this node leads, or nil.
	term atomic.Pointer[Term]
	// steppedDown is until when this node leaves the lease to others.
	steppedDown atomic.Pointer[time.Time]
	// unreached is why the latest attempt to connect to the servers failed, or what they refused last.
	unreached atomic.Pointer[error]
	figures   figures
}

// names of what a cluster has on the servers.
func (o *Options) stream() string    { return "SIGNALBOX_" + o.Name }
func (o *Options) subject() string   { return "signalbox." + o.Name + ".log" }
func (o *Options) bucket() string    { return "SIGNALBOX_" + o.Name }
func (o *Options) snapshots() string { return "SIGNALBOX_" + o.Name + "_snapshots" }

// clusterKey is what the stream's metadata call the cluster's own number.
const clusterKey = "signalbox-cluster"

// Join connects to the servers, and makes what the cluster keeps there where it is not yet there. It tries
// until ctx ends, or until what it finds can't be used.
func Join(ctx context.Context, opts Options) (*Node, error) {
	n := &Node{opts: opts, log: opts.Logger}
	n.role.Store(Starting)
	n.rules.Store("")
	n.unfit.Store("")
	n.figures.init()
	var err error
	if n.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if err := n.connect(); err != nil {
		return nil, err
	}
	told := sometimes{}
	for {
		err := n.prepare(ctx)
		if err == nil {
			err = n.alone(ctx)
		}
		if err == nil {
			return n, nil
		}
		if isFinal(err) {
			n.nc.Close()
			return nil, fmt.Errorf("cluster %s: %w", opts.Name, err)
		}
		why, connected := n.unreached.Load(), n.nc.IsConnected()
		if why != nil && !connected {
			err = fmt.Errorf("no server can be reached at %s: %w", n.opts.URL, *why)
		}
		err = advised(err)
		if ctx.Err() == nil && (why != nil || connected) && told.now() {
			n.log.Warn("the cluster's NATS servers can't be used yet; it tries again", zap.Error(err))
		}
		if ended := pause(ctx, retryEvery); ended != nil {
			n.nc.Close()
			return nil, fmt.Errorf("cluster %s: %w: %w", opts.Name, ended, err)
		}
	}
}

// alone refuses a number that another node has which runs, as it tells of itself again. A node that starts again
// finds its own, and one with a new address waits until the old one is gone.
func (n *Node) alone(ctx context.Context) error {
	for told := (time.Time{}); ; {
		all, err := n.told(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(o NodeStatus) bool {
			return o.Node == n.opts.Node && o.URL != n.opts.Advertise && o.Role != Gone
		})
		switch {
		case i < 0:
			return nil
		case told.IsZero():
			told = all[i].Seen
		case !all[i].Seen.Equal(told):
			return &unusable{fmt.Sprintf("node %d runs at %s: give this one another number, cluster.node; where it is that one with a new address, stop the other first", n.opts.Node, all[i].URL)}
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// sometimes tells when to log again what goes on failing.
type sometimes struct{ last time.Time }

func (s *sometimes) now() bool {
	if time.Since(s.last) < 10*time.Second {
		return false
	}
	s.last = time.Now()
	return true
}

// connect begins to connect, and keeps doing so. What is published while there is no connection fails at once.
func (n *Node) connect() (err error) {
	var denied sometimes // the handlers are called one after the other
	options := append([]natsio.Option{
		natsio.Name(fmt.Sprintf("signalbox %s node %d", n.opts.Name, n.opts.Node)),
		natsio.RetryOnFailedConnect(true), natsio.MaxReconnects(-1), natsio.ReconnectBufSize(-1),
		natsio.ReconnectWait(retryEvery), natsio.ReconnectJitter(retryEvery, retryEvery), natsio.Timeout(2 * answerTime),
		natsio.PingInterval(time.Second), natsio.MaxPingsOutstanding(2), natsio.IgnoreAuthErrorAbort(),
		natsio.DisconnectErrHandler(func(_ *natsio.Conn, err error) {
			if err != nil {
				n.log.Warn("the connection to NATS has broken; it is made again", zap.Error(err))
			}
		}),
		natsio.ReconnectErrHandler(func(_ *natsio.Conn, err error) { n.unreached.Store(&err) }),
		natsio.ErrorHandler(func(_ *natsio.Conn, _ *natsio.Subscription, err error) {
			n.unreached.Store(&err)
			if errors.Is(err, natsio.ErrPermissionViolation) && denied.now() {
				n.log.Error("NATS allows the node less than it needs: see docs/cluster.md, and correct its user's permissions", zap.Error(err))
				return
			}
			n.log.Debug("NATS", zap.Error(err))
		}),
	}, n.opts.Client...)
	if n.nc, err = natsio.Connect(n.opts.URL, options...); err != nil {
		return fmt.Errorf("cluster %s: NATS: %w", n.opts.Name, err)
	}
	n.js, err = jetstream.New(n.nc)
	return err
}

// unusable is an error that does not go away by trying again.
type unusable struct{ why string }

func (e *unusable) Error() string { return e.why }

// leastPayload is what the servers must take at once at least, in bytes.
const leastPayload = 64 << 10

// prepare finds or makes the stream and the buckets.
func (n *Node) prepare(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	if version := n.nc.ConnectedServerVersion(); tooOld(version) {
		return &unusable{fmt.Sprintf("the server of NATS at %s has version %s: install %d.%d or later", n.nc.ConnectedUrlRedacted(), version, leastMajor, leastMinor)}
	}
	if n.stream, err = n.logStream(ctx); err != nil {
		return fmt.Errorf("stream %s: %w", n.opts.stream(), err)
	}
	info := n.stream.CachedInfo()
	n.cluster, err = strconv.ParseUint(info.Config.Metadata[clusterKey], 10, 64)
	if err != nil || n.cluster == 0 {
		return &unusable{fmt.Sprintf("the stream %s is there, and no Signalbox has made it: set cluster.name to another name, or remove the stream", n.opts.stream())}
	}
	if n.bucket, err = n.keyValue(ctx); err != nil {
		return fmt.Errorf("bucket %s: %w", n.opts.bucket(), err)
	}
	if n.bucketStream, err = n.js.Stream(ctx, "KV_"+n.opts.bucket()); err != nil {
		return fmt.Errorf("bucket %s: %w", n.opts.bucket(), err)
	}
	if _, err = n.objects(ctx); err != nil {
		return fmt.Errorf("object store %s: %w", n.opts.snapshots(), err)
	}
	if payload := n.nc.MaxPayload(); payload < leastPayload {
		return &unusable{fmt.Sprintf("the servers take messages of %d bytes: raise max_payload of NATS to %d at least; 8MB suits limits.max_body (%d)", payload, leastPayload, n.opts.MaxBody)}
	}
	if info.Config.Replicas < n.opts.Replicas {
		n.log.Warn("the cluster's stream has fewer replicas than are configured", zap.Int("replicas", info.Config.Replicas), zap.Int("configured", n.opts.Replicas))
	}
	return nil
}

// logStream finds or makes the stream. Of two nodes that make it at once, one may get no answer.
func (n *Node) logStream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := n.js.Stream(ctx, n.opts.stream())
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return stream, err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return n.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: n.opts.stream(), Subjects: []string{n.opts.subject()}, Storage: jetstream.FileStorage, Replicas: n.opts.Replicas,
		Description: "The log of the Signalbox cluster " + n.opts.Name, DenyDelete: true,
		Metadata: map[string]string{clusterKey: strconv.FormatUint(binary.BigEndian.Uint64(id), 10)},
	})
}

// keyValue finds or makes the bucket with the lease and with what nodes tell of themselves.
func (n *Node) keyValue(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := n.js.KeyValue(ctx, n.opts.bucket())
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = n.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: n.opts.bucket(), Replicas: n.opts.Replicas, Storage: jetstream.FileStorage})
	}
	return kv, err
}

// objects finds or makes the object store of snapshots.
func (n *Node) objects(ctx context.Context) (jetstream.ObjectStore, error) {
	store, err := n.js.ObjectStore(ctx, n.opts.snapshots())
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		store, err = n.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: n.opts.snapshots(), Replicas: n.opts.Replicas, Storage: jetstream.FileStorage})
	}
	return store, err
}

// Close leaves the servers.
func (n *Node) Close() {
	n.nc.Close()
	n.reading.Wait()
}

// pause waits, or returns why ctx has ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// position is a place in this cluster's log.
func (n *Node) position(seq, term, chain uint64) journal.Position {
	return journal.Position{Cluster: n.cluster, Seq: seq, Term: term, Chain: chain}
}
