package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/spelling"
	"signalbox/targets"
)

// builder turns the contents of all documents into a Set. It goes on after a fault, so
// that all are reported at once.
type builder struct {
	*report
	contents []contents
	set      *Set
	// busPos is where buses were first declared.
	busPos map[string]Position
	hash   revision
}

func (l *loader) build() *Set {
	b := &builder{
		report:   l.report,
		contents: l.contents,
		set: &Set{
			Targets: map[string]targets.Config{},
			Orders:  map[string]*exprenv.OrderKey{},
			Buses:   map[string]Bus{DefaultBus: {Name: DefaultBus}},
			Files:   l.files,
			Catalog: l.catalog,
		},
		busPos: map[string]Position{},
	}
	declared := newTargetBuilder(l.report, l.src, b.set, &b.hash)
	for _, c := range l.contents {
		b.buses(c.buses)
		declared.add(c)
	}
	b.hierarchy()
	declared.checkBuses()
	names := &typeNames{report: l.report, catalog: l.catalog}
	b.rules(&ruleBuilder{report: l.report, src: l.src, set: b.set, targets: declared, names: names})
	names.spelling()
	for _, part := range l.catalog.Fingerprint {
		b.hash.add("catalog", part)
	}
	b.hash.add("naming", l.catalog.Naming.Fingerprint())
	declared.unused()
	if b.problems.Len() == 0 { // a faulty rule has no pattern
		b.set.seal(&b.problems, &b.warnings)
	}
	checkHandlers(b.set, &b.problems, &b.warnings)
	b.hash.add("origin", l.src.Account, l.src.Region)
	b.set.Revision = b.hash.sum()
	return b.set
}

func (b *builder) buses(buses []busDraft) {
	for _, bus := range buses {
		path := document.Path{}.Key("buses").Key(bus.Name)
		if fault := checkBusName(bus.Name); fault != "" {
			b.problems.Add(bus.pos, path, "the name %s", fault)
		}
		if first, again := b.busPos[bus.Name]; again {
			b.problems.Add(bus.pos, path, "the bus is declared twice; it is also at %s", first)
			continue
		}
		b.busPos[bus.Name] = bus.pos
		b.set.Buses[bus.Name] = bus.Bus
		b.hash.add("bus", bus.Name, bus.Description, strconv.FormatBool(bus.Bubble), string(bus.Catalog), strconv.FormatBool(bus.PublishDeadLetters))
	}
}

// hierarchy finds the buses above those that bubble.
func (b *builder) hierarchy() {
	for name, bus := range b.set.Buses {
		if !bus.Bubble {
			continue
		}
		above := parents(name, func(parent string) bool { _, ok := b.set.Buses[parent]; return ok })
		if len(above) == 0 {
			b.warnings.Add(b.busPos[name], document.Path{}.Key("buses").Key(name),
				"bubbles, and no bus is above it: declare %s", above1(name))
			continue
		}
		if b.set.above == nil {
			b.set.above = map[string][]string{}
		}
		b.set.above[name] = above
	}
}

// drafts gathers the rules of all files, with the targets that other files
// attach to them.
func (b *builder) drafts() []*draft {
	var all []*draft
	for _, c := range b.contents {
		all = append(all, c.rules...)
	}
	for _, c := range b.contents {
		for _, a := range c.attached {
			b.attach(a, all)
		}
	}
	return all
}

func (b *builder) attach(a attachment, all []*draft) {
	var names, buses []string
	var found *draft
	for _, d := range all {
		switch {
		case d.Name.Value != a.rule:
			names = append(names, d.Name.Value)
		case d.bus() == cmp.Or(a.bus, DefaultBus):
			d.Targets = append(d.Targets, a.targets...)
			return
		default:
			found = d
			buses = append(buses, d.bus())
		}
	}
	path := document.Path{}.Key("Targets")
	switch {
	case a.bus != "" || len(buses) == 0:
		if slices.ContainsFunc(b.contents, func(c contents) bool { return slices.Contains(c.schedules, a.rule) }) {
			return // left out, as was warned
		}
		b.problems.Add(a.pos, path, "no rule %q on bus %q%s", a.rule, cmp.Or(a.bus, DefaultBus), spelling.Suggest(a.rule, names))
	case len(buses) > 1:
		b.problems.Add(a.pos, path, "rule %q stands on the buses %s: add \"EventBusName\" and the name of one", a.rule, strings.Join(buses, ", "))
	default:
		found.Targets = append(found.Targets, a.targets...)
	}
}

// rules builds the rules, each name once on its bus.
func (b *builder) rules(one *ruleBuilder) {
	type key struct{ bus, name string }
	first := map[key]Position{}
	for _, d := range b.drafts() {
		k := key{d.bus(), d.Name.Value}
		if at, again := first[k]; again && k.name != "" {
			b.problems.Add(d.pos, d.path, "stands twice on bus %q; it is also at %s: rename one", k.bus, at)
			one.rule(d) // for its other faults
			continue
		}
		first[k] = d.pos
		b.set.Rules = append(b.set.Rules, one.rule(d))
		b.hash.rule(d)
	}
	sortRules(b.set.Rules)
}
