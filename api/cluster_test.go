package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/catalog"
	"signalbox/cluster"
	"signalbox/router"
)

// nodes is a cluster of two, of which the first answers and leads.
type nodes struct {
	leads   bool
	alone   bool
	did     []string
	removed int
}

// Number is that of the first.
func (n *nodes) Number() int { return 1 }

// Status tells of both nodes.
func (n *nodes) Status(context.Context) (cluster.Status, error) {
	s := cluster.Status{Name: "orders", Node: 1, Nodes: []cluster.NodeStatus{{Node: 1, URL: "http://a", Role: cluster.Leading}, {Node: 2, URL: "http://b", Role: cluster.Following, LagGroups: 7}}}
	if n.alone {
		s.Nodes = s.Nodes[:1]
		return s, errors.New("no servers")
	}
	s.Leader = &cluster.Leader{Node: 1, URL: "http://a", Term: 3}
	return s, nil
}

// StepDown steps down once.
func (n *nodes) StepDown(context.Context) error {
	if !n.leads {
		return errors.New("this node does not lead")
	}
	n.leads = false
	return nil
}

// Snapshot counts.
func (n *nodes) Snapshot(context.Context) error {
	n.did = append(n.did, "snapshot")
	return nil
}

// Remove forgets node 2 alone.
func (n *nodes) Remove(_ context.Context, node int) error {
	if node != 2 {
		return errors.New("there is no other node")
	}
	n.removed = node
	return nil
}

func TestCluster(t *testing.T) {
	w := newWorld(t)
	s, err := w.client.Cluster.Status(t.Context())
	must(t, err)
	if s.Leader == nil || s.Leader.Node != 1 || len(s.Nodes) != 2 || s.Nodes[1].LagGroups != 7 || s.Problem != "" {
		t.Errorf("got %+v", s)
	}
	done, err := w.client.Cluster.StepDown(t.Context())
	if must(t, err); done.Node != 1 || w.nodes.leads {
		t.Errorf("got %+v", done)
	}
	if _, err := w.client.Cluster.StepDown(t.Context()); statusOf(err) != http.StatusConflict {
		t.Errorf("twice: %v", err)
	}
	if _, err := w.client.Cluster.Snapshot(t.Context()); err != nil || len(w.nodes.did) != 1 {
		t.Errorf("%v, %v", err, w.nodes.did)
	}
	if _, err := w.client.Cluster.Remove(t.Context(), 2); err != nil || w.nodes.removed != 2 {
		t.Errorf("%v, %d", err, w.nodes.removed)
	}
	if _, err := w.client.Cluster.Remove(t.Context(), 5); statusOf(err) != http.StatusConflict {
		t.Errorf("none: %v", err)
	}
	if _, err := w.client.Cluster.Remove(t.Context(), 0); statusOf(err) != http.StatusBadRequest {
		t.Errorf("no number: %v", err)
	}
	w.nodes.alone = true
	if s, err := w.client.Cluster.Status(t.Context()); err != nil || s.Leader != nil || !strings.Contains(s.Problem, "no servers") {
		t.Errorf("without the servers: %+v, %v", s, err)
	}
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Status
	}
	return 0
}

// TestAFollowerAnswersForItself what it has, and the leader answers the rest.
func TestAFollowerAnswersForItself(t *testing.T) {
	w := newWorld(t)
	id := w.accept("500")[0]
	asked := ""
	leader := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(http.StatusTeapot)
	})
	f := api.Follower{Cluster: new(nodes), Gatherer: prometheus.NewRegistry(), Logger: zap.NewNop(), Leader: leader,
		Reading: router.NewReading(w.journal, func() *catalog.Catalog { return w.router.Rules().Catalog }, zap.NewNop())}
	h := f.Handler()
	for _, c := range []struct {
		method, path  string
		each, ofStore bool
		want          int
	}{
		{"GET", "/v1/cluster", true, false, http.StatusOK},
		{"GET", "/metrics", true, false, http.StatusOK},
		{"DELETE", "/v1/cluster/nodes/2", false, false, 0}, // the leader has the audit
		{"POST", "/v1/cluster/step-down", false, false, http.StatusConflict},
		{"GET", "/v1/events", false, true, http.StatusOK},
		{"GET", "/v1/events/" + id, false, true, http.StatusOK},
		{"GET", "/v1/events/" + id + "/trace", false, true, http.StatusOK},
		{"GET", "/v1/events/none", false, true, http.StatusTeapot},
		{"GET", "/v1/events?limit=x", false, true, http.StatusBadRequest},
		{"GET", "/v1/events/stream", false, false, 0},
		{"GET", "/v1/deadletters", false, true, http.StatusOK},
		{"GET", "/v1/state", false, true, http.StatusOK},
		{"GET", "/v1/targets", false, false, http.StatusTeapot},
		{"POST", "/v1/events", false, false, 0},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
		if api.OfEachNode(r) != c.each || api.OfStore(r) != c.ofStore {
			t.Errorf("%s %s: of each node %v, of the store %v", c.method, c.path, api.OfEachNode(r), api.OfStore(r))
		}
		if c.want == 0 {
			continue
		}
		w := httptest.NewRecorder()
		asked = ""
		h.ServeHTTP(w, r)
		if w.Code != c.want || (asked != "") != (c.want == http.StatusTeapot) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}
