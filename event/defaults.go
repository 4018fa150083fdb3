package event

import (
	"cmp"
	"time"
)

// Defaults are what an event gets where it does not say otherwise.
type Defaults struct {
	ID, Account, Region, Bus string
	Time                     time.Time
}

// Complete fills in what an event does not say, as if it had been accepted at its time.
func (e *Event) Complete(d Defaults) {
	e.ID, e.Account, e.Region = cmp.Or(e.ID, d.ID), cmp.Or(e.Account, d.Account), cmp.Or(e.Region, d.Region)
	e.Meta.Bus = cmp.Or(e.Meta.Bus, d.Bus)
	if e.Time.IsZero() {
		e.Time = d.Time
	}
	e.Meta.Received = e.Time
}
