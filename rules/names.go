package rules

import (
	"fmt"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/rules/pattern"
)

// typeNames are the names of types and sources that rules use, which it holds against the
// catalog and the naming standard.
type typeNames struct {
	*report
	catalog *catalog.Catalog
	parts   []*partNames
	// interned has each text once, so that none keeps the text of its file in memory.
	interned map[string]string
}

// partNames are the names that the rules of one document use.
type partNames struct {
	file    string
	named   []namedType // types that rules name
	actions []namedType // ids of entries
}

// intern returns the one copy of a name.
func (t *typeNames) intern(name string) string {
	if known, ok := t.interned[name]; ok {
		return known
	}
	if t.interned == nil {
		t.interned = map[string]string{}
	}
	name = strings.Clone(name)
	t.interned[name] = name
	return name
}

// namedType is a name that a rule uses: of a type in a pattern or under emits, or of an
// action as an id. There are some for each rule, so it is small.
type namedType struct {
	name         string
	context, key string // of its path
	line, column int32
}

func (t *typeNames) named(name string, pos Position, path document.Path) namedType {
	context, keys := path.Parts()
	return namedType{name: name, context: context, key: t.intern(keys), line: int32(pos.Line), column: int32(pos.Column)}
}

// warn adds a warning about a name.
func (t *typeNames) warn(p *partNames, n *namedType, format string, args ...any) {
	t.warnings.Add(Position{File: p.file, Line: int(n.line), Column: int(n.column)}, document.PathOf(n.context, n.key), format, args...)
}

// begin returns where the names of the rules of a document go from now on.
func (t *typeNames) begin(file string) *partNames {
	p := &partNames{file: file}
	t.parts = append(t.parts, p)
	return p
}

// take notes the names of rules that were kept.
func (t *typeNames) take(p *partNames) { t.parts = append(t.parts, p) }

// part returns where names go.
func (t *typeNames) part() *partNames { return t.parts[len(t.parts)-1] }

// pattern notes the detail types that a pattern asks for, and warns of those whose
// names break the naming standard.
func (t *typeNames) pattern(n *document.Node, path document.Path) {
	types := n.Get("detail-type")
	if types == nil {
		return
	}
	for i, v := range types.Items {
		if v.Kind != document.String {
			continue
		}
		t.add(v.Text, v.Pos, path.Key("detail-type").Index(i))
	}
}

// sources warns of sources that a pattern asks for and that are almost, and not quite,
// those that the catalog declares.
func (t *typeNames) sources(p *pattern.Pattern, at func(int) Position, path document.Path) {
	for _, v := range p.Texts("source") {
		if declared := t.catalog.NearSource(v.Text); declared != "" {
			t.warnings.Add(at(v.Offset), path.Key("source"), "no type of the catalog has the source %q: did you mean %q?", v.Text, declared)
		}
	}
}

// add notes the name of a type, and warns where it breaks the naming standard.
func (t *typeNames) add(name string, pos Position, path document.Path) {
	p := t.part()
	name = t.intern(name)
	p.named = append(p.named, t.named(name, pos, path))
	if _, declared := t.catalog.Type(name, ""); declared {
		return // it is fixed at its declaration
	}
	if fault := t.catalog.Naming.Fault(name, ""); fault != nil {
		t.warnings.Add(pos, path, "%s", fault)
	}
}

// spelling warns of names in catalog and rules that look misspelt.
func (t *typeNames) spelling() {
	words := &catalog.Vocabulary{}
	seen := map[string]bool{}
	for _, name := range t.catalog.Names() {
		words.Add(name)
		seen[name] = true
	}
	for _, p := range t.parts {
		for i := range p.named {
			if name := p.named[i].name; !seen[name] {
				words.Add(name)
				seen[name] = true
			}
		}
	}
	for _, declared := range t.catalog.Types {
		if fault := t.catalog.Naming.Misspelt(words, declared.Name); fault != nil {
			t.warnings.Add(declared.Pos, document.In(fmt.Sprintf("type %q", declared.Name)).Key("name"), "%s", fault)
		}
	}
	faults := &faultsOf{find: func(name string) *catalog.NameFault { return t.catalog.Naming.Misspelt(words, name) }}
	for _, p := range t.parts {
		for i := range p.named {
			n := &p.named[i]
			if _, declared := t.catalog.Type(n.name, ""); declared {
				continue
			}
			if fault := faults.of(n.name); fault != nil {
				t.warn(p, n, "%s", fault)
			}
		}
		for i := range p.actions {
			n := &p.actions[i]
			if fault := faults.of(n.name); fault != nil {
				t.warn(p, n, "the action %q %s: did you mean %q?", n.name, fault.Reason, fault.Proposal)
			}
		}
	}
}

// faultsOf looks at each name once.
type faultsOf struct {
	find  func(name string) *catalog.NameFault
	known map[string]*catalog.NameFault
}

func (f *faultsOf) of(name string) *catalog.NameFault {
	fault, ok := f.known[name]
	if !ok {
		if f.known == nil {
			f.known = map[string]*catalog.NameFault{}
		}
		fault = f.find(name)
		f.known[name] = fault
	}
	return fault
}

// action notes the id of an entry, which names what the target does.
func (t *typeNames) action(id string, pos Position, path document.Path) {
	p := t.part()
	p.actions = append(p.actions, t.named(t.intern(id), pos, path))
}
