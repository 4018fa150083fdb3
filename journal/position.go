package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNotLeading is the error of a write on a node that does not lead its cluster, or not any
// more. Whether the write counts is decided by the log: it may be there.
var ErrNotLeading = errors.New("this node does not lead its cluster")

// PositionKey leads to how far the store has got in the log of its cluster.
var PositionKey = []byte{TableMeta, 'g'}

// Position is how far a store has got in the log of groups that the nodes of a cluster share.
type Position struct {
	// Cluster tells the log from all others.
	Cluster uint64
	// Seq is the number of the last message in the log that was applied; 0 is none.
	Seq uint64
	// Term is that of the leader who wrote it.
	Term uint64
	// Chain is a hash over all groups up to there: two stores with the same one have the same rows.
	Chain uint64
}

// AppendValue appends the position as it is stored: four numbers of 8 bytes.
func (p Position) AppendValue(dst []byte) []byte {
	for _, n := range [...]uint64{p.Cluster, p.Seq, p.Term, p.Chain} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	return dst
}

const positionLen = 4 * 8

// ReadPosition returns the position of a store; false for one that is of no cluster.
func ReadPosition(view pebble.Reader) (p Position, ok bool, err error) {
	v, err := value(view, PositionKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return p, false, nil
	case err == nil && len(v) != positionLen:
		err = ErrCorrupt
	}
	if err != nil {
		return p, false, fmt.Errorf("position in the log of the cluster: %w", err)
	}
	for i, n := range [...]*uint64{&p.Cluster, &p.Seq, &p.Term, &p.Chain} {
		*n = binary.BigEndian.Uint64(v[i*8:])
	}
	return p, true, nil
}
