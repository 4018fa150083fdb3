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

// sending is how a dead letter leaves the queue.
type sending struct {
	job      string
	now      time.Time
	as       string
	attempts int
	// lane is where it goes; rendering, of Current, what is sent there.
	lane      journal.LaneID
	rendering Rendering
}

// out returns the move that sends a dead letter again. Everything that leaves the queue
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

// place names a dead letter.
type place struct {
	Seq journal.Seq `json:"seq"`
	N   uint16      `json:"n"`
}

func placeOf(d *journal.Delivery) place { return place{d.Seq, d.N} }

func (a place) compare(b place) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.N, b.N)) }
