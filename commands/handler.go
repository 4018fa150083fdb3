package commands

import (
	"fmt"
	"strings"

	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/targets"
)

// Candidate is a planned delivery of a command or a query, which may be its handler.
type Candidate struct {
	// Rule is the rule's name, Pos where it stands, and Entry the id of its target
	// entry.
	Rule, Pos, Entry string
	Target           string
	Config           targets.Config
	// Err is why the body can't be rendered; nil if it can.
	Err error
}

// Handler returns the one delivery that handles a command or a query, and gives the
// message a correlation id where it has none. A message without exactly one handler
// is refused with an *event.Error, as is one whose body can't be rendered: the sender
// can be told.
func (s *Service) Handler(e *event.Event, all []Candidate) (work.Handler, error) {
	kind := e.Meta.Kind
	if e.Meta.CorrelationID == "" {
		e.Meta.CorrelationID = e.ID
	}
	var handlers []*Candidate
	for i := range all {
		if !all[i].Config.Traits().Observes {
			handlers = append(handlers, &all[i])
		}
	}
	if len(handlers) != 1 {
		return work.Handler{}, notOne(e, all, handlers)
	}
	c := handlers[0]
	switch {
	case c.Err != nil:
		return work.Handler{}, refusal(event.CodeInvalidArgument, "rule %q can't make the body for target %q of this %s: %v", c.Rule, c.Target, kind, c.Err)
	case kind == event.KindQuery && !c.Config.Traits().Answers && !c.Config.Traits().Forwards:
		return work.Handler{}, refusal(event.CodeNoHandler, "rule %q sends the query %s to target %q, a queue, from which no reply comes: send it to an http target",
			c.Rule, e.DetailType, c.Target)
	case kind == event.KindCommand && s.requests.open.Load() >= maxOpenWork:
		return work.Handler{}, refusal(event.CodeThrottling, "%d work requests are open, which is the most: their handlers must end some first", maxOpenWork)
	}
	return work.Handler{Bus: e.Meta.Bus, Rule: c.Rule, Entry: c.Entry, Target: c.Target}, nil
}

// fixKind is what to do about a command or a query that nobody handles, which may be
// an event whose name reads like one.
const fixKind = "add a rule that sends it to one; or, if it is an event, declare kind: event for %s in the catalog, or send it with detail.metadata.kind: event"

// notOne is the refusal of a message that has no handler, or several.
func notOne(e *event.Event, all []Candidate, handlers []*Candidate) *event.Error {
	kind := e.Meta.Kind
	switch {
	case len(handlers) > 0:
		names := make([]string, len(handlers))
		for i, c := range handlers {
			names[i] = fmt.Sprintf("rule %q (%s) to target %q", c.Rule, c.Pos, c.Target)
		}
		return refusal(event.CodeSeveralHandlers, "the %s %s would have %d handlers, and must have one: %s",
			kind, e.DetailType, len(names), strings.Join(names, ", "))
	case len(all) > 0:
		return refusal(event.CodeNoHandler, "no rule on bus %s sends the %s %s to a handler: rule %q only logs it to %q: "+fixKind,
			e.Meta.Bus, kind, e.DetailType, all[0].Rule, all[0].Target, e.DetailType)
	}
	return refusal(event.CodeNoHandler, "no rule on bus %s sends the %s %s from %s to a handler: "+fixKind,
		e.Meta.Bus, kind, e.DetailType, e.Source, e.DetailType)
}

func refusal(code, format string, args ...any) *event.Error {
	return &event.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
