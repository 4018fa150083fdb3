package journal

import (
	"runtime"

	"github.com/cockroachdb/pebble/v2"
)

// Source is what the parts of an open store are made of.
type Source struct {
	DB      *pebble.DB
	Numbers Numbers
	Commit  Committer
	// Lanes returns all lanes by their names, Suspended the pauses that suspend something.
	Lanes     func() map[string]LaneID
	Suspended func() []HoldID
}

// Parts are what can be read of an open store, each with the tables that it knows.
type Parts struct {
	Events     *Events
	Deliveries *Deliveries
	Keys       *OrderingKeys
	Traces     *Traces
	Repeats    *Repeats
	Objects    *Objects
	Works      *Works
	Pauses     *Pauses
	Jobs       *Jobs
	Audit      *Audit
	Archives   *Marks
	Schedules  *Marks
	Documents  *Documents
	Meta       *Meta
}

// NewParts returns the parts of an open store.
func NewParts(s Source) Parts {
	return Parts{
		Events:     &Events{s.DB, s.Numbers},
		Deliveries: &Deliveries{db: s.DB, turns: make(chan struct{}, runtime.GOMAXPROCS(0))},
		Keys:       &OrderingKeys{s.DB},
		Traces:     &Traces{db: s.DB, lanes: s.Lanes, holding: s.Suspended},
		Repeats:    &Repeats{s.DB, s.Numbers, s.Commit},
		Objects:    &Objects{s.DB, s.Numbers, s.Commit},
		Works:      &Works{s.DB, s.Numbers},
		Pauses:     &Pauses{s.DB, s.Commit},
		Jobs:       &Jobs{s.DB},
		Audit:      &Audit{s.DB, s.Commit},
		Archives:   &Marks{tableArchive, s.DB, s.Commit},
		Schedules:  &Marks{tableSchedule, s.DB, s.Commit},
		Documents:  &Documents{s.DB, s.Commit},
		Meta:       &Meta{s.DB, s.Commit},
	}
}
