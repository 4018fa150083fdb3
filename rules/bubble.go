package rules

import (
	"slices"
	"strings"
)

// Above returns the buses above one that bubbles, the nearest first: of
// shop.eu.orders these are shop.eu and shop, as far as they exist. A bus that
// does not bubble has none.
func (s *Set) Above(bus string) []string { return s.above[bus] }

// parents returns the known names above a dotted one.
func parents(name string, known func(string) bool) (above []string) {
	for {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return above
		}
		if name = name[:i]; known(name) {
			above = append(above, name)
		}
	}
}

// above1 returns what to declare above a bus, for an error.
func above1(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i]
	}
	return "it as part.of.a.name: the bus above shop.orders is shop"
}

// bubble goes on with the buses above an event's, until a rule that matches
// stops it. A rule in state shadow stops nothing, as it does nothing.
func (s *Set) bubble(bus string, envelope []byte, cond *conditions, dst []Matched) []Matched {
	for _, next := range s.above[bus] {
		if slices.ContainsFunc(dst, stops) {
			break
		}
		dst = s.matchers[next].match(envelope, cond, dst)
	}
	return dst
}

func stops(m Matched) bool { return m.Err == nil && m.Rule.StopBubbling && m.Rule.State == Enabled }

// Way returns the buses whose rules an event on a bus was shown to, given the rules
// that it matched: its own, and where it bubbled, those above up to the one where
// a rule stopped it.
func (s *Set) Way(bus string, matched []Matched) []string {
	way := []string{bus}
	for _, next := range s.above[bus] {
		if slices.ContainsFunc(matched, func(m Matched) bool { return stops(m) && m.Rule.Bus == way[len(way)-1] }) {
			break
		}
		way = append(way, next)
	}
	return way
}
