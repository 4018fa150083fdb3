package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/audit"
	"signalbox/catalog"
	"signalbox/cluster"
	"signalbox/config"
	"signalbox/ingest"
	"signalbox/journal/backup"
	"signalbox/journal/store"
	"signalbox/machine"
	"signalbox/router"
	"signalbox/rules"
)

const (
	// unfitWait is how long a node leaves the lease to others whose rule files are not the leader's, or whose disk has no
	// room: where all that are left are such, one of them leads at last.
	unfitWait = 6 * cluster.LeaseTime
	// lostTime is how long the parts of a router may take to stop that leads no more.
	lostTime = 2 * time.Second
	// rebuildEvery is how often a store is made anew at most.
	rebuildEvery = 10 * time.Second
)

// errJoining is why a node is not ready that has just started.
var errJoining = errors.New("this node has not joined its cluster yet, as while the servers of NATS can't be reached or used: its log says why")

// clusterNode is this router in its cluster, for as long as the process runs.
type clusterNode struct {
	*cluster.Node
	registry *prometheus.Registry
	// guard is that of what this node answers itself, which has the keys of its files also while it follows.
	guard *ingest.Guard
	// hangups are those of the process, so that none ends a node that follows.
	hangups <-chan os.Signal
	// serves means that this node leads, and takes requests in.
	serves atomic.Bool
	// leader hands requests to the leader.
	leader http.Handler
	// types is the catalog of this node's files.
	types atomic.Pointer[catalog.Catalog]
	// following are the figures of a node that follows, and refused tells the leader whom it has refused.
	following *prometheus.Registry
	refused   atomic.Pointer[audit.Log]
	reloads   *reloads
}

// term is a time in which this router leads.
type term struct {
	*cluster.Term
	requests requests
}

// runNode runs the router as a node of a cluster: it follows until it is to lead, leads until it can't or may not
// any more, and follows again.
func (s *server) runNode(ctx context.Context) error {
	defer s.endInTime(ctx)()
	err := s.takePart(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		err = nil
	}
	s.notify(notifyStopping)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	err = errors.Join(err, s.life.stop(stopping))
	s.log.Info("stopped")
	return err
}

// takePart joins the cluster, and takes part in it until ctx ends.
func (s *server) takePart(ctx context.Context) error {
	registry := s.newRegistry()
	if err := s.startHTTP(registry); err != nil {
		return err
	}
	c := &s.cfg.Cluster
	if err := errors.Join(s.cfg.ClusterFiles()...); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	s.log.Info("joining the cluster", zap.String("cluster", c.Name), zap.Int("node", c.Node), zap.String("nats", c.NATS))
	options := s.cfg.ClusterOptions()
	options.Unfit = s.noRoom
	options.Version, options.Logger = s.Version, s.log
	s.front.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeUnavailable(w, codeNotJoined, errJoining.Error()) }), func() error { return errJoining })
	node, err := cluster.Join(ctx, options)
	if err != nil {
		return err
	}
	s.life.onStop("cluster", func(context.Context) error { node.Close(); return nil })
	node.Register(registry)
	hangup, stopHangups := hangups()
	defer stopHangups()
	s.node = &clusterNode{Node: node, registry: registry, hangups: hangup}
	keys, err := s.cfg.KeySet()
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	s.node.guard = ingest.NewGuard(keys, s.cfg.Hosts(), int64(s.cfg.Limits.MaxBody), func(r *http.Request, why string) { s.node.refused.Load().Refused(r, why) })
	s.node.leader = s.forwarder()
	telling, stopTelling := context.WithCancel(context.WithoutCancel(ctx))
	told := make(chan struct{})
	go func() { defer close(told); node.Run(telling) }()
	s.life.onStop("telling of the node", func(context.Context) error { stopTelling(); <-told; return nil })
	s.life.onStop("refusals", func(ctx context.Context) error {
		if l := s.node.refused.Load(); l != nil {
			return l.Stop(ctx)
		}
		return nil
	})
	s.notify(notifyReady)
	for ctx.Err() == nil {
		t, err := s.awaitTerm(ctx)
		if err == nil {
			err = s.lead(ctx, t)
		}
		if err != nil {
			return err
		}
	}
	next, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaderPatience)
	defer cancel()
	node.AwaitLeader(next) // the requests that came since this node has left the lead are handed to it
	return nil
}

