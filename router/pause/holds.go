package pause

import (
	"maps"
	"slices"

	"signalbox/journal"
)

// Holds are where the deliveries that are planned now are suspended. A nil Holds
// suspends none.
type Holds struct {
	rules   map[key]journal.HoldID
	targets map[string]journal.HoldID
	// paused are those of both that are not being let go: lanes suspend what the rules
	// among them have planned before.
	paused map[key]journal.HoldID
}

// Holds returns where deliveries are suspended. Who plans with a set of rules calls it
// after the set was loaded, so that it is no older than the set.
func (p *Pauses) Holds() *Holds { return p.holds.Load() }

// holdsNow returns nil where nothing is to be suspended. It is called under the lock.
func (p *Pauses) holdsNow() *Holds {
	h := &Holds{rules: map[key]journal.HoldID{}, targets: map[string]journal.HoldID{}, paused: map[key]journal.HoldID{}}
	for k, known := range p.known {
		switch {
		case !suspends(&known) && !known.Releasing:
			continue
		case k.kind == journal.PauseRule:
			h.rules[k] = known.Hold
		default:
			h.targets[k.name] = known.Hold
		}
		if suspends(&known) {
			h.paused[k] = known.Hold
		}
	}
	if len(h.rules) == 0 && len(h.targets) == 0 {
		return nil
	}
	return h
}

// Of returns where a delivery is suspended; 0 if it is not.
func (h *Holds) Of(bus, rule, target string) journal.HoldID {
	if h == nil {
		return 0
	}
	if id := h.rules[ruleKey(bus, rule)]; id != 0 {
		return id
	}
	return h.targets[target]
}

// Suspended returns where the deliveries that a paused rule had planned before are
// suspended; 0 if it is not paused.
func (p *Pauses) Suspended(bus, rule string) journal.HoldID {
	if h := p.holds.Load(); h != nil {
		return h.paused[ruleKey(bus, rule)]
	}
	return 0
}

func (h *Holds) has(id journal.HoldID) bool {
	return h != nil && (slices.Contains(slices.Collect(maps.Values(h.rules)), id) || slices.Contains(slices.Collect(maps.Values(h.targets)), id))
}
