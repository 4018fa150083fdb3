package journal

import (
	"slices"
	"time"
)

// Lineage is how a delivery came back from the dead-letter queue.
type Lineage struct {
	// Count is how often it was redriven.
	Count int `json:"count"`
	// Redrives are the latest of them, up to maxRedrives, the oldest first.
	Redrives []Redrive `json:"redrives"`
	// Out is set while the delivery is on its way, and gone once it rests in the
	// queue again.
	Out *Out `json:"out,omitempty"`
}

// Redrive is one way back from the dead-letter queue, and the death before it.
type Redrive struct {
	// Job is the id of the redrive that chose the letter.
	Job string    `json:"job"`
	At  time.Time `json:"at"`
	// As is what was sent: "stored" or "current".
	As string `json:"as"`
	// DiedAt, Code and Status are of the death that the redrive was to fix, and
	// Attempts is how many there had been by then.
	DiedAt   time.Time `json:"died_at,omitzero"`
	Code     string    `json:"error_code,omitempty"`
	Status   int       `json:"last_status,omitempty"`
	Attempts int       `json:"attempts"`
}

// Out is what a letter takes along to be put back as it was.
type Out struct {
	Lane  LaneID    `json:"lane"`
	Spent int       `json:"spent,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Attempts bounds those of this round; 0 leaves it to the target.
	Attempts int `json:"attempts,omitempty"`
	// Replaced means that the delivery's body was rendered anew; Body is then the
	// one that was fixed when the delivery was planned.
	Replaced bool   `json:"replaced,omitempty"`
	Body     []byte `json:"body,omitempty"`
	Notice   bool   `json:"notice,omitempty"`
	// Whole means that the planned body is the event itself.
	Whole bool `json:"whole,omitempty"`
}

// maxRedrives bounds the redrives kept with a delivery.
const maxRedrives = 8

// Redriven reports whether the delivery is on its way by a redrive.
func (d *Delivery) Redriven() bool { return d.Lineage != nil && d.Lineage.Out != nil }

// RedriveJob is the job of the latest redrive; empty where there was none.
func (d *Delivery) RedriveJob() string {
	if d.Lineage == nil || len(d.Lineage.Redrives) == 0 {
		return ""
	}
	return d.Lineage.Redrives[len(d.Lineage.Redrives)-1].Job
}

// With returns the lineage, which may be nil, with one more redrive that is out.
func (l *Lineage) With(r Redrive, out Out) *Lineage {
	next := &Lineage{Out: &out}
	if l != nil {
		next.Count = l.Count
		next.Redrives = slices.Clone(l.Redrives[max(0, len(l.Redrives)+1-maxRedrives):])
	}
	next.Count++
	next.Redrives = append(next.Redrives, r)
	return next
}

// Ended returns the lineage of a delivery that rests in the queue again.
func (l *Lineage) Ended() *Lineage { return &Lineage{Count: l.Count, Redrives: l.Redrives} }

// Undone returns the lineage without its latest redrive, which came to nothing.
func (l *Lineage) Undone() *Lineage {
	if l.Count <= 1 {
		return nil
	}
	return &Lineage{Count: l.Count - 1, Redrives: l.Redrives[:len(l.Redrives)-1]}
}

// Original is the body that was fixed when the delivery was planned, whatever a
// redrive sends now.
func (d *Delivery) Original() []byte {
	if !d.Redriven() || !d.Lineage.Out.Replaced {
		return d.Body
	}
	out := d.Lineage.Out
	if out.Whole {
		return nil
	}
	return append([]byte{}, out.Body...)
}

// Restore makes the body that was fixed when the delivery was planned the one
// that is sent.
func (d *Delivery) Restore() {
	if d.Redriven() && d.Lineage.Out.Replaced {
		d.Body, d.Notice = d.Original(), d.Lineage.Out.Notice
	}
}
