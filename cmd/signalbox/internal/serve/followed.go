package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/catalog"
	"signalbox/cluster"
	"signalbox/config"
	"signalbox/ingest"
	"signalbox/router"
	"signalbox/rules"
)

// rulesEvery is how often rule files with faults are read again by a node that follows.
const rulesEvery = 5 * time.Second

// watchRules reads the files as they change, so that the other nodes know which rules this node has, and its keys
// are those of its configuration.
func (s *server) watchRules(ctx context.Context) {
	env := *s.Env
	env.Loaded = func(f rules.Files) { s.node.SetRules(revisionOf(f)) }
	told := ""
	for {
		cfg, set, err := env.Load()
		if cfg != nil {
			err = errors.Join(err, s.applyKeys(cfg))
		}
		if err == nil {
			s.watchFrom(ctx, cfg, set)
			return
		}
		if told != err.Error() {
			told = err.Error()
			s.log.Error("rules have faults; this node follows with them, and leads with the last that had none", zap.Error(err))
			s.node.SetRules("faults")
			s.node.SetFaults(config.Faults(err))
			s.node.reloads.count(config.Outcome{Err: err, Started: time.Now()})
		}
		select {
		case <-ctx.Done():
			return
		case <-s.node.hangups:
		case <-time.After(rulesEvery):
		}
	}
}

// watchFrom is watchRules, from a configuration and rules that have no faults.
func (s *server) watchFrom(ctx context.Context, cfg *config.Config, set *rules.Set) {
	s.node.types.Store(set.Catalog)
	s.node.SetFaults(nil)
	s.node.reloads.count(config.Outcome{Started: time.Now()})
	r := config.NewReloader(config.ReloaderOptions{
		Config: cfg, Set: set, Apply: s.applyKeys, Observe: s.observeFollowed,
		Swap: func(next *rules.Set) error { s.node.types.Store(next.Catalog); return nil },
	})
	watched := make(chan struct{})
	go func() { defer close(watched); r.Run(ctx, nil) }()
	defer func() { <-watched }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.node.hangups:
			_, _ = r.Reload(ctx) // the error reaches observeFollowed
		}
	}
}

// observeFollowed is told of the reloads of a node that follows.
func (s *server) observeFollowed(o config.Outcome) {
	s.node.SetFaults(config.Faults(o.Err))
	s.node.reloads.count(o)
	switch {
	case o.Err != nil && !o.Repeated:
		s.log.Error("rules have faults; the leader goes by its own", zap.Error(o.Err))
	case o.Changed:
		s.log.Info("rules read; they serve once this node leads", zap.String("revision", o.Set.Revision))
	}
	if s.certs != nil {
		s.certs.Reload()
	}
}

// revisionOf tells rule files from others: a hash of what they say, wherever they lie.
func revisionOf(f rules.Files) string {
	all := make([]string, 0, len(f.Rules)+len(f.Catalog))
	for _, d := range slices.Concat(f.Rules, f.Catalog) {
		sum := sha256.Sum256(d.Text)
		all = append(all, filepath.Base(d.Path)+" "+hex.EncodeToString(sum[:]))
	}
	slices.Sort(all)
	h := sha256.New()
	for _, one := range all {
		h.Write([]byte(one + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// catalog is that of this node's files while it follows.
func (s *server) catalog() *catalog.Catalog {
	if types := s.node.types.Load(); types != nil {
		return types
	}
	return new(catalog.Catalog)
}

// mostBehind is how far behind the leader a node may be and answer of its own store.
const mostBehind = 2 * time.Second

// follower returns what a node answers that does not lead: what each node answers itself, what is in its store where
// that is to be read, and the leader's answers for all else.
func (s *server) follower(read *router.Reading) http.Handler {
	f := api.Follower{Cluster: &cluster.Control{Node: s.node.Node}, Gatherer: prometheus.Gatherers{s.node.registry, s.node.following}, Logger: s.log, Audit: s.node.refused.Load(), Reading: read, Leader: s.node.leader}
	own := s.node.guard.Guard(f.Handler())
	return s.fromClient(ingest.SameOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.OfEachNode(r) || read != nil && api.OfStore(r) && s.node.Behind() <= mostBehind {
			own.ServeHTTP(w, r)
			return
		}
		s.node.leader.ServeHTTP(w, r)
	})))
}
