package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"signalbox/targets"
)

// notes returns what could not be compared, as far as it matters here.
func (c *comparison) notes(t *tally, groups map[int]*Group) (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if t.synthetic > 0 {
		note("%s: left out, as each target decides what becomes of them", count(t.synthetic, "synthetic event"))
	}
	if t.unreadable > 0 {
		note("%s can't be read: see signalbox verify", count(t.unreadable, "event"))
	}
	for _, bus := range slices.Sorted(maps.Keys(t.refused)) {
		note("bus %s is gone: %s would be refused", bus, count(t.refused[bus], "event"))
	}
	if lead := c.leading(groups); len(lead) > 0 {
		note("deliveries to %s lead to events by replies or a bus: what would come of more or fewer of them is not compared", strings.Join(lead, ", "))
	}
	if c.Enable != nil {
		if c.Enable.StopBubbling {
			note("enabled, the rule would also keep events from the buses above (stop_bubbling)")
		}
		return notes
	}
	if changed := c.otherTargets(); len(changed) > 0 {
		note("the configuration of %s differs: deliveries to them are compared up to what the rules make, not what is then sent", strings.Join(changed, ", "))
	}
	if kinds := c.byKind(); len(kinds) > 0 {
		note("%s choose by kind: messages have the kind that the catalog declares now, which may be another than when they came", strings.Join(kinds, ", "))
	}
	return notes
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// leading returns the targets of changes whose deliveries lead to more events.
func (c *comparison) leading(groups map[int]*Group) (names []string) {
	for n, g := range groups {
		s := &c.slots[n]
		for i, to := range s.entries {
			if to == nil || g.Gained+g.Lost == 0 || slices.Contains(names, s.target) {
				continue
			}
			set := c.sides[i].Set
			cfg := set.Targets[s.target]
			if set.ReplyEvents(to) || cfg.ToBus() != "" {
				names = append(names, s.target)
			}
		}
	}
	slices.Sort(names)
	return names
}

// otherTargets returns the targets of both sides whose configuration differs.
func (c *comparison) otherTargets() (names []string) {
	for name, a := range c.After.Targets {
		b, ok := c.Before.Targets[name]
		if ok && !equal(a, b) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// equal reports whether targets are the same but for the folder that they stand in, and for
// order_by, whose effect is compared.
func equal(a, b targets.Config) bool {
	a.Dir, a.OrderBy, a.Resolved = b.Dir, b.OrderBy, b.Resolved
	return a.Equal(&b)
}

// byKind returns rules with a kind among those whose deliveries are compared.
func (c *comparison) byKind() (names []string) {
	const few = 3
	for i := range c.slots {
		for _, r := range c.slots[i].rules {
			if r != nil && len(r.Kinds) > 0 && !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	if len(names) > few {
		names = append(names[:few:few], "others")
	}
	return names
}
