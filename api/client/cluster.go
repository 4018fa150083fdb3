package client

import (
	"context"
	"net/http"
	"strconv"

	"signalbox/api"
	"signalbox/cluster"
)

// Cluster is the cluster that the router is a node of.
type Cluster struct{ *conn }

// Status returns who leads, and how far each node is.
func (c Cluster) Status(ctx context.Context) (s cluster.Status, err error) {
	return s, c.get(ctx, "/v1/cluster", nil, &s)
}

// StepDown lets another node lead.
func (c Cluster) StepDown(ctx context.Context) (done api.ClusterDone, err error) {
	return done, c.act(ctx, "/v1/cluster/step-down", &done)
}

// Snapshot has the leader make a snapshot.
func (c Cluster) Snapshot(ctx context.Context) (done api.ClusterDone, err error) {
	return done, c.act(ctx, "/v1/cluster/snapshot", &done)
}

// Remove forgets a node that is gone.
func (c Cluster) Remove(ctx context.Context, node int) (done api.ClusterDone, err error) {
	return done, c.do(ctx, http.MethodDelete, "/v1/cluster/nodes/"+strconv.Itoa(node), "", nil, &done)
}
