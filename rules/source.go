package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/rules/files"
	"signalbox/secret"
	"signalbox/sources"
	sourcekinds "signalbox/sources/kinds"
	"signalbox/targets"
	"signalbox/targets/kinds"
)

// Source is where a Set is read from: from files, and from others beside them. Each of
// these keeps its last good documents by itself; see Load.
type Source struct {
	// Globs name the rule files. Those that are not absolute start at Dir.
	// A directory stands for all rule files in it.
	Globs []string
	Dir   string
	// Targets, Buses, Hooks, Connections, Sources and Archives are those of config.yaml; they may be nil.
	Targets, Buses, Hooks, Connections, Sources, Archives *document.Node
	// NoOpenHooks refuses hooks that take requests of everybody: the router can be reached
	// from other machines.
	NoOpenHooks bool
	// Catalog are globs of catalog files, from Dir on; Naming is the standard for
	// names, nil for the default one.
	Catalog []string
	Naming  *catalog.Naming
	// Unreadable is why the files can't be taken as they are, such as a fault of
	// config.yaml: their last good ones are. It is nil where they can.
	Unreadable error
	// Files stand in for what Globs and Catalog lead to, unless it is nil.
	Files *Files
	// Loaded is told of the texts of files that had no fault, before they are dropped; it may be nil.
	Loaded func(Files)
	// KeepFiles takes the files as they serve, and does not read them again, where Previous still
	// has their texts.
	KeepFiles bool
	// Others are what has rule documents besides the files, such as an API.
	Others []Documents
	// Account and Region are for the ARNs of rules.
	Account, Region string
	// Secrets resolves the references in targets, to check them.
	Secrets secret.Source
	// Limits are what the targets of rule files may refer to; those of Targets may refer
	// to anything.
	Limits secret.Limits
	// Kinds are the kinds of target that there are; all by default.
	Kinds targets.Kinds
	// SourceKinds are the kinds of source that there are; all by default.
	SourceKinds sources.Kinds
	// Previous is the Set in use. A file that had content in it and is empty now
	// is an error: it is about to be written, or was cut off.
	Previous *Set
}

// Files are the texts of rule files and of catalog files.
type Files struct{ Rules, Catalog []Document }

// Documents are the rule documents of one source besides the files.
type Documents struct {
	// Name is the source's in errors, where its documents are called NAME:PATH. It is
	// its own.
	Name string
	// Read returns all documents, as they are now.
	Read func() ([]Document, error)
	// MakeTargets makes the targets that entries name by ARNs which no target has; see MadeOf.
	MakeTargets bool
}

// Document is the text of a rule file, in JSON where its path ends in .json, else in YAML.
type Document struct {
	Path string
	Text []byte
}

// origin is what one source held at one moment.
type origin struct {
	name      string // empty for the files
	documents []Document
	// makesTargets is Documents.MakeTargets.
	makesTargets bool
	// textless says that the texts were dropped: no other source may need them.
	textless bool
	// faults are why it could not be read whole, warnings what is doubtful about that.
	faults, warnings document.Problems

	// The rest are of the files alone. types are the catalog files, declared is what they
	// were last good as, and targets, buses, hooks, connections, sources and archives stand in config.yaml.
	types                                                 []Document
	declared                                              *catalog.Catalog
	targets, buses, hooks, connections, sources, archives *document.Node
}

// Load reads all sources and builds a Set. An error is of the type document.Errors and
// holds every fault of every document, sorted by place.
//
// Where some sources have faults and there is a Set in use, Load returns both: the error,
// and a Set in which the last good documents of these sources stand beside those of the
// others as they are now. There is no Set where nothing of it would be new.
//
// An empty file holds no rules, which is a warning; see Source.Previous.
func Load(src Source) (*Set, error) {
	if src.Kinds == nil {
		src.Kinds = kinds.All()
	}
	if src.SourceKinds == nil {
		src.SourceKinds = sourcekinds.All()
	}
	now := src.read()
	if src.Previous.HoldsTexts() {
		return src.loadMixed(now)
	}
	set, faults := src.build(now)
	if len(faults) > 0 {
		return nil, faults
	}
	src.loaded(now[0])
	if !slices.ContainsFunc(now[1:], func(o *origin) bool { return len(o.documents) > 0 }) {
		now[0].dropTexts()
	}
	return set, nil
}

// HoldsTexts reports whether the Set has the texts of its files, so that another can be built of
// them: it has where other sources had documents when it was loaded.
func (s *Set) HoldsTexts() bool { return s != nil && len(s.origins) > 0 && !s.origin("").textless }

// loaded tells of files that were read, and had no fault.
func (src *Source) loaded(files *origin) {
	if src.Loaded != nil && src.Files == nil && !src.KeepFiles {
		src.Loaded(Files{slices.Clone(files.documents), slices.Clone(files.types)}) // whose texts stay
	}
}

// dropTexts lets go of the texts, which take as much memory as the rules: the files alone are
// always read anew.
func (o *origin) dropTexts() {
	o.textless = true
	for i := range o.documents {
		o.documents[i].Text = nil
	}
	for i := range o.types {
		o.types[i].Text = nil
	}
}

