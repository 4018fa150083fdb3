package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"signalbox/event"
	"signalbox/machine"
	"signalbox/rules"
	"signalbox/rules/pattern"
)

// Explanation is, for every rule on an event's bus, whether the event matches it.
type Explanation struct {
	Bus string `json:"bus"`
	// Kind is what the event was taken for. KindByName says that only its name tells
	// so: it is delivered as an event.
	Kind       event.Kind `json:"kind"`
	KindByName bool       `json:"kind_by_name,omitempty"`
	// Event is the envelope that was matched.
	Event   json.RawMessage `json:"event"`
	Matched []ExplainedRule `json:"matched"`
	// Unmatched has near misses first.
	Unmatched []ExplainedRule `json:"unmatched"`
}

// ExplainedRule is what came of matching an event to one rule.
type ExplainedRule struct {
	Name string `json:"name"`
	// Bus is the rule's bus, where the event would bubble up to it.
	Bus   string      `json:"bus,omitempty"`
	State rules.State `json:"state"`
	// Position is where the rule stands: file:line:column.
	Position string   `json:"position"`
	Targets  []string `json:"targets,omitempty"`
	// Notes say what, besides the pattern, keeps the rule from matching or from
	// having an effect.
	Notes []string `json:"notes,omitempty"`
	// Failures are what of the pattern the event does not meet.
	Failures []pattern.Failure `json:"failures,omitempty"`
	// Nearness is how near the event came: from 0 to 1, where all of the pattern
	// is met.
	Nearness float64 `json:"nearness"`
}

func (h eventHandlers) explain(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return nil, tooLarge(err)
	}
	e, envelope, err := h.subject(r.Context(), r.URL.Query().Get("bus"), body)
	if err != nil {
		return nil, err
	}
	return explain(h.router.Rules(), e, envelope)
}

// subject finds the event that a request is about: one that was taken in, if the
// body is {"id": …}, else the one in the body.
func (h eventHandlers) subject(ctx context.Context, bus string, body []byte) (*event.Event, []byte, error) {
	if id, ok := idAlone(body); ok {
		stored, err := h.router.Traces.Event(id)
		if err != nil {
			return nil, nil, missing(err, whereEventsAre)
		}
		return stored.Parsed, stored.Event, nil
	}
	batch, err := event.DecodeJSON(body, event.Limits{MaxEntries: 1})
	if err == nil && len(batch.Refused) > 0 && batch.Refused[0] != nil {
		err = batch.Refused[0]
	}
	if err != nil && event.IsRecorded(body) {
		return h.recorded(bus, body)
	}
	if err != nil {
		return nil, nil, err
	}
	e := batch.Events[0]
	if bus != "" {
		e.Meta.Bus = bus
	}
	plan, err := h.router.Plan(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	return e, plan.Event, nil
}

// recorded reads an event that nothing takes but TestEventPattern of the EventBridge API does,
// with a detail that is no object, or members of its own.
func (h eventHandlers) recorded(bus string, body []byte) (*event.Event, []byte, error) {
	var text struct {
		Source     any `json:"source"`
		DetailType any `json:"detail-type"`
	}
	if err := json.Unmarshal(body, &text); err != nil {
		return nil, nil, err
	}
	e := &event.Event{Meta: event.Metadata{Bus: cmp.Or(bus, rules.DefaultBus)}}
	e.Source, _ = text.Source.(string)
	e.DetailType, _ = text.DetailType.(string)
	if _, ok := h.router.Rules().Buses[e.Meta.Bus]; !ok {
		return nil, nil, &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf("Event bus %s does not exist.", e.Meta.Bus)}
	}
	return e, body, nil
}

// idAlone reads the id of a body that has no other member.
func idAlone(body []byte) (string, bool) {
	var members map[string]json.RawMessage
	var id string
	if json.Unmarshal(body, &members) != nil || len(members) != 1 || json.Unmarshal(members["id"], &id) != nil {
		return "", false
	}
	return id, true
}

// explain matches an event to every rule of its bus. Near misses come first.
func explain(set *rules.Set, e *event.Event, envelope []byte) (Explanation, error) {
	set.Catalog.SetKind(e)
	x := Explanation{Bus: e.Meta.Bus, Kind: e.Meta.Kind, KindByName: e.Meta.KindByName, Event: envelope, Matched: []ExplainedRule{}, Unmatched: []ExplainedRule{}}
	matched := map[*rules.Rule]error{}
	all := set.Match(e, envelope, nil)
	for _, m := range all {
		matched[m.Rule] = m.Err
	}
	way := set.Way(e.Meta.Bus, all)
	candidates := set.On(e.Meta.Bus)
	for _, bus := range set.Above(e.Meta.Bus) {
		candidates = append(candidates, set.On(bus)...)
	}
	for _, rule := range candidates {
		shown := ExplainedRule{Name: rule.Name, State: rule.State, Position: rule.Pos.String(), Nearness: 1}
		for _, t := range rule.Targets {
			shown.Targets = append(shown.Targets, t.Target)
		}
		if rule.Bus != e.Meta.Bus {
			shown.Bus = rule.Bus
		}
		if !slices.Contains(way, rule.Bus) {
			shown.note("the event does not come to this bus: a rule below stops it (stop_bubbling)")
		}
		if rule.State == rules.Shadow {
			shown.note("the rule is in state shadow: it counts events, and sends nothing")
		}
		err, hit := matched[rule]
		switch {
		case hit && err == nil:
			x.Matched = append(x.Matched, shown)
			continue
		case hit:
			shown.note(fmt.Sprintf("the condition failed on this event: %v", err))
		default:
			if err := shown.explain(rule, x.Kind, envelope); err != nil {
				return x, err
			}
		}
		x.Unmatched = append(x.Unmatched, shown)
	}
	slices.SortStableFunc(x.Unmatched, func(a, b ExplainedRule) int { return cmp.Compare(b.Nearness, a.Nearness) })
	return x, nil
}

func (r *ExplainedRule) note(text string) { r.Notes = append(r.Notes, text) }

// explain returns why a rule does not match an event.
func (r *ExplainedRule) explain(rule *rules.Rule, kind event.Kind, envelope []byte) error {
	why, err := rule.Pattern.Explain(envelope)
	if err != nil {
		return fmt.Errorf("rule %q: %w", rule.Name, err)
	}
	r.Failures, r.Nearness = why.Failures, why.Nearness
	if rule.State == rules.Disabled {
		r.note("the rule is disabled")
	}
	forKind := len(rule.Kinds) == 0 || slices.Contains(rule.Kinds, kind)
	if !forKind {
		r.note(fmt.Sprintf("the event is of the kind %s, and the rule is for %v", kind, rule.Kinds))
	}
	if !why.Matched || !forKind {
		return nil
	}
	switch {
	case rule.When != nil && rule.State != rules.Disabled:
		r.note("the pattern matches, and the condition does not hold: " + rule.When.Source())
	case rule.When != nil:
		r.note("the pattern matches; the condition is not looked at: " + rule.When.Source())
	default:
		r.note("the pattern matches")
	}
	return nil
}

// tooLarge turns the error of reading a body into one to tell.
func tooLarge(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is over the limit of %d bytes", over.Limit)}
	}
	if errors.Is(err, machine.ErrMemory) {
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Status: http.StatusRequestTimeout, Message: "the body did not come in time", Hint: "send it again"}
	}
	return badRequest("body: %v", err)
}
