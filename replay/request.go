package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/rules/pattern"
	"signalbox/spelling"
)

// Request is which events to send again, and how.
type Request struct {
	// Name names the replay: letters, digits, points, dashes and underscores. One is made
	// where it is empty.
	Name string `json:"name,omitempty"`
	// Description is what it is for.
	Description string `json:"description,omitempty"`
	// Since and Until bound when the events were accepted: [Since, Until). A zero Since is
	// as far back as events are kept, a zero Until the moment at which the replay begins.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Bus is that of the events, and Pattern an event pattern that they must match.
	Bus     string          `json:"bus,omitempty"`
	Pattern json.RawMessage `json:"pattern,omitempty"`
	// Archive is the archive whose events are meant, in place of Pattern: those that it
	// takes, from where it starts, and for as long as it keeps them. Until may then lie in the future,
	// and where it is a whole second, that is meant too.
	Archive string `json:"archive,omitempty"`
	// Rule and Target are the only ones to send by, and to; Rules are in place of Rule where there
	// are several.
	Rule   string   `json:"rule,omitempty"`
	Rules  []string `json:"rules,omitempty"`
	Target string   `json:"target,omitempty"`
	// Rate bounds the deliveries a second to one target; 0 is as much as it answers and live
	// traffic leaves, and half of its own rate limit.
	Rate float64 `json:"rate,omitempty"`
	// AsPlanned sends by those rules, and to those targets, that the event was planned for
	// when it was accepted, whatever matches now.
	AsPlanned bool `json:"as_planned,omitempty"`
	// AsNew gives the deliveries ids of their own, so that receivers that know the first ones
	// act again.
	AsNew bool `json:"as_new,omitempty"`
}

// nameForm is what PutRule allows in names; it keeps the names of lanes apart from those of
// targets.
var nameForm = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// span is a range of events.
type span struct{ from, before journal.Seq }

// check returns the events that a request means, or what is wrong with it.
func (r *Request) check(j journalNumbers, oldest journal.Seq, set *rules.Set, traced bool) (span, error) {
	now := max(j.Clock(), j.Stable()).Time()
	text := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case r.Name != "" && !nameForm.MatchString(r.Name):
		return span{}, badRequest("name %q: write up to 64 letters, digits, points, dashes or underscores", r.Name)
	case r.Since.After(now) && r.Archive == "":
		return span{}, badRequest("since %s: lies in the future; it is %s", text(r.Since), text(now))
	case r.Until.After(now) && r.Archive == "":
		return span{}, badRequest("until %s: lies in the future; it is %s: leave it out to replay what there is", text(r.Until), text(now))
	case !r.Until.IsZero() && !r.Since.Before(r.Until):
		return span{}, badRequest("since %s is not before until %s: no event lies between", text(r.Since), text(r.Until))
	case r.Archive != "" && len(r.Pattern) > 0:
		return span{}, badRequest("archive: stands beside pattern, and has one itself; leave that out")
	case r.Rule != "" && len(r.Rules) > 0:
		return span{}, badRequest("rules: stands beside rule; write all of them there")
	case r.Rate < 0 || r.Rate > 1e9:
		return span{}, badRequest("rate: %v is not between 0 and 1,000,000,000", r.Rate)
	case r.AsPlanned && !traced:
		return span{}, badRequest("as_planned: what was planned is not kept (trace: off); leave it out to send by the rules of now")
	}
	if err := r.checkNames(set); err != nil {
		return span{}, err
	}
	s := span{from: oldest, before: j.Stable()}
	if !r.Since.IsZero() {
		s.from = max(s.from, journal.SeqAt(r.Since))
	}
	if !r.Until.IsZero() {
		until := r.Until
		if r.Archive != "" && until.Nanosecond() == 0 {
			until = until.Add(time.Second) // which is in the range, as EventBridge's events have times of whole seconds
		}
		s.before = min(s.before, journal.SeqAt(until))
	}
	if a := set.Archives[r.Archive]; a != nil {
		if r.Bus != "" && a.Bus != "" && r.Bus != a.Bus {
			return span{}, badRequest("bus %q: archive %q is of bus %q; leave bus out", r.Bus, r.Archive, a.Bus)
		}
		r.Bus, r.Pattern = cmp.Or(a.Bus, r.Bus), a.Pattern
		s.from = max(s.from, journal.SeqAt(a.First(now)))
	}
	s.from = min(s.from, s.before)
	return s, nil
}

// journalNumbers tell where the log of events stands.
type journalNumbers interface {
	Clock() journal.Seq
	Stable() journal.Seq
}

// checkNames returns which name there is not.
func (r *Request) checkNames(set *rules.Set) error {
	if _, ok := set.Buses[r.Bus]; r.Bus != "" && !ok {
		return badRequest("bus %q: there is none%s", r.Bus, spelling.Suggest(r.Bus, slices.Collect(maps.Keys(set.Buses))))
	}
	if _, ok := set.Targets[r.Target]; r.Target != "" && !ok {
		return badRequest("target %q: there is none%s", r.Target, spelling.Suggest(r.Target, slices.Collect(maps.Keys(set.Targets))))
	}
	if _, ok := set.Archives[r.Archive]; r.Archive != "" && !ok {
		return badRequest("archive %q: there is none%s", r.Archive, spelling.Suggest(r.Archive, slices.Collect(maps.Keys(set.Archives))))
	}
	given := r.Only()
	if len(given) == 0 {
		return nil
	}
	var names []string
	for _, rule := range set.Rules {
		names = append(names, rule.Name)
	}
	for _, name := range given {
		if !slices.Contains(names, name) {
			return badRequest("rule %q: there is none%s", name, spelling.Suggest(name, names))
		}
	}
	return nil
}

