package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/rules/pattern"
	"signalbox/spelling"
	"signalbox/targets"
)

// builder turns the contents of all files into a Set. It goes on after a fault,
// so that all are reported at once.
type builder struct {
	*loader
	set *Set
	// busPos, targetPos and rulePos are where things were first declared.
	busPos    map[string]Position
	targetPos map[string]Position
	// broken are targets that are declared but faulty; a rule that names one is
	// not at fault.
	broken  map[string]bool
	byARN   map[string]string
	hash    revision
	named   []namedType // types that rules name
	actions []namedType // ids of entries
	// unlimited says that it was warned of references that nothing limits.
	unlimited bool
}

func (l *loader) build() *Set {
	b := &builder{
		loader: l,
		set: &Set{
			Targets: map[string]targets.Config{},
			Orders:  map[string]*exprenv.OrderKey{},
			Buses:   map[string]Bus{DefaultBus: {Name: DefaultBus}},
			Files:   l.files,
			Catalog: l.catalog,
		},
		busPos:    map[string]Position{},
		targetPos: map[string]Position{},
		broken:    map[string]bool{},
		byARN:     map[string]string{},
	}
	for _, c := range l.contents {
		b.buses(c.buses)
		b.targets(c.targets)
	}
	b.hierarchy()
	b.busTargets()
	b.rules(b.drafts())
	b.spelling()
	b.unused()
	if b.problems.Len() == 0 { // a faulty rule has no pattern
		b.set.seal(&b.problems, &b.warnings)
	}
	b.set.handlers(&b.problems, &b.warnings)
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

func (b *builder) rules(drafts []*draft) {
	type key struct{ bus, name string }
	first := map[key]Position{}
	for _, d := range drafts {
		k := key{d.bus(), d.Name.Value}
		if at, again := first[k]; again && k.name != "" {
			b.problems.Add(d.pos, d.path, "stands twice on bus %q; it is also at %s: rename one", k.bus, at)
			b.rule(d) // for its other faults
			continue
		}
		first[k] = d.pos
		b.set.Rules = append(b.set.Rules, b.rule(d))
		b.hash.rule(d)
	}
	sortRules(b.set.Rules)
}

func (b *builder) rule(d *draft) *Rule {
	r := &Rule{
		Name:        d.Name.Value,
		Bus:         d.bus(),
		Description: d.Description.Value,
		State:       d.State,
		Strict:      d.Strict,

		StopBubbling: d.StopBubbling,

		Pos: d.pos,
	}
	r.ARN = RuleARN(b.src.Region, b.src.Account, r.Bus, r.Name)
	b.names(d)
	r.Pattern = b.pattern(d)
	r.When = b.when(d)
	r.Kinds = b.kinds(d)
	r.Targets = b.ruleTargets(d)
	return r
}

func (b *builder) names(d *draft) {
	switch {
	case d.Name.Node == nil:
		b.problems.Add(d.pos, d.path, "has no name: write name: and one that is unique on its bus")
	default:
		if fault := checkName(d.Name.Value); fault != "" && d.Name.Node.Kind == document.String {
			b.problems.Add(d.Name.Node.Pos, d.path.Key("name"), "%s", fault)
		}
	}
	if n := utf8.RuneCountInString(d.Description.Value); n > maxDescriptionLength {
		b.problems.Add(d.Description.Node.Pos, d.path.Key("description"), "is %d characters long; at most %d are allowed", n, maxDescriptionLength)
	}
	if _, ok := b.set.Buses[d.bus()]; !ok {
		known := slices.Sorted(maps.Keys(b.set.Buses))
		b.problems.Add(d.Bus.Pos(d.pos), d.path.Key("bus"), "no bus %q%s; declare it under buses:", d.bus(), spelling.Suggest(d.bus(), known))
	}
}

// pattern compiles a rule's pattern, which is a mapping, or JSON text.
func (b *builder) pattern(d *draft) *pattern.Pattern {
	path := d.path.Key(d.patternKey)
	if d.Pattern.IsZero() {
		b.problems.Add(d.pos, d.path, `has no %s: write one, such as source: ["shop.orders"]`, d.patternKey)
		return nil
	}
	text, at := sourceText(d.Pattern)
	p, err := pattern.Parse(text, pattern.Options{Strict: d.Strict, Extensions: true})
	if err != nil {
		b.patternFault(d.Pattern.Pos, at, path, err)
		return nil
	}
	b.ambiguous(d.Pattern, path)
	b.typeNames(d.Pattern, path)
	b.sources(p, at, path)
	for _, w := range p.Lint() {
		field := path
		for key := range strings.SplitSeq(w.Path, ".") {
			if key != "" {
				field = field.Key(key)
			}
		}
		b.warnings.Add(at(w.Offset), field, "%s", w.Message)
	}
	return p
}

// sourceText is the JSON of a node that is a value or holds JSON text, and a
// function that finds a byte of it in the file.
func sourceText(n *document.Node) (text []byte, at func(offset int) Position) {
	if n.Kind == document.String {
		return []byte(n.Text), n.TextPosition
	}
	rendering := n.Render()
	return rendering.JSON, rendering.At
}

func (b *builder) patternFault(pos Position, at func(int) Position, path document.Path, err error) {
	var fault *pattern.Error
	if !errors.As(err, &fault) {
		b.problems.Add(pos, path, "%s", err)
		return
	}
	b.problems.Add(at(fault.Offset), extend(path, fault.Path), "%s", withHint(fault.Reason, fault.Hint))
}

// extend adds the path inside a value to the path that leads to it.
func extend(path document.Path, more []any) document.Path {
	for _, step := range more {
		switch step := step.(type) {
		case int:
			path = path.Index(step)
		default:
			path = path.Key(fmt.Sprint(step))
		}
	}
	return path
}

func withHint(reason, hint string) string {
	if hint == "" {
		return reason
	}
	return reason + " (" + hint + ")"
}

// ambiguous warns of values that are strings here, but something else to
// readers of older YAML.
func (b *builder) ambiguous(n *document.Node, path document.Path) {
	if n.IsAmbiguous() {
		b.warnings.Add(n.Pos, path, `%s is the string %q here; quote it, or write true, false or a number in JSON's form`, n.Text, n.Text)
	}
	for i, item := range n.Items {
		b.ambiguous(item, path.Index(i))
	}
	for _, member := range n.Members {
		b.ambiguous(member.Value, path.Key(member.Key))
	}
}

func (b *builder) when(d *draft) *exprenv.Program {
	if d.When.Node == nil || d.When.Node.Kind != document.String {
		return nil
	}
	program, err := exprenv.CompileBool(d.When.Value)
	if err == nil {
		return program
	}
	b.exprFault(d.When.Node, d.path.Key("when"), err)
	return nil
}

// exprFault puts the fault of an expression at its place in the file.
func (b *builder) exprFault(n *document.Node, path document.Path, err error) {
	pos, text := n.Pos, err.Error()
	var fault *exprenv.Error
	if errors.As(err, &fault) {
		pos, text = n.TextPosition(fault.Offset), withHint(fault.Reason, fault.Hint)
	}
	b.problems.Add(pos, path, "%s", text)
}
