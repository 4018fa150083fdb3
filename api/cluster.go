package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/audit"
	"signalbox/cluster"
	"signalbox/router"
)

// Cluster is what the routes of a cluster show and act on; *cluster.Control is one.
type Cluster interface {
	// Number is that of the node that is asked.
	Number() int
	// Status returns what is known of the cluster, also where the error says that it is not all.
	Status(ctx context.Context) (cluster.Status, error)
	// StepDown lets another node lead, and Snapshot makes a snapshot now; both are the leader's.
	StepDown(ctx context.Context) error
	Snapshot(ctx context.Context) error
	// Remove forgets a node that is gone.
	Remove(ctx context.Context, node int) error
}

// ClusterDone is the answer to what a cluster was told to do.
type ClusterDone struct {
	Node int    `json:"node"`
	Done string `json:"done"`
}

type clusterHandlers struct{ cluster Cluster }

func (h clusterHandlers) status(_ http.ResponseWriter, r *http.Request) (any, error) {
	s, err := h.cluster.Status(r.Context())
	if err != nil {
		s.Problem = "the servers of NATS can't be asked, so only what this node knows itself is told: " + err.Error()
	}
	return s, nil
}

func (h clusterHandlers) stepDown(_ http.ResponseWriter, r *http.Request) (any, error) {
	if err := h.cluster.StepDown(r.Context()); err != nil {
		return nil, &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	audit.Of(r.Context()).Detail(map[string]int{"node": h.cluster.Number()})
	return ClusterDone{h.cluster.Number(), "steps down"}, nil
}

func (h clusterHandlers) snapshot(_ http.ResponseWriter, r *http.Request) (any, error) {
	if err := h.cluster.Snapshot(r.Context()); err != nil {
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	return ClusterDone{h.cluster.Number(), "has made a snapshot"}, nil
}

func (h clusterHandlers) remove(_ http.ResponseWriter, r *http.Request) (any, error) {
	node, err := strconv.Atoi(r.PathValue("node"))
	if err != nil || node < 1 {
		return nil, badRequest("%q is no number of a node", r.PathValue("node"))
	}
	if err := h.cluster.Remove(r.Context(), node); err != nil {
		return nil, &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	return ClusterDone{node, "is forgotten"}, nil
}

// clusterRoutes are those of a node of a cluster.
func clusterRoutes(c Cluster) []route {
	h := clusterHandlers{c}
	return []route{
		{"GET", "/v1/cluster", Read, "", "Shows who leads the cluster, and how far each node is.", 0, cluster.Status{}, nil, h.status},
		{"POST", "/v1/cluster/step-down", Admin, "", "Lets another node lead.", http.StatusAccepted, ClusterDone{}, nil, h.stepDown},
		{"POST", "/v1/cluster/snapshot", Admin, "", "Makes a snapshot of the store, and shortens the log.", 0, ClusterDone{}, nil, h.snapshot},
		{"DELETE", "/v1/cluster/nodes/{node}", Admin, "", "Forgets a node that does not come back.", 0, ClusterDone{}, nil, h.remove},
	}
}

// Follower is what a node of a cluster answers itself that does not lead.
type Follower struct {
	Cluster  Cluster
	Gatherer prometheus.Gatherer
	Logger   *zap.Logger
	// Audit is told whom this node refuses.
	Audit *audit.Log
	// Reading is the node's store; nil while it is not to be read.
	Reading *router.Reading
	// Leader answers what the store does not have, or not yet.
	Leader http.Handler
}

// Handler returns the handler of these routes. It does not authenticate.
func (f *Follower) Handler() http.Handler {
	mux, out := http.NewServeMux(), answers{f.Logger}
	for _, r := range append(clusterRoutes(f.Cluster), route{"GET", "/metrics", Read, "", "", 0, nil, nil, metrics(Options{Gatherer: f.Gatherer, Logger: f.Logger})}) {
		mux.Handle(r.method+" "+r.path, r.serve(out, f.Audit))
	}
	if read := f.Reading; read != nil {
		for _, r := range keptRoutes(letterHandlers{read.DeadLetters, nil}, newTraceHandlers(read.Traces, nil), newStateHandlers(read.States)) {
			r.handle = f.orLeader(r.handle)
			mux.Handle(r.method+" "+r.path, r.serve(out, f.Audit))
		}
	}
	mux.Handle("/", f.Leader)
	return mux
}

// orLeader has the leader answer what a handler does not find: this node may be a moment behind.
func (f *Follower) orLeader(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		answer, err := handle(w, r)
		if err != nil && problemOf(err).Status == http.StatusNotFound {
			f.Leader.ServeHTTP(w, r)
			return nil, nil
		}
		return answer, err
	}
}

// OfStore reports whether a request asks for what is in the store, which a node that follows answers of its own.
func OfStore(r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Path == "/v1/events/stream" {
		return false
	}
	for _, of := range [...]string{"/v1/events", "/v1/traces", "/v1/deadletters", "/v1/state", "/v1/state-history"} {
		if r.URL.Path == of || strings.HasPrefix(r.URL.Path, of+"/") {
			return true
		}
	}
	return false
}

// OfEachNode reports whether each node of a cluster answers a request itself, also one that does not lead.
func OfEachNode(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.URL.Path == "/metrics" || r.URL.Path == "/v1/cluster")
}
