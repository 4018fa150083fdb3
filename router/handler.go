package router

import (
	"fmt"
	"strings"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/work"
)

// observes says that a target of this type only looks on: what it is sent of a
// command or a query does not count as its handling.
func observes(targetType string) bool { return targetType == targets.TypeLog }

// answersFor says whether a target answers for the work itself. A queue answers for
// having taken the message, and a bus hands it on. To a target that gathers batches
// a command or a query goes alone.
func answersFor(cfg *targets.Config) bool {
	switch cfg.Type {
	case targets.TypeLog, targets.TypeQueue, targets.TypeBus:
		return false
	}
	return true
}

// findHandler finds the one delivery that handles a command or a query, and
// gives the message a story of its own where it has none. A message without
// exactly one is refused, as is one whose body can't be rendered: the sender can
// be told.
func (p *plan) findHandler(snap *snapshot) *event.Error {
	kind := p.event.Meta.Kind
	if p.event.Meta.CorrelationID == "" {
		p.event.Meta.CorrelationID = p.event.ID
	}
	var handlers []int
	for i := range p.sends {
		if !observes(snap.set.Targets[p.sends[i].to.Target].Type) {
			handlers = append(handlers, i)
		}
	}
	switch len(handlers) {
	case 0:
		return p.noHandler(kind)
	case 1:
	default:
		return p.severalHandlers(kind, handlers)
	}
	p.handler = handlers[0]
	s := &p.sends[p.handler]
	cfg := snap.set.Targets[s.to.Target]
	switch {
	case s.err != nil:
		return requestError(event.CodeInvalidArgument, "rule %q can't make the body for target %q of this %s: %v", s.rule.Name, s.to.Target, kind, s.err)
	case kind == event.KindQuery && !answersFor(&cfg) && cfg.Type != targets.TypeBus:
		return requestError(event.CodeNoHandler, "rule %q sends the query %s to target %q, a queue, from which no reply comes: send it to an http target",
			s.rule.Name, p.event.DetailType, s.to.Target)
	}
	return nil
}

// mendKind says what to do about a command or a query that nobody handles, which
// may be an event whose name reads like one.
const mendKind = "add a rule that sends it to one; or, if it is an event, declare kind: event for %s in the catalog, or send it with detail.metadata.kind: event"

func (p *plan) noHandler(kind event.Kind) *event.Error {
	if len(p.sends) > 0 {
		s := &p.sends[0]
		return requestError(event.CodeNoHandler, "no rule on bus %s sends the %s %s to a handler: rule %q only logs it to %q: "+mendKind,
			p.event.Meta.Bus, kind, p.event.DetailType, s.rule.Name, s.to.Target, p.event.DetailType)
	}
	return requestError(event.CodeNoHandler, "no rule on bus %s sends the %s %s from %s to a handler: "+mendKind,
		p.event.Meta.Bus, kind, p.event.DetailType, p.event.Source, p.event.DetailType)
}

func (p *plan) severalHandlers(kind event.Kind, handlers []int) *event.Error {
	names := make([]string, len(handlers))
	for i, n := range handlers {
		names[i] = fmt.Sprintf("rule %q (%s) to target %q", p.sends[n].rule.Name, p.sends[n].rule.Pos, p.sends[n].to.Target)
	}
	return requestError(event.CodeSeveralHandlers, "the %s %s would have %d handlers, and must have one: %s",
		kind, p.event.DetailType, len(names), strings.Join(names, ", "))
}

func requestError(code, format string, args ...any) *event.Error {
	return &event.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// handledBy names the delivery that handles the plan's command.
func (p *plan) handledBy() work.Handler {
	s := &p.sends[p.handler]
	return work.Handler{Bus: p.event.Meta.Bus, Rule: s.rule.Name, Entry: s.to.ID, Target: s.to.Target}
}
