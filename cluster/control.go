package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// errFollows is the error of what only the leader does.
var errFollows = errors.New("this node does not lead the cluster")

// Control is what people tell a node to do. Store is the leader's, nil on the others.
type Control struct {
	*Node
	Store Source
}

// StepDown ends the term of this node in good order, so that another takes over. It refuses where no other could at
// once.
func (c *Control) StepDown(ctx context.Context) error {
	t := c.Term()
	if t == nil {
		return errFollows
	}
	others, err := c.others(ctx)
	if err != nil {
		return fmt.Errorf("the other nodes can't be looked at: %w", err)
	}
	if !slices.ContainsFunc(others, func(s NodeStatus) bool { return s.Role == Following && s.Note == "" }) {
		return errors.New("no other node follows that has the same rule files, so that nobody would lead: see signalbox cluster status")
	}
	t.StepDown()
	return nil
}

// Snapshot makes a snapshot of the leader's store now.
func (c *Control) Snapshot(ctx context.Context) error {
	t := c.Term()
	if c.Store == nil || t == nil {
		return errFollows
	}
	return t.Snapshot(ctx, c.Store)
}
