package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
)

// loader reads the documents of sources for one Set.
type loader struct {
	*report
	src      *Source
	contents []contents
	files    []File
	catalog  *catalog.Catalog
}

// build makes a Set of what sources hold; it is of no use where there are faults.
func (src *Source) build(origins []*origin) (*Set, document.Errors) {
	l := &loader{report: newReport(), src: src}
	for _, o := range origins {
		l.load(o)
	}
	set := l.build()
	set.origins = origins
	set.Warnings = l.warnings.Sorted()
	if files := origins[0]; l.problems.Len() == 0 && files.declared == nil {
		files.declared = l.catalog
	}
	return set, l.problems.Sorted()
}

// load reads what one source holds.
func (l *loader) load(o *origin) {
	for _, p := range o.faults.Sorted() {
		l.problems.AddError(p.Pos.File, p)
	}
	for _, p := range o.warnings.Sorted() {
		l.warnings.AddError(p.Pos.File, p)
	}
	l.contents = append(l.contents, contents{targets: members(l.dec, o.targets, "targets"), buses: readBuses(l.dec, o.buses)})
	for _, d := range o.documents {
		l.document(d, o.name != "")
	}
	if o.name == "" {
		l.types(o)
	}
}

// document adds what one document holds.
func (l *loader) document(d Document, noFile bool) {
	root, err := document.Parse(d.Path, d.Text)
	if err != nil {
		l.problems.AddError(d.Path, err)
		return
	}
	r := &fileReader{report: l.report}
	r.path, r.noFile = d.Path, noFile
	switch {
	case root == nil:
		l.empty(d.Path)
	case strings.EqualFold(filepath.Ext(d.Path), ".json"):
		r.json(root)
	default:
		r.file(root)
	}
	l.contents = append(l.contents, r.contents)
	l.files = append(l.files, File{
		Path:     d.Path,
		Rules:    len(r.rules),
		attached: len(r.attached),
		Targets:  len(r.targets),
		Buses:    len(r.buses),
	})
}

// empty judges a file without content. Rewriting a file in place passes through
// this state, and its rules must not be lost for that moment.
func (l *loader) empty(path string) {
	if before := fileOf(l.src.Previous, path); before.Rules+before.Targets+before.Buses+before.attached > 0 {
		l.problems.Add(Position{File: path}, document.Path{}, "is empty, and had %s before; delete it to remove them, or write rules: [] into it", before.holds())
		return
	}
	l.warnings.Add(Position{File: path}, document.Path{}, "is empty: it holds no rules")
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
	}{{f.Rules, "rule", "rules"}, {f.Targets, "target", "targets"}, {f.Buses, "bus", "buses"}, {f.attached, "list of targets", "lists of targets"}} {
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
