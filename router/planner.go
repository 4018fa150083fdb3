package router

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"signalbox/catalog"
	"signalbox/commands"
	"signalbox/commands/work"
	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/router/pause"
	"signalbox/router/render"
	"signalbox/rules"
	"signalbox/state"
	"signalbox/targets"
	"signalbox/trace"
)

// planner plans events with one revision of the rules.
type planner struct {
	*snapshot
	opts     *Options
	holds    *pause.Holds
	commands *commands.Service
	// room is where plans are made; nil where they are to be kept.
	room *room
}

// planner returns what plans with the rules that serve now.
func (r *Router) planner() planner {
	return planner{snapshot: r.snapshot.Load(), opts: &r.opts, holds: r.Pauses.Holds(), commands: r.Commands}
}

// maxDeliveries is how many deliveries one event can have: their numbers, which
// name them, are of 16 bits, and most of them are for replays and dead letters.
const maxDeliveries = journal.FirstForwarded

// plan is what is to be done with one event.
type plan struct {
	event    *event.Event
	seq      journal.Seq
	given    bool // the id is the producer's
	envelope []byte
	matched  []rules.Matched
	sends    []send
	// findings are what ingest let in with a warning.
	findings []catalog.Finding
	// object is what the event tells the state of; nil for none.
	object  *journal.Object
	handler work.Handler // of a command or a query
	env     render.Env   // for ordering keys
}

// send is one planned delivery.
type send struct {
	lane *delivery.Lane
	rule *rules.Rule
	hold journal.HoldID // where it is suspended; 0 if it is not
	to   *rules.RuleTarget
	body []byte
	// notice means that body is the envelope to be sent in place of the event's.
	notice bool
	key    string // the ordering key
	err    error  // the body can't be rendered, or the ordering key not be told
}

// localBus returns the name of a bus that is given by name, by ARN, or not at all. The ARN
// of another account or region stays as it is: no bus here has that name.
func (o *Options) localBus(bus string) string {
	if name, account, region, ok := event.BusOfARN(bus); ok && account == o.Account && region == o.Region {
		return name
	}
	return cmp.Or(bus, rules.DefaultBus)
}

// prepare fills in what an event does not say, matches it, and plans its
// deliveries.
func (in planner) prepare(e *event.Event, seq journal.Seq) (plan, error) {
	e.Meta.Bus = in.opts.localBus(e.Meta.Bus)
	if _, ok := in.set.Buses[e.Meta.Bus]; !ok {
		return plan{}, &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf("Event bus %s does not exist.", e.Meta.Bus)}
	}
	if err := e.Check(); err != nil {
		return plan{}, err
	}
	if e.Meta.Hops > in.opts.MaxHops {
		return plan{}, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"This is hop %d, and max_hops is %d: is there a loop in the rules? Its path: %s", e.Meta.Hops, in.opts.MaxHops, event.PathText(e.Meta.Path, e.DetailType))}
	}
	p := plan{event: e, seq: seq, given: e.ID != ""}
	in.date(e, seq)
	in.set.Catalog.SetKind(e)
	var err error
	if p.findings, err = in.inspect(e); err != nil {
		return plan{}, err
	}
	var keyless *state.Keyless
	switch p.object, err = state.Told(in.set.Catalog, e); {
	case errors.As(err, &keyless):
		p.findings = append(p.findings, catalog.Finding{Code: catalog.CodeKeyless, Type: e.DetailType, Message: keyless.Error(), Path: keyless.Path})
	case err != nil:
		return plan{}, err
	}
	p.envelope = e.Envelope()
	p.matched = in.set.Match(e, p.envelope, in.room.forMatched())
	in.room.keepMatched(p.matched)
	p.sends = in.room.forSends()
	for _, m := range p.matched {
		if m.Err != nil || m.Rule.State == rules.Shadow {
			continue
		}
		if len(p.sends)+len(m.Rule.Targets) > maxDeliveries {
			return plan{}, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
				"The rules send this event to more than %d targets.", maxDeliveries)}
		}
		for i := range m.Rule.Targets {
			s := in.render(&p, m.Rule, &m.Rule.Targets[i])
			s.hold = in.holds.Of(m.Rule.Bus, m.Rule.Name, s.to.Target)
			p.sends = append(p.sends, s)
		}
	}
	in.room.keepSends(p.sends)
	if e.Meta.IsRequest() {
		if p.handler, err = in.commands.Handler(e, p.candidates(in.set)); err != nil {
			return plan{}, err
		}
	}
	return p, nil
}

