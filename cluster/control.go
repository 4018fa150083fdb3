package cluster

import (
	"context"
	"errors"
)

// errFollows is the error of what only the leader does.
var errFollows = errors.New("this node does not lead the cluster")

// Control is what people tell a node to do. Store is the leader's, nil on the others.
type Control struct {
	*Node
	Store Source
}

// StepDown ends the term of this node in good order, so that another takes over.
func (c *Control) StepDown() error {
	t := c.Term()
	if t == nil {
		return errFollows
	}
	t.StepDown()
	return nil
}

// Snapshot makes a snapshot of the leader's store now.
func (c *Control) Snapshot(ctx context.Context) error {
	if c.Store == nil || c.Term() == nil {
		return errFollows
	}
	return c.Node.Snapshot(ctx, c.Store)
}