// noRoom is why this node takes no events in: its disk has not the room for them. Empty where it has.
func (s *server) noRoom() string {
	if free, err := machine.FreeDisk(s.cfg.DataDir); err == nil && free < uint64(s.cfg.MinFreeDisk) {
		return fmt.Sprintf("its disk has %d bytes free, less than min_free_disk (%d)", free, s.cfg.MinFreeDisk)
	}
	return ""
}

// awaitTerm follows until this node is to lead. What it counts meanwhile begins anew, as with the router of a term.
func (s *server) awaitTerm(ctx context.Context) (*cluster.Term, error) {
	registry := prometheus.NewRegistry()
	refused, err := audit.New(cluster.Refusals{Node: s.node.Node}, s.log, registry)
	if err != nil {
		return nil, err
	}
	refused.Start()
	s.node.following, s.node.reloads = registry, newReloads(s.log, registry)
	if before := s.node.refused.Swap(refused); before != nil {
		_ = before.Stop(ctx) // never fails
	}
	for rebuilt := (time.Time{}); ; {
		t, err := s.follow(ctx)
		if !errors.Is(err, cluster.ErrDiffers) {
			return t, err
		}
		s.log.Warn("the store is made anew", zap.Error(err))
		if wait := rebuildEvery - time.Since(rebuilt); wait > 0 {
			select { // a snapshot that does not fit the log is not copied again and again
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		rebuilt = time.Now()
		if err := s.node.Rebuild(ctx, s.cfg.DataDir); err != nil {
			return nil, err
		}
	}
}

// follow makes the store of what the leader writes, until this node is to lead.
func (s *server) follow(ctx context.Context) (*cluster.Term, error) {
	s.node.SetRole(cluster.Starting)
	s.front.Open(s.follower(nil), s.followerReady)
	if backup.IsBroken(s.cfg.DataDir) {
		return nil, fmt.Errorf("%w: it was not made whole", cluster.ErrDiffers)
	}
	j, err := store.Open(s.cfg.DataDir, store.Options{Follows: true, Node: s.cfg.Cluster.Node, Logger: s.log, Fatal: s.fatal, MaxOpenFiles: s.files.Store})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := j.Close(); err != nil { // as when somebody still reads it
			s.log.Warn("the store was closed with errors", zap.Error(err))
		}
	}()
	j.Traces.Keep(s.cfg.Trace == "on")
	reads := &requests{next: s.follower(router.NewReading(j, s.catalog, s.log)), after: s.follower(nil)}
	s.front.Open(reads, s.followerReady)
	defer func() {
		s.front.Open(s.follower(nil), s.followerReady)
		reads.stop(ctx)
	}()
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); s.watchRules(watching) }()
	defer func() { stop(); <-watched }()
	return s.node.Follow(ctx, j, func() (wait time.Duration) {
		if s.node.Unfit() != "" {
			wait = unfitWait
		}
		return wait
	})
}

// followerReady is why a node that follows is not ready: what comes to it can't be handed on.
func (s *server) followerReady() error {
	if leader, _ := s.node.Follows(); leader == nil {
		return errors.New("no other node leads the cluster at the moment")
	}
	return nil
}