// date fills in what an event that gets a number does not say itself.
func (in planner) date(e *event.Event, seq journal.Seq) {
	if e.ID == "" {
		e.ID = journal.NewEventID(seq)
	}
	e.Meta.Received = seq.Time()
	if e.Time.IsZero() {
		e.Time = e.Meta.Received
	}
	if e.Account == "" {
		e.Account = in.opts.Account
	}
	if e.Region == "" {
		e.Region = in.opts.Region
	}
}

// render plans one delivery and its body.
func (in planner) render(p *plan, rule *rules.Rule, to *rules.RuleTarget) send {
	e := render.Event{Event: p.event, Seq: p.seq, Envelope: p.envelope, Object: p.object, Env: &p.env}
	d := render.Renderer{Set: in.set, PublicURL: in.opts.PublicURL}.Delivery(&e, rule, to)
	return send{lane: in.lanes[to.Target], rule: rule, to: to, body: d.Body, notice: d.Notice, key: d.Key, err: d.Err}
}

// usualMeta is how many bytes the metadata of most events take.
const usualMeta = 64

// entry returns a plan as the journal takes it.
func (in planner) entry(p *plan) (journal.Entry, error) {
	p.event.Meta.TellsState = p.object != nil
	meta, err := p.event.Meta.AppendBinary(make([]byte, 0, usualMeta))
	if err != nil {
		return journal.Entry{}, fmt.Errorf("metadata of event %q: %w", p.event.ID, err)
	}
	e := journal.Entry{Record: journal.Record{Seq: p.seq, Meta: meta, Envelope: p.envelope}, Object: p.object}
	e.Root, e.Derived = journal.Seq(p.event.Meta.Root), p.event.Meta.Derived
	if p.given {
		e.Record.GivenID = p.event.ID
	}
	for _, m := range p.matched {
		e.Matched = e.Matched || m.Err == nil
	}
	e.Deliveries = in.room.deliveriesFor(len(p.sends))
	for i, s := range p.sends {
		e.Deliveries[i] = journal.Delivery{
			Seq: p.seq, N: uint16(i), Lane: s.lane.ID, State: journal.Ready,
			Rule: s.rule.Name, RuleTarget: s.to.ID, Body: s.body, Notice: s.notice, Key: s.key,
		}
		if s.rule.Bus != p.event.Meta.Bus {
			e.Deliveries[i].Bus = s.rule.Bus // it bubbled
		}
		if s.hold != 0 {
			e.Deliveries[i].State, e.Deliveries[i].Hold = journal.Held, s.hold
		}
		if s.err != nil {
			e.Deliveries[i].State = journal.Dead
			e.Deliveries[i].Death = &journal.Death{
				At: time.Now().UTC(), Code: targets.CodeInvalidJSON,
				Message: fmt.Sprintf("rule %q: target %q: %v", s.rule.Name, s.to.Target, s.err),
			}
		}
	}
	for i := range p.sends { // what is appended follows them
		if d := &e.Deliveries[i]; d.State == journal.Dead {
			if f := in.policies.Forward(p.event.Meta.Bus, d); f != nil {
				e.Deliveries = append(e.Deliveries, *f)
			}
		}
	}
	if in.opts.Trace {
		trace.Describe(&e, p.event, in.set, p.matched)
	}
	return e, nil
}
