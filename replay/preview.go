package replay

import (
	"cmp"
	"context"
	"slices"
	"time"

	"signalbox/journal"
	"signalbox/targets"
)

// Preview is what a replay would do now.
type Preview struct {
	// From and To bound when the events were accepted.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Missing means that older events were asked for than are kept.
	Missing bool `json:"missing,omitempty"`
	// ArchivedTo is set where events come from archives: those accepted before it, without what
	// no archive takes.
	ArchivedTo time.Time `json:"archived_to,omitzero"`
	// Looked counts the events that were looked at, Events those that the request means and
	// that would be sent somewhere, Deliveries what would be sent.
	Looked     int `json:"looked"`
	Events     int `json:"events"`
	Deliveries int `json:"deliveries"`
	// LookedTo is set where the look ended early: later events are not counted.
	LookedTo time.Time `json:"looked_to,omitzero"`
	// Rules counts Deliveries by rule and target.
	Rules []RuleCount `json:"rules"`
	// LeftOut counts what is not sent, by the reason.
	LeftOut map[string]int `json:"left_out,omitempty"`
	// Overlaps are the replays at work that send events of the same time.
	Overlaps []string `json:"overlaps,omitempty"`
	// Samples are the first deliveries.
	Samples []Sample `json:"samples"`
}

// RuleCount counts what would be sent by a rule to a target.
type RuleCount struct {
	Bus        string `json:"bus"`
	Rule       string `json:"rule"`
	Target     string `json:"target"`
	Deliveries int    `json:"deliveries"`
}

// Sample is a delivery that a replay would make.
type Sample struct {
	ID         string    `json:"id"`
	EventID    string    `json:"event_id"`
	DetailType string    `json:"detail_type"`
	Received   time.Time `json:"received"`
	Rule       string    `json:"rule"`
	Target     string    `json:"target"`
	// Error is why the request can't be rendered: the delivery would be a dead letter.
	Error string `json:"error,omitempty"`
	// Request is what would be sent, with secrets masked.
	Request *targets.Request `json:"request,omitempty"`
}

const (
	// maxLooked bounds the events that a preview looks at.
	maxLooked = 2_000_000
	// samples are the deliveries that a preview shows.
	samples = 3
	// previewed is the name in the samples of a replay that has none yet.
	previewed = "preview"
)

// Preview returns what a replay would do now, and changes nothing.
func (r *Replays) Preview(ctx context.Context, req Request) (Preview, error) {
	in := r.opts.Planner()
	s, err := r.span(&req, in)
	if err != nil {
		return Preview{}, err
	}
	req.Name = cmp.Or(req.Name, previewed)
	c, err := req.compile(&r.opts)
	if err != nil {
		return Preview{}, err
	}
	v := viewer{Replays: r, chooser: c, planner: in, counts: map[RuleCount]int{}}
	v.From, v.To, v.LeftOut, v.Samples, v.Rules = s.from.Time(), s.before.Time(), map[string]int{}, []Sample{}, []RuleCount{}
	v.Missing = journal.SeqAt(req.Since) > 0 && journal.SeqAt(req.Since) < s.from
	v.ArchivedTo = r.archivedTo(s.from)
	v.Overlaps = r.overlaps(s)
	err = v.look(ctx, s)
	return v.done(), err
}

// viewer counts what would be sent.
type viewer struct {
	*Replays
	Preview
	chooser *chooser
	planner Planner
	counts  map[RuleCount]int
}

func (v *viewer) look(ctx context.Context, s span) error {
	var fault error
	err := v.opts.Past.BetweenContext(ctx, s.from, s.before, func(rec journal.Record) bool {
		if v.Looked == maxLooked {
			v.LookedTo = rec.Seq.Time()
			return false
		}
		v.Looked++
		var p *subject
		if p, fault = v.chooser.choose(v.planner, &rec, v.LeftOut); p != nil {
			v.count(p)
		}
		if fault == nil {
			fault = ctx.Err()
		}
		return fault == nil
	})
	return cmp.Or(fault, err)
}

func (v *viewer) count(p *subject) {
	if len(p.sends) > 0 {
		v.Events++
	}
	for i := range p.sends {
		s := &p.sends[i]
		v.Deliveries++
		v.counts[RuleCount{Bus: s.Rule.Bus, Rule: s.Rule.Name, Target: s.Target}]++
		if len(v.Samples) < samples {
			v.Samples = append(v.Samples, v.sample(p, s))
		}
	}
}

func (v *viewer) sample(p *subject, s *Send) Sample {
	v.planner.Render(p.event, p.record, p.envelope, s)
	shown := Sample{
		ID: v.chooser.deliveryID(p, s), EventID: p.event.ID, DetailType: p.event.DetailType,
		Received: p.record.Seq.Time(), Rule: s.Rule.Name, Target: s.Target,
	}
	if s.Err != nil {
		shown.Error = s.Err.Error()
		return shown
	}
	d := targets.Delivery{
		ID: shown.ID, EventID: p.event.ID, Bus: p.event.Meta.Bus, Rule: s.Rule.Name, RuleTarget: s.To.ID, Target: s.Target,
		Attempt: 1, Envelope: p.envelope, Body: s.Body, Meta: &p.event.Meta, Replay: v.chooser.Name, Parameters: s.To.Parameters,
	}
	if s.Notice {
		d.Envelope, d.Body = s.Body, nil
	}
	req, err := v.opts.Request(s.Target, &d)
	if err != nil {
		shown.Error = err.Error()
	} else {
		shown.Request = &req
	}
	return shown
}

func (v *viewer) done() Preview {
	for c, n := range v.counts {
		c.Deliveries = n
		v.Rules = append(v.Rules, c)
	}
	slices.SortFunc(v.Rules, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Target, b.Target))
	})
	return v.Preview
}
