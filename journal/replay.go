package journal

import (
	"cmp"
	"fmt"
)

// Replay is what a delivery knows of the replay that planned it.
type Replay struct {
	Name string `json:"name"`
	// Lane is that of the target. Until it ends or dies, the delivery is in one that the
	// replay has beside it.
	Lane LaneID `json:"lane"`
	// New means that the delivery has an id of its own, and not that of the one which the
	// same rule planned when the event was accepted.
	New bool `json:"new,omitempty"`
}

// FirstReplayed is the least number of a delivery that a replay has planned: those that were
// planned when the event was accepted are below.
const FirstReplayed = 1 << 15

// ID returns the delivery's id for life. Bus is that of its event.
func (d *Delivery) ID(bus string) string {
	entry := d.RuleTarget
	switch {
	case d.Forward != nil:
		entry = fmt.Sprintf("%s\x00%s\x00%d", entry, d.Forward.Of, d.Forward.Round)
	case d.Replay != nil && d.Replay.New:
		entry += "\x00" + d.Replay.Name
	}
	return DeliveryID(d.Seq, cmp.Or(d.Bus, bus), d.Rule, entry)
}

// ReplayName returns the name of the replay that planned the delivery, or the dead letter that it is
// of; empty for none.
func (d *Delivery) ReplayName() string {
	switch {
	case d.Forward != nil:
		return d.Forward.Replay
	case d.Replay != nil:
		return d.Replay.Name
	}
	return ""
}

// Past is a delivery that is planned of an event which was accepted before.
type Past struct {
	Delivery Delivery
	// Record is the event, which is put back where retention has dropped it.
	Record *Record
}

// LaneEnd ends a lane: its name and number are forgotten, and its counters become part of
// those of another.
type LaneEnd struct {
	Name     string
	ID, Into LaneID
}
