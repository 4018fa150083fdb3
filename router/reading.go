package router

import (
	"fmt"

	"go.uber.org/zap"

	"signalbox/archive/past"
	"signalbox/catalog"
	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/state"
	"signalbox/trace"
)

// Reading is what can be read of a store that another router writes: the events, what came of them, dead
// letters, and the states of objects.
type Reading struct {
	Traces      *trace.Reader
	DeadLetters *dlq.Queue
	States      *state.Keeper
}

// NewReading returns what can be read of a store that follows. The catalog may change.
func NewReading(j *store.Journal, types func() *catalog.Catalog, log *zap.Logger) *Reading {
	kept, lanes := past.Of(j.Events, j.Seqs), followed{j}
	return &Reading{
		Traces:      trace.NewReader(j, kept, lanes.TargetName),
		DeadLetters: dlq.New(dlq.Options{Journal: j, Lanes: lanes, Log: log}),
		States:      state.NewKeeper(state.NewReader(j, kept, types), log),
	}
}

// followed are the lanes of another router, of which the names alone are known.
type followed struct{ journal *store.Journal }

// TargetName is as Lanes has it.
func (f followed) TargetName(id journal.LaneID) string {
	if name, ok := f.journal.Lanes.Name(id); ok {
		return name
	}
	return fmt.Sprintf("lane-%d", id)
}

// LaneID knows no target that deliveries could be sent to.
func (followed) LaneID(string) (journal.LaneID, bool) { return 0, false }

// BreakerOpen knows of no circuit.
func (followed) BreakerOpen(string) bool { return false }

// Requeue does nothing: the other router delivers.
func (followed) Requeue(journal.Delivery) {}

// Recall does nothing.
func (followed) Recall(journal.Delivery) {}
