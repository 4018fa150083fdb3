package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/kinds"
)

// Source says where a Set is read from.
type Source struct {
	// Globs name the rule files. Those that are not absolute start at Dir.
	// A directory stands for all rule files in it.
	Globs []string
	Dir   string
	// Targets and Buses are those of config.yaml; they may be nil.
	Targets, Buses *document.Node
	// Catalog are globs of catalog files, from Dir on; Naming is the standard for
	// names, nil for the default one.
	Catalog []string
	Naming  *catalog.Naming
	// Account and Region are for the ARNs of rules.
	Account, Region string
	// Secrets resolves the references in targets, to check them.
	Secrets secret.Source
	// Limits are what the targets of rule files may refer to; those of Targets may refer
	// to anything.
	Limits secret.Limits
	// Kinds are the kinds of target that there are; all by default.
	Kinds targets.Kinds
	// Previous is the Set in use. A file that had content in it and is empty now
	// is an error: it is about to be written, or was cut off.
	Previous *Set
}

// Load reads all rule files and builds a Set. An error is of the type
// document.Errors and holds every fault of every file, sorted by place; nothing
// of a faulty Set can be used.
//
// An empty file holds no rules, which is a warning; see Source.Previous.
func Load(src Source) (*Set, error) {
	if src.Kinds == nil {
		src.Kinds = kinds.All()
	}
	l := &loader{src: src}
	l.dec = &document.Decoder{Problems: &l.problems}
	config := contents{
		targets: members(l.dec, src.Targets, "targets"),
		buses:   readBuses(l.dec, src.Buses),
	}
	l.contents = append(l.contents, config)
	for _, path := range l.find(l.src.Globs, "rule file", "rules:") {
		l.read(path)
	}
	l.loadCatalog()
	set := l.build()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	set.Warnings = l.warnings.Sorted()
	return set, nil
}

// loader builds one Set.
type loader struct {
	src      Source
	dec      *document.Decoder
	problems document.Problems
	warnings document.Problems
	contents []contents
	files    []File
	catalog  *catalog.Catalog
}

// find expands the globs into files, each once, in order.
func (l *loader) find(globs []string, what, key string) []string {
	var files []string
	for _, pattern := range globs {
		pattern = inDir(l.src.Dir, pattern)
		f, err := glob(pattern)
		place := Position{File: pattern}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			l.problems.Add(place, document.Path{}, "no such file or directory; create it, or take it out of %s in the configuration", key)
		case err != nil:
			l.problems.AddError(pattern, err)
		case len(f.files) == 0:
			l.warnings.Add(place, document.Path{}, "matches no %s (.yaml, .yml or .json)", what)
		}
		files = append(files, f.files...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// read adds what one file holds.
func (l *loader) read(path string) {
	src, err := readFile(path)
	if err != nil {
		l.problems.AddError(path, err)
		return
	}
	root, err := document.Parse(path, src)
	if err != nil {
		l.problems.AddError(path, err)
		return
	}
	r := &fileReader{dec: l.dec, warnings: &l.warnings}
	r.path = path
	switch {
	case root == nil:
		l.empty(path)
	case strings.EqualFold(filepath.Ext(path), ".json"):
		r.json(root)
	default:
		r.file(root)
	}
	l.contents = append(l.contents, r.contents)
	l.files = append(l.files, File{
		Path:     path,
		Rules:    len(r.rules),
		attached: len(r.attached),
		Targets:  len(r.targets),
		Buses:    len(r.buses),
	})
}

// empty judges a file without content. Rewriting a file in place passes through
// this state, and its rules must not be lost for that moment.
func (l *loader) empty(path string) {
	if before := l.src.Previous.file(path); before.Rules+before.Targets+before.Buses+before.attached > 0 {
		l.problems.Add(Position{File: path}, document.Path{}, "is empty, and had %s before; delete it to remove them, or write rules: [] into it", before.holds())
		return
	}
	l.warnings.Add(Position{File: path}, document.Path{}, "is empty: it holds no rules")
}

func (s *Set) file(path string) File {
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
