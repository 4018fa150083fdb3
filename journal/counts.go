package journal

import "encoding/binary"

// Counts are the accounts of one lane, or of all of them, in deliveries. At
// every moment Planned = Ready + Waiting + Parked + Held + Dead + Delivered + Dropped +
// Logged.
type Counts struct {
	Planned   uint64 `json:"planned"`
	Ready     uint64 `json:"ready"`
	Waiting   uint64 `json:"waiting"`
	Dead      uint64 `json:"dead"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`
	// Parked deliveries wait behind another of their ordering key.
	Parked uint64 `json:"parked"`
	// BlockedKeys counts the ordering keys whose head waits for another attempt, or
	// that are stopped, or that have parked deliveries.
	BlockedKeys uint64 `json:"blocked_keys"`
	// Held deliveries are suspended by a paused rule or a draining target.
	Held uint64 `json:"held"`
	// Logged deliveries of synthetic events were logged in place of being sent.
	Logged uint64 `json:"logged"`
}

// Pending is what has neither ended nor died.
func (c Counts) Pending() uint64 { return c.Ready + c.Waiting + c.Parked + c.Held }

// Balanced reports whether the accounts agree with themselves.
func (c Counts) Balanced() bool {
	return c.Planned == c.Ready+c.Waiting+c.Parked+c.Held+c.Dead+c.Delivered+c.Dropped+c.Logged
}

// Add adds the counts of another lane.
func (c *Counts) Add(o Counts) {
	c.Planned += o.Planned
	c.Ready += o.Ready
	c.Waiting += o.Waiting
	c.Dead += o.Dead
	c.Delivered += o.Delivered
	c.Dropped += o.Dropped
	c.Parked += o.Parked
	c.BlockedKeys += o.BlockedKeys
	c.Held += o.Held
	c.Logged += o.Logged
}

// Sub takes the counts of a lane away that were added before.
func (c *Counts) Sub(o Counts) {
	others := o.fields()
	for i, f := range c.fields() {
		*f -= *others[i]
	}
}

// Of returns the account that deliveries of a state are in.
func (c *Counts) Of(s State) *uint64 {
	switch s {
	case Waiting:
		return &c.Waiting
	case Dead:
		return &c.Dead
	case Parked:
		return &c.Parked
	case Held:
		return &c.Held
	default:
		return &c.Ready
	}
}

// Ended returns the account that deliveries with an end are in.
func (c *Counts) Ended(e End) *uint64 {
	switch e {
	case Dropped:
		return &c.Dropped
	case Logged:
		return &c.Logged
	default:
		return &c.Delivered
	}
}

// firstFields is how many fields the oldest stores have.
const firstFields = 6

// fields are in the order in which they are stored. What came later is at the end,
// and missing in older stores.
func (c *Counts) fields() [10]*uint64 {
	return [10]*uint64{&c.Planned, &c.Ready, &c.Waiting, &c.Dead, &c.Delivered, &c.Dropped, &c.Parked, &c.BlockedKeys, &c.Held, &c.Logged}
}

// AppendValue appends the counts as they are stored.
func (c *Counts) AppendValue(dst []byte) []byte {
	for _, f := range c.fields() {
		dst = binary.AppendUvarint(dst, *f)
	}
	return dst
}

// ReadValue reads what AppendValue has written; the error is ErrCorrupt.
func (c *Counts) ReadValue(v []byte) error {
	r := reader{rest: v}
	for i, f := range c.fields() {
		if i >= firstFields && len(r.rest) == 0 {
			break
		}
		*f = r.uvarint()
	}
	if r.broken {
		return ErrCorrupt
	}
	return nil
}

// EventCounts are the accounts of events.
type EventCounts struct {
	// Accepted events have been acknowledged to their producers.
	Accepted uint64 `json:"accepted"`
	// Unmatched events are accepted ones that no rule matched.
	Unmatched uint64 `json:"unmatched"`
	// Duplicates were answered with the event that came first, and are not among
	// the accepted ones. A store that never met one has no such number.
	Duplicates uint64 `json:"duplicates"`
}

// AppendValue appends the counts as they are stored.
func (c *EventCounts) AppendValue(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, c.Accepted)
	return binary.AppendUvarint(binary.AppendUvarint(dst, c.Unmatched), c.Duplicates)
}

// ReadValue reads what AppendValue has written.
func (c *EventCounts) ReadValue(v []byte) {
	r := reader{rest: v}
	c.Accepted, c.Unmatched, c.Duplicates = r.uvarint(), r.uvarint(), r.uvarint()
}

// EventsLane is the lane id under which the counts of events are kept.
const EventsLane = ^LaneID(0)

// verifyCount checks a row of its table.
func verifyCount(v *verifier, k, value []byte) {
	if len(k) != 5 {
		v.fault("count %x: the key is not valid", k)
		return
	}
	l := LaneID(binary.BigEndian.Uint32(k[1:]))
	if l == EventsLane {
		v.Accepted.ReadValue(value)
		return
	}
	var c Counts
	if err := c.ReadValue(value); err != nil {
		v.fault("accounts of lane %d: %v", l, err)
		return
	}
	v.told[l] = c
}
