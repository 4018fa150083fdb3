package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/rules/exprenv"
	"signalbox/rules/pattern"
	"signalbox/spelling"
)

// ruleBuilder turns the draft of one rule into the rule.
type ruleBuilder struct {
	*report
	src     *Source
	set     *Set // whose buses and targets are known
	targets *targetBuilder
	names   *typeNames
}

// rule returns the rule of a draft, as far as it is sound.
func (b *ruleBuilder) rule(d *draft) *Rule {
	r := &Rule{
		Name:        d.Name.Value,
		Bus:         d.bus(),
		Description: d.Description.Value,
		State:       d.State,
		Strict:      d.Strict,

		StopBubbling: d.StopBubbling,
		Start:        d.Start,

		Pos: d.pos,
	}
	r.ARN = RuleARN(b.src.Region, b.src.Account, r.Bus, r.Name)
	b.identity(d)
	b.schedule(d, r)
	r.Pattern = b.pattern(d)
	if r.Pattern == nil && d.Pattern.IsZero() {
		r.Pattern = r.Firing
	}
	r.When = b.when(d)
	r.Kinds = b.kinds(d)
	r.Targets = b.ruleTargets(d)
	return r
}

// identity checks the name, the description and the bus of a rule.
func (b *ruleBuilder) identity(d *draft) {
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
func (b *ruleBuilder) pattern(d *draft) *pattern.Pattern {
	path := d.path.Key(d.patternKey)
	if d.Pattern.IsZero() && d.Schedule.Node != nil {
		return nil
	}
	if d.Pattern.IsZero() {
		b.problems.Add(d.pos, d.path, `has no %s: write one, such as source: ["shop.orders"]`, d.patternKey)
		return nil
	}
	at := placesOf(d.Pattern)
	p, err := d.parsed.pattern, d.parsed.patternErr
	if err != nil {
		b.patternFault(d.Pattern.Pos, at, path, err)
		return nil
	}
	b.ambiguous(d.Pattern, path)
	b.names.pattern(d.Pattern, path)
	b.names.sources(p, at, path)
	b.lint(p, at, path)
	return p
}

// lint warns of what a pattern probably does not mean.
func (r *report) lint(p *pattern.Pattern, at func(int) Position, path document.Path) {
	for _, w := range p.Lint() {
		field := path
		for key := range strings.SplitSeq(w.Path, ".") {
			if key != "" {
				field = field.Key(key)
			}
		}
		r.warnings.Add(at(w.Offset), field, "%s", w.Message)
	}
}

func (r *report) patternFault(pos Position, at func(int) Position, path document.Path, err error) {
	var fault *pattern.Error
	if !errors.As(err, &fault) {
		r.problems.Add(pos, path, "%s", err)
		return
	}
	r.problems.Add(at(fault.Offset), extend(path, fault.Path), "%s", withHint(fault.Reason, fault.Hint))
}

// ambiguous warns of values that are strings here, but something else to
// readers of older YAML.
func (r *report) ambiguous(n *document.Node, path document.Path) {
	if !anyAmbiguous(n) {
		return // as nearly always: paths are dear
	}
	if n.IsAmbiguous() {
		r.warnings.Add(n.Pos, path, `%s is the string %q here; quote it, or write true, false or a number in JSON's form`, n.Text, n.Text)
	}
	for i, item := range n.Items {
		r.ambiguous(item, path.Index(i))
	}
	for _, member := range n.Members {
		r.ambiguous(member.Value, path.Key(member.Key))
	}
}

// anyAmbiguous reports whether a node, or one below it, is ambiguous.
func anyAmbiguous(n *document.Node) bool {
	return n.IsAmbiguous() || slices.ContainsFunc(n.Items, anyAmbiguous) ||
		slices.ContainsFunc(n.Members, func(m document.Member) bool { return anyAmbiguous(m.Value) })
}

func (b *ruleBuilder) when(d *draft) *exprenv.Program {
	if d.When.Node == nil || d.When.Node.Kind != document.String {
		return nil
	}
	if d.parsed.whenErr == nil {
		return d.parsed.when
	}
	b.expression(d.When.Node, d.path.Key("when"), d.parsed.whenErr)
	return nil
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

// kinds reads the kinds that a rule is for: one, or a list.
func (b *ruleBuilder) kinds(d *draft) []event.Kind {
	n := d.Kind
	if n.IsZero() {
		return nil
	}
	items := n.Items
	if n.Kind == document.String {
		items = []*document.Node{n}
	}
	if len(items) == 0 {
		b.problems.Add(n.Pos, d.path.Key("kind"), "must be a kind or a list of kinds: %s", strings.Join(catalog.Kinds, ", "))
	}
	var kinds []event.Kind
	for _, item := range items {
		if item.Kind != document.String || !slices.Contains(catalog.Kinds, item.Text) {
			b.problems.Add(item.Pos, d.path.Key("kind"), "unknown kind %q%s; the kinds are %s", item.Text,
				spelling.Suggest(item.Text, catalog.Kinds), strings.Join(catalog.Kinds, ", "))
			continue
		}
		kinds = append(kinds, event.Kind(item.Text))
	}
	return kinds
}

func (b *ruleBuilder) ruleTargets(d *draft) []RuleTarget {
	if len(d.Targets) == 0 && !d.StopBubbling {
		b.warnings.Add(d.pos, d.path, "has no targets: it matches and counts, and sends nothing")
	}
	var list []RuleTarget
	first := map[string]Position{}
	for i := range d.Targets {
		t := b.target(&d.Targets[i])
		if at, again := first[t.ID]; again && t.ID != "" {
			b.problems.Add(t.Pos, d.Targets[i].path, "the id %q is also that of the target at %s; give each an id: of its own", t.ID, at)
		}
		first[t.ID] = t.Pos
		list = append(list, t)
	}
	return list
}

// target returns the entry of a rule for one of its targets.
func (b *ruleBuilder) target(d *targetDraft) RuleTarget {
	name := b.targets.resolve(d)
	e := &entryBuilder{report: b.report, src: b.src, names: b.names, draft: d}
	e.config, e.known = b.set.Targets[name]
	t := e.entry(name)
	t.DeadLetter, t.DeadLetterARN = b.targets.deadLetters(d)
	return t
}
