package rules

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
)

// loader reads the documents of sources for one Set.
type loader struct {
	*report
	src     *Source
	parts   []*part
	catalog *catalog.Catalog
	// known is the Set of which rules may be kept; nil for none.
	known *Set
}

// build makes a Set of what sources hold; it is of no use where there are faults.
func (src *Source) build(origins []*origin) (*Set, document.Errors) {
	l := &loader{report: newReport(), src: src}
	l.types(origins[0])
	if known := src.Previous; known != nil && known.circumstances == l.circumstances() {
		l.known = known
	}
	for _, o := range origins {
		l.load(o)
	}
	set := l.build()
	set.origins, set.circumstances = origins, l.circumstances()
	set.Warnings = l.warnings.Sorted()
	if l.problems.Len() > 0 {
		return set, l.problems.Sorted()
	}
	if files := origins[0]; files.declared == nil {
		files.declared = l.catalog
	}
	set.kept = keep(l.parts)
	return set, nil
}

// load reads what one source holds.
func (l *loader) load(o *origin) {
	for _, p := range o.faults.Sorted() {
		l.problems.AddError(p.Pos.File, p)
	}
	for _, p := range o.warnings.Sorted() {
		l.warnings.AddError(p.Pos.File, p)
	}
	l.parts = append(l.parts, &part{contents: contents{
		targets: members(l.dec, o.targets, "targets"), buses: readBuses(l.dec, o.buses), hooks: members(l.dec, o.hooks, "hooks"),
		connections: members(l.dec, o.connections, "connections"), sources: members(l.dec, o.sources, "sources"),
		archives: members(l.dec, o.archives, "archives"),
	}})
	for _, d := range o.documents {
		l.document(d, o)
	}
}

// document adds what one document holds. What was read before is not read again, and what
// holds rules alone is read when they are built, so that not all rules are in memory as they
// were written.
func (l *loader) document(d Document, o *origin) {
	p := &part{document: d, noFile: o.name != "", makesTargets: o.makesTargets}
	l.parts = append(l.parts, p)
	if p.kept = l.known.keptOf(d); p.kept != nil {
		p.contents, p.file = p.kept.contents, p.kept.file
		return
	}
	if p.later = onlyRules(d); !p.later {
		l.read(p)
	}
}

// read reads a document in full.
func (l *loader) read(p *part) {
	p.later, p.kept = false, nil
	r := p.reading()
	l.problems.Take(&r.problems)
	p.warnings = r.warnings.Sorted()
	if r.root == nil && r.problems.Len() == 0 {
		l.empty(p)
	}
}

// empty judges a file without content. Rewriting a file in place passes through
// this state, and its rules must not be lost for that moment.
func (l *loader) empty(p *part) {
	path := p.document.Path
	if before := fileOf(l.src.Previous, path); before.Rules+before.Targets+before.Buses+before.Hooks+before.Connections+before.Sources+before.Archives+before.attached > 0 {
		l.problems.Add(Position{File: path}, document.Path{}, "is empty, and had %s before; delete it to remove them, or write rules: [] into it", before.holds())
		return
	}
	p.warnings = append(p.warnings, &document.Problem{Pos: Position{File: path}, Message: "is empty: it holds no rules"})
}

func fileOf(s *Set, path string) File {
	if s != nil {
		for _, f := range s.Files {
			if f.Path == path {
				return f
			}
		}
	}
	return File{}
}

func (f File) holds() string {
	var parts []string
	for _, p := range []struct {
		n          int
		one, other string
	}{{f.Rules, "rule", "rules"}, {f.Targets, "target", "targets"}, {f.Buses, "bus", "buses"}, {f.Hooks, "hook", "hooks"}, {f.Connections, "connection", "connections"}, {f.Sources, "source", "sources"}, {f.Archives, "archive", "archives"}, {f.attached, "list of targets", "lists of targets"}} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.other))
		}
	}
	return strings.Join(parts, " and ")
}

// types reads the catalog files. A catalog that was good once is not read again: the files
// of schemas that it refers to may have changed.
func (l *loader) types(o *origin) {
	if l.catalog = o.declared; l.catalog == nil {
		l.catalog = l.readTypes(o.types)
	}
	for _, w := range l.catalog.Warnings {
		l.warnings.AddError(w.Pos.File, w)
	}
}

// circumstances are what the meaning of rules depends on besides their text and their targets.
func (l *loader) circumstances() string {
	var r revision
	r.add(l.src.Account, l.src.Region, l.catalog.Naming.Fingerprint())
	r.add(l.catalog.Fingerprint...)
	return r.sum()
}

func (l *loader) readTypes(documents []Document) *catalog.Catalog {
	var read []catalog.File
	for _, d := range documents {
		root, err := document.Parse(d.Path, d.Text)
		if err != nil {
			l.problems.AddError(d.Path, err)
			continue
		}
		if root == nil {
			l.emptyCatalog(d.Path)
		}
		read = append(read, catalog.File{Path: d.Path, Root: root})
	}
	return catalog.Load(read, l.src.Naming, &l.problems)
}

// emptyCatalog judges a catalog file without content, as empty does a rule file.
func (l *loader) emptyCatalog(path string) {
	place := Position{File: path}
	before := l.src.Previous
	if before != nil && before.Catalog != nil && slices.ContainsFunc(before.Catalog.Types, func(t *catalog.Type) bool { return t.Pos.File == path }) {
		l.problems.Add(place, document.Path{}, "is empty, and declared types before; delete it to remove them, or write types: [] into it")
		return
	}
	l.warnings.Add(place, document.Path{}, "is empty: it declares no types")
}