// loadMixed builds a Set with the last good documents of as many sources as need be.
func (src *Source) loadMixed(now []*origin) (*Set, error) {
	var all document.Errors
	mixed := slices.Clone(now)
	keep := func(i int, faults []*document.Problem) {
		mixed[i] = src.Previous.origin(now[i].name)
		all = append(append(all, faults...), &document.Problem{Pos: Position{File: now[i].name}, Message: now[i].kept()})
	}
	for i, o := range now {
		if o.faults.Len() > 0 {
			keep(i, o.faults.Sorted())
		}
	}
	for len(changed(mixed, src.Previous)) > 0 {
		set, faults := src.build(mixed)
		switch {
		case len(faults) == 0 && len(all) == 0:
			src.loaded(now[0])
			return set, nil
		case len(faults) == 0:
			return set, all
		}
		for _, i := range blamed(mixed, src.Previous, faults) {
			keep(i, faults)
			faults = nil // each is told once
		}
	}
	if len(all) == 0 {
		return nil, nil // nothing has changed
	}
	return nil, all
}

// changed returns the numbers of the sources that differ from a Set in use.
func changed(mixed []*origin, previous *Set) (numbers []int) {
	for i, o := range mixed {
		if o.differs(previous.origin(o.name)) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// blamed returns the numbers of the sources that faults may be due to: of the changed ones
// those that have a fault, or else all, as it is no fault of a rule that its target has gone.
func blamed(mixed []*origin, previous *Set, faults document.Errors) (numbers []int) {
	candidates := changed(mixed, previous)
	for _, i := range candidates {
		if slices.ContainsFunc(faults, func(p *document.Problem) bool { return owner(mixed, p.Pos.File) == i }) {
			numbers = append(numbers, i)
		}
	}
	if len(numbers) == 0 {
		return candidates
	}
	return numbers
}

// owner returns the number of the source that a document is of; the files own all that no
// other does.
func owner(origins []*origin, path string) int {
	return max(0, slices.IndexFunc(origins, func(o *origin) bool {
		return o.name != "" && (path == o.name || slices.ContainsFunc(o.documents, func(d Document) bool { return d.Path == path }))
	}))
}

// kept returns the note that the last good documents of the source are used.
func (o *origin) kept() string {
	if o.name == "" {
		return "the rule files have faults: their last good ones continue to serve, beside what other sources hold now"
	}
	return fmt.Sprintf("the source %q has faults: its last good documents continue to serve", o.name)
}

// differs reports whether the source holds something else than it did. Files always do,
// but where they are kept: they may refer to others.
func (o *origin) differs(before *origin) bool {
	return o != before && (o.name == "" || !slices.EqualFunc(o.documents, before.documents, func(a, b Document) bool {
		return a.Path == b.Path && bytes.Equal(a.Text, b.Text)
	}))
}

// origin returns what a source held when the Set was built: nothing, where there was none.
func (s *Set) origin(name string) *origin {
	for _, o := range s.origins {
		if o.name == name {
			return o
		}
	}
	return &origin{name: name}
}

// read returns what all sources hold, the files first.
func (src *Source) read() []*origin {
	var all []*origin
	if src.KeepFiles && src.Previous.HoldsTexts() {
		all = append(all, src.Previous.origin(""))
	} else {
		all = append(all, src.readFiles())
	}
	for _, other := range src.Others {
		o := &origin{name: other.Name, makesTargets: other.MakeTargets}
		documents, err := other.Read()
		if err != nil {
			o.faults.AddError(o.name, err)
		}
		for _, d := range documents {
			o.documents = append(o.documents, Document{Path: o.name + ":" + d.Path, Text: d.Text})
		}
		all = append(all, o)
	}
	return all
}

func (src *Source) readFiles() *origin {
	o := &origin{targets: src.Targets, buses: src.Buses, hooks: src.Hooks, connections: src.Connections, sources: src.Sources, archives: src.Archives}
	if src.Unreadable != nil {
		o.faults.AddError("", src.Unreadable)
		return o
	}
	if src.Files != nil {
		o.documents, o.types = src.Files.Rules, src.Files.Catalog
		return o
	}
	o.documents = o.readAll(src.Globs, src.Dir, "rule file", "rules:")
	o.types = o.readAll(src.Catalog, src.Dir, "catalog file", "catalog:")
	return o
}

// readAll reads what globs lead to, each file once, in order.
func (o *origin) readAll(globs []string, dir, what, key string) (all []Document) {
	var paths []string
	for _, pattern := range globs {
		pattern = inDir(dir, pattern)
		found, err := files.Find(pattern)
		place := Position{File: pattern}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			o.faults.Add(place, document.Path{}, "no such file or directory; create it, or take it out of %s in the configuration", key)
		case err != nil:
			o.faults.AddError(pattern, err)
		case len(found) == 0:
			o.warnings.Add(place, document.Path{}, "matches no %s (.yaml, .yml or .json)", what)
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		text, err := files.Read(path)
		if err != nil {
			o.faults.AddError(path, err)
			continue
		}
		all = append(all, Document{Path: path, Text: text})
	}
	return all
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// surroundings returns where the paths of a document's member start, and what resolves its
// references; configured is the same section of config.yaml, or nil.
func (src *Source) surroundings(configured *document.Node, member document.Member, noFile bool) (dir string, secrets secret.Source) {
	dir, secrets = filepath.Dir(member.Pos.File), src.Secrets
	if noFile {
		dir = src.Dir
	}
	if noFile || !standsIn(configured, member.Value) {
		secrets = secrets.Limited(src.Limits, src.Dir)
	}
	if noFile {
		secrets = secrets.Sealed()
	}
	return dir, secrets
}

// standsIn reports whether a node is part of a section of config.yaml, which may be nil.
func standsIn(section, n *document.Node) bool {
	return section != nil && section.Pos.File == n.Pos.File
}
