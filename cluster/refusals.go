package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// refusedPrefix is what the keys begin with at which nodes keep whom they have refused, until the leader has it in the
// audit: their number and the entry's time follow.
const refusedPrefix = "refused."

// Refusals are the audit's store of a node that does not lead.
type Refusals struct{ *Node }

// Put keeps an entry for the leader.
func (r Refusals) Put(at uint64, entry []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	_, err := r.bucket.Put(ctx, fmt.Sprintf("%s%d.%d", refusedPrefix, r.opts.Node, at), entry)
	return err
}

// Latest has none: they are the leader's to show.
func (r Refusals) Latest(uint64, func(uint64, []byte) bool) error { return nil }

// Refusals puts into the audit whom nodes have refused that do not lead, until ctx or the term ends.
func (t *Term) Refusals(ctx context.Context, put func(at uint64, entry []byte) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	for {
		if err := t.node.takeRefusals(ctx, put); err != nil && ctx.Err() == nil {
			t.node.log.Debug("whom other nodes have refused can't be looked at now", zap.Error(err))
		}
		if pause(ctx, tellEvery) != nil {
			return
		}
	}
}

func (n *Node) takeRefusals(ctx context.Context, put func(at uint64, entry []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	keys, _, err := n.bucketKeys(ctx, refusedPrefix+"*.*")
	if err != nil {
		return err
	}
	for _, key := range keys {
		e, err := n.bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		at, err := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
		if err == nil {
			err = put(at, e.Value())
		}
		if err != nil {
			return err
		}
		// Not a later one of that entry, which has counted more.
		if err := n.bucketStream.Purge(ctx, jetstream.WithPurgeSubject(n.bucketSubject(key)), jetstream.WithPurgeSequence(e.Revision()+1)); err != nil {
			return err
		}
	}
	return nil
}
