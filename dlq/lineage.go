package dlq

import (
	"cmp"
	"time"

	"signalbox/journal"
)

// What a redrive sends.
const (
	// Stored sends what was to be sent when the delivery was planned.
	Stored = "stored"
	// Current matches the event against today's rules and renders it anew.
	Current = "current"
)

// sending says how a letter leaves the queue.
type sending struct {
	job      string
	now      time.Time
	as       string
	attempts int
	// lane is where it goes; rendering, of Current, what is sent there.
	lane      journal.LaneID
	rendering Rendering
}

// out gives the move that sends a letter again. Everything that leaves the queue
// for a target leaves it here: as a ready delivery with its own id and a new
// round of attempts, which takes along what it needs to be put back.
func (l *Letter) out(s sending) journal.Move {
	from, to := &l.place, l.place
	r := journal.Redrive{Job: s.job, At: s.now, As: s.as, Attempts: from.Attempts}
	if from.Death != nil {
		r.DiedAt, r.Code, r.Status = from.Death.At, from.Death.Code, from.Death.Status
	}
	o := journal.Out{Lane: from.Lane, Spent: from.Spent, Since: from.Since, Attempts: s.attempts}
	if s.as == Current {
		o.Replaced, o.Body, o.Whole, o.Notice = true, from.Body, from.Body == nil, from.Notice
		to.Body, to.Notice = s.rendering.Body, s.rendering.Notice
	}
	to.State, to.Lane = journal.Ready, s.lane
	to.Spent, to.Since = from.Attempts, s.now
	to.Lineage = from.Lineage.With(r, o)
	return journal.Move{From: l.place, To: &to, Record: &l.record}
}

// Returned gives a redriven delivery as it is put back without having reached
// its target: one that was not attempted as the letter that it was, another as
// one that died again of its latest failure.
func Returned(d journal.Delivery, now time.Time) journal.Delivery {
	out := d.Lineage.Out
	attempted := d.Attempts > d.Spent
	d.Restore()
	d.State, d.Due = journal.Dead, time.Time{}
	if !attempted {
		d.Lane, d.Spent, d.Since, d.Lineage = out.Lane, out.Spent, out.Since, d.Lineage.Undone()
		return d
	}
	d.Lineage = d.Lineage.Ended()
	death := journal.Death{}
	if d.Death != nil {
		death = *d.Death
	}
	last := d.History[len(d.History)-1]
	death.At, death.Code, death.Message, death.Status = now.UTC(), last.Code, last.Message, last.Status
	death.Condition, death.Snippet = "", ""
	d.Death = &death
	return d
}

// DiedAgain closes the round of a delivery that goes back to the queue: it is
// again to be sent what was fixed when it was planned.
func DiedAgain(d *journal.Delivery) {
	if d.Redriven() {
		d.Restore()
		d.Lineage = d.Lineage.Ended()
	}
}

// place names a letter.
type place struct {
	Seq journal.Seq `json:"seq"`
	N   uint16      `json:"n"`
}

func placeOf(d *journal.Delivery) place { return place{d.Seq, d.N} }

func (a place) compare(b place) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.N, b.N)) }
