package rules

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"strings"

	"signalbox/archive"
	"signalbox/document"
	"signalbox/hooks"
	"signalbox/rules/exprenv"
	"signalbox/sources"
	"signalbox/spelling"
	"signalbox/targets"
)

// builder turns the contents of all documents into a Set. It goes on after a fault, so
// that all are reported at once.
type builder struct {
	*report
	loader *loader
	set    *Set
	// busPos is where buses were first declared.
	busPos map[string]Position
	hash   revision
	// kept counts the rules that were not built anew.
	kept int
}

func (l *loader) build() *Set {
	b := &builder{
		report: l.report,
		loader: l,
		set: &Set{
			Targets:  map[string]targets.Config{},
			Orders:   map[string]*exprenv.OrderKey{},
			Buses:    map[string]Bus{DefaultBus: {Name: DefaultBus}},
			Hooks:    map[string]*hooks.Hook{},
			Sources:  map[string]*sources.Source{},
			Archives: map[string]*archive.Archive{},
			Catalog:  l.catalog,
		},
		busPos: map[string]Position{},
	}
	connections := &connectionBuilder{report: l.report, src: l.src, hash: &b.hash, all: map[string]*connection{}, pos: map[string]Position{}}
	for _, p := range l.parts {
		connections.add(p.contents)
	}
	declared := newTargetBuilder(l.report, l.src, b.set, &b.hash)
	declared.connections = connections
	for _, p := range l.parts {
		b.buses(p.contents.buses)
		declared.add(p.contents)
	}
	b.hierarchy()
	declared.checkBuses()
	ways := &hookBuilder{report: l.report, src: l.src, set: b.set, pos: map[string]Position{}}
	brokers := &sourceBuilder{report: l.report, src: l.src, set: b.set, pos: map[string]Position{}}
	archives := &archiveBuilder{report: l.report, src: l.src, set: b.set, pos: map[string]Position{}}
	for _, p := range l.parts {
		ways.add(p.contents, &b.hash)
		brokers.add(p.contents, &b.hash)
		archives.add(p.contents, &b.hash)
	}
	brokers.competing()
	names := &typeNames{report: l.report, catalog: l.catalog}
	b.rules(&ruleBuilder{report: l.report, src: l.src, set: b.set, targets: declared, names: names})
	names.spelling()
	for _, part := range l.catalog.Fingerprint {
		b.hash.add("catalog", part)
	}
	b.hash.add("naming", l.catalog.Naming.Fingerprint())
	declared.unused()
	connections.unused()
	b.set.Connections = connections.connections()
	b.hash.add("origin", l.src.Account, l.src.Region)
	b.set.Revision = b.hash.sum()
	b.together()
	return b.set
}

