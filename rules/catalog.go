package rules

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/rules/pattern"
	"signalbox/spelling"
)

// loadCatalog reads the catalog files.
func (l *loader) loadCatalog() {
	var files []catalog.File
	for _, path := range l.find(l.src.Catalog, "catalog file", "catalog:") {
		src, err := readFile(path)
		if err != nil {
			l.problems.AddError(path, err)
			continue
		}
		root, err := document.Parse(path, src)
		if err != nil {
			l.problems.AddError(path, err)
			continue
		}
		if root == nil {
			l.emptyCatalog(path)
		}
		files = append(files, catalog.File{Path: path, Root: root})
	}
	l.catalog = catalog.Load(files, l.src.Naming, &l.problems)
	for _, w := range l.catalog.Warnings {
		l.warnings.AddError(w.Pos.File, w)
	}
}

// emptyCatalog judges a catalog file without content, as empty does a rule file.
func (l *loader) emptyCatalog(path string) {
	place := Position{File: path}
	if l.src.Previous.declaresIn(path) {
		l.problems.Add(place, document.Path{}, "is empty, and declared types before; delete it to remove them, or write types: [] into it")
		return
	}
	l.warnings.Add(place, document.Path{}, "is empty: it declares no types")
}

// declaresIn says whether a catalog file declares types.
func (s *Set) declaresIn(path string) bool {
	return s != nil && s.Catalog != nil && slices.ContainsFunc(s.Catalog.Types, func(t *catalog.Type) bool { return t.Pos.File == path })
}

// namedType is a name that a rule uses: of a type in a pattern or under emits, or of an
// action as an id.
type namedType struct {
	name string
	pos  Position
	path document.Path
}

// typeNames notes the detail types that a pattern asks for, and warns of those whose
// names break the naming standard.
func (b *builder) typeNames(n *document.Node, path document.Path) {
	types := n.Get("detail-type")
	if types == nil {
		return
	}
	for i, v := range types.Items {
		if v.Kind != document.String {
			continue
		}
		b.typeName(v.Text, v.Pos, path.Key("detail-type").Index(i))
	}
}

// sources warns of sources that a pattern asks for and that are almost, and not quite,
// those that the catalog declares.
func (b *builder) sources(p *pattern.Pattern, at func(int) Position, path document.Path) {
	for _, v := range p.Texts("source") {
		if declared := b.catalog.NearSource(v.Text); declared != "" {
			b.warnings.Add(at(v.Offset), path.Key("source"), "no type of the catalog has the source %q: did you mean %q?", v.Text, declared)
		}
	}
}

// typeName notes the name of a type, and warns where it breaks the naming standard.
func (b *builder) typeName(name string, pos Position, path document.Path) {
	b.named = append(b.named, namedType{name, pos, path})
	if _, declared := b.catalog.Type(name, ""); declared {
		return // its declaration is where it is mended
	}
	if fault := b.catalog.Naming.Fault(name, ""); fault != nil {
		b.warnings.Add(pos, path, "%s", fault)
	}
}

// spelling warns of names in catalog and rules that look misspelt.
func (b *builder) spelling() {
	words := catalog.Vocabulary{}
	seen := map[string]bool{}
	for _, name := range b.catalog.Names() {
		words.Add(name)
		seen[name] = true
	}
	for _, n := range b.named {
		if !seen[n.name] {
			words.Add(n.name)
		}
		seen[n.name] = true
	}
	for _, t := range b.catalog.Types {
		if fault := b.catalog.Naming.Misspelt(words, t.Name); fault != nil {
			b.warnings.Add(t.Pos, document.In(fmt.Sprintf("type %q", t.Name)).Key("name"), "%s", fault)
		}
	}
	for _, n := range b.named {
		if _, declared := b.catalog.Type(n.name, ""); declared {
			continue
		}
		if fault := b.catalog.Naming.Misspelt(words, n.name); fault != nil {
			b.warnings.Add(n.pos, n.path, "%s", fault)
		}
	}
	for _, n := range b.actions {
		if fault := b.catalog.Naming.Misspelt(words, n.name); fault != nil {
			b.warnings.Add(n.pos, n.path, "the action %q %s: did you mean %q?", n.name, fault.Reason, fault.Proposal)
		}
	}
	for _, part := range b.catalog.Fingerprint {
		b.hash.add("catalog", part)
	}
	b.hash.add("naming", b.catalog.Naming.Fingerprint())
}

// kinds reads the kinds that a rule is for: one, or a list.
func (b *builder) kinds(d *draft) []event.Kind {
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
