package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"signalbox/audit"
	"signalbox/cluster"
)

// Cluster is what the routes of a cluster show and act on; *cluster.Control is one.
type Cluster interface {
	// Status returns what is known of the cluster, also where the error says that it is not all.
	Status(ctx context.Context) (cluster.Status, error)
	// StepDown lets another node lead, and Snapshot makes a snapshot now; both are the leader's.
	StepDown() error
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
	if err != nil && len(s.Nodes) == 0 {
		return nil, err
	}
	if err != nil {
		s.Problem = "the servers of NATS can't be asked, so only what this node knows itself is told: " + err.Error()
	}
	return s, nil
}

func (h clusterHandlers) stepDown(_ http.ResponseWriter, r *http.Request) (any, error) {
	s, _ := h.cluster.Status(r.Context()) // for the node's number, which it knows
	if err := h.cluster.StepDown(); err != nil {
		return nil, &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	audit.Of(r.Context()).Detail(map[string]int{"node": s.Node})
	return ClusterDone{s.Node, "steps down"}, nil
}

func (h clusterHandlers) snapshot(_ http.ResponseWriter, r *http.Request) (any, error) {
	s, _ := h.cluster.Status(r.Context())
	if err := h.cluster.Snapshot(r.Context()); err != nil {
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	return ClusterDone{s.Node, "has made a snapshot"}, nil
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

// NewFollower makes the handler of what a node of a cluster answers itself that does not lead. It does not
// authenticate. Options needs Cluster and Gatherer alone.
func NewFollower(opts Options) http.Handler {
	mux := http.NewServeMux()
	for _, r := range append(clusterRoutes(opts.Cluster), route{"GET", "/metrics", Read, "", "", 0, nil, nil, metrics(opts)}) {
		mux.Handle(r.method+" "+r.path, r.serve(answers{opts.Logger}, nil))
	}
	return mux
}

// OfEachNode reports whether each node of a cluster answers a request itself, also one that does not lead.
func OfEachNode(r *http.Request) bool {
	switch r.URL.Path {
	case "/metrics", "/v1/cluster":
		return r.Method == http.MethodGet
	}
	return r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/v1/cluster/nodes/")
}