// Only returns the only rules to send by; none for all.
func (r *Request) Only() []string {
	if r.Rule != "" {
		return []string{r.Rule}
	}
	return r.Rules
}

// chooser is a request ready for use.
type chooser struct {
	*Request
	pattern *pattern.Pattern
	opts    *Options
	// starts are the only rules' targets to send to, if there are any.
	starts []rules.Starting
}

func (r *Request) compile(o *Options) (*chooser, error) {
	c := &chooser{Request: r, opts: o}
	if len(r.Pattern) == 0 {
		return c, nil
	}
	p, err := pattern.Parse(r.Pattern, pattern.Options{Extensions: true})
	if err != nil {
		return nil, badRequest("pattern: %v", err)
	}
	c.pattern = p
	return c, nil
}

// The reasons why something of an event is left out.
const (
	// LeftRequest is a command or a query: it asks for something to be done once.
	LeftRequest = "commands and queries"
	// LeftBus is a target that puts events on another bus, where they are kept themselves.
	LeftBus = "bus targets"
	// LeftGone is an entry that an event was planned for, and that is not there any more.
	LeftGone = "gone rules"
	// LeftUnplanned is an event of an archive: what was planned of it is not kept.
	LeftUnplanned = "archived events, whose plans are not kept"
	// LeftUnreadable is an event whose record is damaged.
	LeftUnreadable = "unreadable events"
	// LeftTooMany are the deliveries of an event beyond those that a replay can number.
	LeftTooMany = "too many deliveries"
)

// subject is an event of the past, as a replay sends it.
type subject struct {
	record   *journal.Record
	event    *event.Event
	envelope []byte
	sends    []Send
}

// choose returns what is to be sent of an event; nil if the request does not mean it. What is
// left out is counted.
func (c *chooser) choose(in Planner, rec *journal.Record, left map[string]int) (*subject, error) {
	e, err := rec.Parsed()
	if err != nil {
		left[LeftUnreadable]++
		return nil, nil //nolint:nilerr // one damaged event hides none of the others
	}
	if c.Bus != "" && e.Meta.Bus != c.Bus || !c.matches(rec.Envelope) {
		return nil, nil
	}
	if e.Meta.IsRequest() {
		left[LeftRequest]++
		return nil, nil
	}
	e.ReplayName = c.Name
	p := &subject{record: rec, event: e, envelope: event.WithReplayName(rec.Envelope, c.Name)}
	sends, err := c.planned(in, p, left)
	if err != nil {
		return nil, err
	}
	set, only := in.Set(), c.Only()
	for _, s := range sends {
		cfg := set.Targets[s.Target]
		switch {
		case len(c.starts) > 0 && !slices.Contains(c.starts, rules.Starting{Bus: s.Rule.Bus, Rule: s.Rule.Name, Target: s.Target}):
		case len(only) > 0 && !slices.Contains(only, s.Rule.Name), c.Target != "" && s.Target != c.Target:
		case c.Target == "" && len(c.starts) == 0 && cfg.Traits().Forwards:
			left[LeftBus]++
		default:
			p.sends = append(p.sends, s)
		}
	}
	return p, nil
}

func (c *chooser) matches(envelope []byte) bool {
	if c.pattern == nil {
		return true
	}
	ok, err := c.pattern.Match(envelope)
	return ok && err == nil
}

// planned returns what rules send of an event now, or what they have planned of it.
func (c *chooser) planned(in Planner, p *subject, left map[string]int) (sends []Send, err error) {
	if !c.AsPlanned {
		return in.Sends(p.event, p.envelope), nil
	}
	touches, _, err := c.opts.Journal.Traces.Touches(p.record.Seq)
	if err != nil {
		return nil, err
	}
	if p.record.Archived {
		left[LeftUnplanned]++
		return nil, nil
	}
	for i := range touches {
		d := &touches[i].Delivery
		if d.N >= journal.FirstForwarded || d.Rule == "" { // of a replay, of a dead letter, or of a source
			continue
		}
		bus := d.Bus
		if bus == "" {
			bus = p.event.Meta.Bus
		}
		s, ok := in.Entry(bus, d.Rule, d.RuleTarget)
		s.Target = c.opts.Lanes.TargetName(d.Lane)
		if ok && c.opts.Lanes.Serves(s.Target) {
			sends = append(sends, s)
		} else {
			left[LeftGone]++
		}
	}
	return sends, nil
}

// deliveryID returns the id that a delivery of an event will have.
func (c *chooser) deliveryID(p *subject, s *Send) string {
	d := c.delivery(p, s, time.Time{})
	return d.ID(p.event.Meta.Bus)
}

// delivery returns the delivery that sends, without its place.
func (c *chooser) delivery(p *subject, s *Send, now time.Time) journal.Delivery {
	d := journal.Delivery{
		Seq: p.record.Seq, Rule: s.Rule.Name, RuleTarget: s.To.ID, Body: s.Body, Notice: s.Notice, Key: s.Key, Since: now,
		Replay: &journal.Replay{Name: c.Name, New: c.AsNew},
	}
	if s.Rule.Bus != p.event.Meta.Bus {
		d.Bus = s.Rule.Bus
	}
	return d
}

// String returns the request's range in words.
func (s span) String() string {
	return fmt.Sprintf("%s to %s", s.from.Time().Format(time.RFC3339), s.before.Time().Format(time.RFC3339))
}