// together does what takes all rules. Where they are those of before, nothing is done twice.
func (b *builder) together() {
	if known := b.loader.known; known != nil && known.Revision == b.set.Revision && b.kept == len(b.set.Rules) {
		b.set.matchers, b.set.doubts = known.matchers, known.doubts
		b.warnings.Take(&b.set.doubts)
		return
	}
	var doubts document.Problems
	if b.problems.Len() == 0 { // a faulty rule has no pattern
		b.set.seal(b.loader.known, &b.problems, &doubts)
	}
	checkHandlers(b.set, &b.problems, &doubts)
	b.set.doubts = doubts
	b.warnings.Take(&doubts)
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

// attachAll adds to rules the targets that other documents have for them.
func (b *builder) attachAll() {
	var attached []attachment
	for _, p := range b.loader.parts {
		attached = append(attached, p.contents.attached...)
	}
	if len(attached) == 0 {
		return
	}
	byName := map[string][]*draft{}
	for _, p := range b.loader.parts {
		if p.later || p.kept != nil {
			b.loader.read(p)
		}
		for _, d := range p.contents.rules {
			byName[d.Name.Value] = append(byName[d.Name.Value], d)
		}
	}
	for _, a := range attached {
		b.attach(a, byName)
	}
}

func (b *builder) attach(a attachment, byName map[string][]*draft) {
	var buses []string
	var found *draft
	for _, d := range byName[a.rule] {
		if d.bus() == cmp.Or(a.bus, DefaultBus) {
			d.Targets = append(d.Targets, a.targets...)
			return
		}
		found = d
		buses = append(buses, d.bus())
	}
	path := document.Path{}.Key("Targets")
	switch {
	case a.bus != "" || len(buses) == 0:
		names := slices.Sorted(maps.Keys(byName))
		b.problems.Add(a.pos, path, "no rule %q on bus %q%s", a.rule, cmp.Or(a.bus, DefaultBus), spelling.Suggest(a.rule, names))
	case len(buses) > 1:
		b.problems.Add(a.pos, path, "rule %q stands on the buses %s: add \"EventBusName\" and the name of one", a.rule, strings.Join(buses, ", "))
	default:
		found.Targets = append(found.Targets, a.targets...)
	}
}

// ruleKey is what a Set has one rule of.
type ruleKey struct{ bus, name string }

// rules builds the rules, each name once on its bus.
func (b *builder) rules(one *ruleBuilder) {
	b.attachAll()
	some := len(b.loader.parts)
	if known := b.loader.known; known != nil {
		some = len(known.Rules) + 1 // it mostly is as it was
	}
	first := make(map[ruleKey]Position, some)
	b.set.Rules = make([]*Rule, 0, some)
	b.hash.parts = slices.Grow(b.hash.parts, some)
	ahead := &ahead{parts: b.loader.parts}
	defer ahead.wait.Wait()
	for i, p := range b.loader.parts {
		ahead.from(i)
		if p.kept == nil || !b.fits(p.kept, b.loader.known, one.targets) || !b.again(p.kept, first) {
			b.partRules(p, one, first)
		} else {
			one.names.take(p.kept.names)
			p.built, p.warnings = p.kept, p.kept.warnings
		}
		for _, w := range p.warnings {
			b.warnings.AddError(p.document.Path, w)
		}
		if p.document.Path != "" {
			b.set.Files = append(b.set.Files, p.file)
		}
	}
	sortRules(b.set.Rules)
}

// again takes rules that were kept, unless one of them is there already.
func (b *builder) again(k *kept, first map[ruleKey]Position) bool {
	for i := range k.rules {
		r := k.rules[i].rule
		if _, twice := first[ruleKey{r.Bus, r.Name}]; twice {
			return false
		}
	}
	for i := range k.rules {
		r := k.rules[i].rule
		first[ruleKey{r.Bus, r.Name}] = r.Pos
		b.set.Rules = append(b.set.Rules, r)
		b.hash.parts = append(b.hash.parts, k.rules[i].digest)
	}
	b.kept += len(k.rules)
	return true
}

// partRules builds the rules of one document.
func (b *builder) partRules(p *part, one *ruleBuilder, first map[ruleKey]Position) {
	if p.later || p.kept != nil {
		b.loader.read(p)
	}
	warned := b.warnings.Len()
	built := &kept{text: sha256.Sum256(p.document.Text), contents: p.contents, file: p.file, names: one.names.begin(p.document.Path),
		rules: make([]keptRule, 0, len(p.contents.rules))}
	for _, d := range p.contents.rules {
		k := ruleKey{d.bus(), d.Name.Value}
		if at, again := first[k]; again && k.name != "" {
			b.problems.Add(d.pos, d.path, "stands twice on bus %q; it is also at %s: rename one", k.bus, at)
			one.rule(d) // for its other faults
			continue
		}
		first[k] = d.pos
		r := keptRule{rule: one.rule(d), digest: d.digest()}
		r.names = targetNames(d, r.rule)
		built.rules = append(built.rules, r)
		b.set.Rules = append(b.set.Rules, r.rule)
		b.hash.parts = append(b.hash.parts, r.digest)
	}
	if p.noFile {
		built.document = p.document.Text
	}
	p.warnings = append(p.warnings, b.warnings.Since(warned)...)
	built.warnings = p.warnings
	built.contents.rules, p.contents.rules = nil, nil
	p.built = built
}