// lead runs the router until the term ends, or the process is to.
func (s *server) lead(ctx context.Context, t *cluster.Term) error {
	l := &server{
		Env: s.Env, cfg: s.cfg, set: s.set, lastGood: new(lastGood), log: s.log, outlet: s.outlet, exit: s.exit,
		memory: s.memory, files: s.files, bounds: s.bounds, certs: s.certs, http: s.http, front: s.front,
		node: s.node, term: &term{Term: t},
	}
	kept := l.lastGood // without l, which must not outlive the term
	l.Loaded = func(f rules.Files) { s.node.SetRules(revisionOf(f)); kept.loaded(f) }
	cfg, set, err := l.Load()
	switch {
	case cfg == nil:
		s.log.Error("config.yaml has faults; the one from before continues to serve", zap.Error(err))
		s.node.SetFaults(config.Faults(err))
	default:
		if s.listen != "" {
			cfg.ListenOn(s.listen)
		}
		l.cfg, l.set, l.faults = cfg, set, err
	}
	registry := prometheus.NewRegistry()
	err = l.startRouter(registry, prometheus.Gatherers{s.node.registry, registry}, store.Options{Replicas: t, Node: s.cfg.Cluster.Node})
	if err == nil {
		l.greet()
		l.inTerm("snapshots", func(ctx context.Context) { t.Snapshots(ctx, l.journal) })
		l.inTerm("refusals of other nodes", func(ctx context.Context) { t.Refusals(ctx, l.journal.Audit.Put) })
		err = l.waitInTerm(ctx)
	}
	if t.Err() != nil {
		s.log.Warn("this node leads the cluster no more", zap.Uint64("term", t.Number()), zap.Error(t.Err()))
		err = nil // what failed by that has failed
	}
	within := s.cfg.ShutdownTimeout
	if t.Err() != nil {
		within = lostTime
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if err == nil && t.Err() == nil {
		l.letEnd(stopping)
	}
	stop := l.life.stop(stopping)
	// What outlives the term holds nothing of its router, and tells nothing of it.
	s.bounds.Yield(nil)
	s.front.Tell(func() []string { return nil })
	s.Loaded = nil
	t.Resign()
	if errors.Is(stop, errLate) {
		return errors.Join(err, fmt.Errorf("parts of the router hang at the end of its term, so the process ends: %w", stop))
	}
	if stop != nil {
		s.log.Warn("the router has stopped with errors", zap.Error(stop))
	}
	return err
}

// inTerm does something besides until the router stops.
func (s *server) inTerm(name string, do func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); do(ctx) }()
	s.life.onStop(name, func(context.Context) error { stop(); <-done; return nil })
}

// handOver is how long attempts under way may take where a node leaves the lead to another: as long as it takes another
// to lead when this one is lost. The next leader makes again what is broken off.
const handOver = cluster.LeaseTime

// handOverWithin is for how long attempts may end at the end of a term.
func (s *server) handOverWithin() time.Duration { return min(handOver, s.cfg.ShutdownTimeout/2) }

// letEnd lets attempts under way end while events are still taken in: those wait for no target.
func (s *server) letEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.handOverWithin())
	defer cancel()
	go func() {
		select {
		case <-s.term.Lost():
			cancel()
		case <-ctx.Done():
		}
	}()
	s.router.LetEnd(ctx)
}

// waitInTerm returns when the router is to stop.
func (s *server) waitInTerm(ctx context.Context) error {
	select {
	case err := <-s.http.Failed():
		return fmt.Errorf("serve HTTP: %w", err)
	case <-s.term.Lost():
		return nil
	case <-s.term.Leaving():
		s.log.Info("stepping down; attempts under way may end", zap.Duration("within", s.handOverWithin()))
		return nil
	case <-ctx.Done():
		err := s.drain()
		s.log.Info("stopping, and leaving the lead to another node; attempts under way may end", zap.Duration("within", s.handOverWithin()))
		return err
	}
}

// open lets requests in.
func (s *server) open(next http.Handler) {
	if s.term != nil {
		s.term.requests.next, s.term.requests.after = next, s.follower(nil)
		next = s.fromClient(&s.term.requests)
		defer s.node.serves.Store(true)
	}
	s.front.Open(next, s.router.Ready)
}

// close tells that the router is about to stop. In a cluster, what comes is handed to the next leader.
func (s *server) close() {
	if s.term == nil {
		s.front.Close()
		return
	}
	s.node.serves.Store(false)
	s.front.Open(s.follower(nil), s.followerReady)
}

// stopIntake takes in nothing more.
func (s *server) stopIntake(ctx context.Context) error {
	if s.term == nil {
		return s.stopHTTP(ctx)
	}
	s.term.requests.stop(ctx)
	return nil
}

// control is api.Options.Cluster.
func (s *server) control() api.Cluster {
	if s.term == nil {
		return nil
	}
	return &cluster.Control{Node: s.node.Node, Store: s.journal}
}
