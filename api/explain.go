package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"signalbox/event"
	"signalbox/router"
	"signalbox/rules"
)

// Planner fills in what an event does not say, as acceptance would.
type Planner interface {
	// Plan says what would become of an event, and does nothing.
	Plan(ctx context.Context, e *event.Event) (*router.Plan, error)
}

// Explanation says of every rule on an event's bus whether the event matches it.
type Explanation struct {
	Bus string `json:"bus"`
	// Event is the envelope that was matched.
	Event     json.RawMessage `json:"event"`
	Matched   []ExplainedRule `json:"matched"`
	Unmatched []ExplainedRule `json:"unmatched"`
}

// ExplainedRule is what came of matching an event to one rule.
type ExplainedRule struct {
	Name  string      `json:"name"`
	State rules.State `json:"state"`
	// Position is where the rule stands: file:line:column.
	Position string   `json:"position"`
	Targets  []string `json:"targets,omitempty"`
	// Reasons say why the rule does not match, or why it has no effect.
	Reasons []string `json:"reasons,omitempty"`
}

func (a *api) explain(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		a.fail(w, tooLarge(err))
		return
	}
	e, envelope, err := a.subject(r.Context(), r.URL.Query().Get("bus"), body)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, explain(a.Rules.Rules(), e, envelope))
}

// subject finds the event that a request is about: one that was taken in, if the
// body is {"id": …}, else the one in the body.
func (a *api) subject(ctx context.Context, bus string, body []byte) (*event.Event, []byte, error) {
	if id, ok := idAlone(body); ok {
		stored, err := a.Events.Event(id)
		if err != nil {
			return nil, nil, err
		}
		return stored.Parsed, stored.Event, nil
	}
	batch, err := event.DecodeJSON(body, event.Limits{MaxEntries: 1})
	if err != nil {
		return nil, nil, err
	}
	if len(batch.Refused) > 0 && batch.Refused[0] != nil {
		return nil, nil, batch.Refused[0]
	}
	e := batch.Events[0]
	if bus != "" {
		e.Meta.Bus = bus
	}
	plan, err := a.Planner.Plan(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	return e, plan.Event, nil
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

// explain matches an event to every rule of its bus.
func explain(set *rules.Set, e *event.Event, envelope []byte) Explanation {
	x := Explanation{Bus: e.Meta.Bus, Event: envelope, Matched: []ExplainedRule{}, Unmatched: []ExplainedRule{}}
	matched := map[*rules.Rule]error{}
	for _, m := range set.Match(e, envelope, nil) {
		matched[m.Rule] = m.Err
	}
	for _, rule := range set.On(e.Meta.Bus) {
		shown := ExplainedRule{Name: rule.Name, State: rule.State, Position: rule.Pos.String()}
		for _, t := range rule.Targets {
			shown.Targets = append(shown.Targets, t.Target)
		}
		err, hit := matched[rule]
		switch {
		case hit && err == nil:
			if rule.State == rules.Shadow {
				shown.Reasons = []string{"the rule is in state shadow: it counts the event, and sends nothing"}
			}
			x.Matched = append(x.Matched, shown)
			continue
		case hit:
			shown.Reasons = []string{fmt.Sprintf("the condition failed on this event: %v", err)}
		default:
			shown.Reasons = reasons(rule, envelope)
		}
		x.Unmatched = append(x.Unmatched, shown)
	}
	return x
}

// reasons says why a rule does not match an event.
func reasons(rule *rules.Rule, envelope []byte) []string {
	var why []string
	if rule.State == rules.Disabled {
		why = append(why, "the rule is disabled")
	}
	ok, err := rule.Pattern.Match(envelope)
	switch {
	case err != nil:
		why = append(why, err.Error())
	case !ok:
		why = append(why, "the pattern does not match")
	case rule.State == rules.Disabled:
		why = append(why, "its pattern would match")
	default:
		why = append(why, "the pattern matches; when: "+rule.When.Source()+" does not hold")
	}
	return why
}

// tooLarge turns the error of reading a body into one to tell.
func tooLarge(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is over the limit of %d bytes", over.Limit)}
	}
	return badRequest("body: %v", err)
}
