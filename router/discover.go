package router

import (
	"context"
	"time"

	"signalbox/catalog"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Discovered is what the latest events tell of their types.
type Discovered struct {
	// Examined counts the events, From is when the oldest of them was accepted.
	Examined int                 `json:"examined"`
	From     time.Time           `json:"from,omitzero"`
	Types    []catalog.Discovery `json:"types"`
}

// discover looks at the latest events that are kept, up to limit, accepted at since
// or later, and says what the details of each type look like, and where they differ
// from the catalog.
func discover(ctx context.Context, j *store.Journal, declared *catalog.Catalog, since time.Time, limit int) (*Discovered, error) {
	found := &Discovered{}
	d := catalog.NewDiscoverer(declared)
	var fault error
	err := j.Events.Latest(journal.SeqAt(since), ^journal.Seq(0), func(rec journal.Record) bool {
		if fault = ctx.Err(); fault != nil {
			return false
		}
		e, err := rec.Parsed()
		if err != nil {
			fault = err
			return false
		}
		d.Add(e.DetailType, e.Source, e.Detail)
		found.From = rec.Seq.Time()
		found.Examined++
		return found.Examined < limit
	})
	if err == nil {
		err = fault
	}
	found.Types = d.Result()
	return found, err
}
