package store

import (
	"encoding/binary"
	"fmt"
	"sync"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
)

// Lanes are the numbers of targets, by their names.
type Lanes struct {
	commit journal.Committer
	mu     sync.Mutex
	ids    map[string]journal.LaneID
}

// Lane returns the id of a target's lane, and makes one for a new target.
func (n *Lanes) Lane(name string) (journal.LaneID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[name]; ok {
		return id, nil
	}
	var id journal.LaneID
	for _, used := range n.ids {
		id = max(id, used+1)
	}
	if err := n.commit(func(b *pebble.Batch) error {
		return b.Set(journal.LaneKey(name), binary.BigEndian.AppendUint32(nil, uint32(id)), nil)
	}); err != nil {
		return 0, fmt.Errorf("lane of target %q: %w", name, err)
	}
	n.ids[name] = id
	return id, nil
}

// forget forgets a lane that has ended.
func (n *Lanes) forget(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ids, name)
}

// load reads the lanes when the store is opened.
func (n *Lanes) load(view pebble.Reader) error {
	return journal.Scan(view, []byte{journal.TableLane}, []byte{journal.TableLane + 1}, func(k, v []byte) (bool, error) {
		if len(v) != 4 {
			return false, journal.ErrCorrupt
		}
		n.ids[string(k[1:])] = journal.LaneID(binary.BigEndian.Uint32(v))
		return true, nil
	})
}

// Name returns the name of a lane's target; false if the journal has no such lane.
func (n *Lanes) Name(id journal.LaneID) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, l := range n.ids {
		if l == id {
			return name, true
		}
	}
	return "", false
}

// All returns every lane that the journal has ever had, by its target's name.
func (n *Lanes) All() map[string]journal.LaneID {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := make(map[string]journal.LaneID, len(n.ids))
	for n, id := range n.ids {
		m[n] = id
	}
	return m
}
