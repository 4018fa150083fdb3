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
	named   []namedType // types that rules name
	actions []namedType // ids of entries
	// interned has each name once, so that none keeps the text of its file in memory.
	interned map[string]string
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
// action as an id.
type namedType struct {
	name string
	pos  Position
	path document.Path
}

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
	name = t.intern(name)
	t.named = append(t.named, namedType{name, pos, path})
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
	for _, n := range t.named {
		if !seen[n.name] {
			words.Add(n.name)
		}
		seen[n.name] = true
	}
	for _, declared := range t.catalog.Types {
		if fault := t.catalog.Naming.Misspelt(words, declared.Name); fault != nil {
			t.warnings.Add(declared.Pos, document.In(fmt.Sprintf("type %q", declared.Name)).Key("name"), "%s", fault)
		}
	}
	for _, n := range t.named {
		if _, declared := t.catalog.Type(n.name, ""); declared {
			continue
		}
		if fault := t.catalog.Naming.Misspelt(words, n.name); fault != nil {
			t.warnings.Add(n.pos, n.path, "%s", fault)
		}
	}
	for _, n := range t.actions {
		if fault := t.catalog.Naming.Misspelt(words, n.name); fault != nil {
			t.warnings.Add(n.pos, n.path, "the action %q %s: did you mean %q?", n.name, fault.Reason, fault.Proposal)
		}
	}
}

// take notes the names of rules that were kept.
func (t *typeNames) take(k *kept) {
	t.named = append(t.named, k.named...)
	t.actions = append(t.actions, k.actions...)
}

// action notes the id of an entry, which names what the target does.
func (t *typeNames) action(id string, pos Position, path document.Path) {
	t.actions = append(t.actions, namedType{t.intern(id), pos, path})
}
