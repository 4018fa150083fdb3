package cluster

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// apartEvery is how often a leader looks which servers lead the streams that it writes.
const apartEvery = 5 * time.Second

// keepApart has other servers lead the log and the bucket of the lease than the one that fails together with this node,
// until ctx ends. So a machine that is lost takes the leader of the routers or those of the streams, and not both:
// servers take 4 to 9 s to elect, and longer where two streams elect.
func (t *Term) keepApart(ctx context.Context) {
	n := t.node
	for n.opts.Server != "" {
		for _, stream := range []jetstream.Stream{n.stream, n.bucketStream} {
			if err := n.moveLeader(ctx, stream); err != nil && ctx.Err() == nil {
				n.log.Debug("the leader of a stream can't be moved to another machine now", zap.Error(err))
			}
		}
		if pause(ctx, apartEvery) != nil {
			return
		}
	}
}

// moveLeader has another server lead a stream than this node's, where there is one that has all of it.
func (n *Node) moveLeader(ctx context.Context, stream jetstream.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	c := info.Cluster
	if c == nil || c.Leader != n.opts.Server || !slices.ContainsFunc(c.Replicas, func(p *jetstream.PeerInfo) bool { return p.Current && !p.Offline }) {
		return nil
	}
	// The client of JetStream has no call for it; see https://docs.nats.io/reference/reference-protocols/nats_api_reference
	m, err := n.nc.RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+info.Config.Name, nil)
	if err != nil {
		return err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	n.log.Info("another server leads a stream, as this node leads the cluster", zap.String("stream", info.Config.Name), zap.String("before", c.Leader))
	return nil
}
