package rules

import (
	"signalbox/archive"
	"signalbox/document"
	"signalbox/rules/pattern"
)

// archiveBuilder reads the archives that documents declare. Buses are all known.
type archiveBuilder struct {
	*report
	src *Source
	set *Set // which gets the archives
	pos map[string]Position
}

// archiveDraft is an archive as a file says it.
type archiveDraft struct {
	archive.Config `yaml:",inline" beside:"{folder: archive}"`
	// Pattern is which events are archived; all where it is left out.
	Pattern *document.Node `yaml:"pattern" holds:"pattern" with:"{folder: archive}" example:"{source: [shop.orders]}"`
}

// add reads the archives of one document, and notes them in the revision.
func (b *archiveBuilder) add(c contents, hash *revision) {
	for _, member := range c.archives {
		path, ok := b.declared("archive", member, b.pos)
		if !ok {
			continue
		}
		if a := b.archive(member, path, c.noFile); a != nil {
			b.set.Archives[member.Key] = a
			hash.add("archive", member.Key, a.Dir, rendered(member.Value))
		}
	}
}

// archive reads one archive; nil if it has faults.
func (b *archiveBuilder) archive(member document.Member, path document.Path, noFile bool) *archive.Archive {
	n := member.Value
	if n.Kind != document.Mapping {
		b.problems.Add(n.Pos, path, "must be a mapping that says where the archive lies, not %s", n.Kind)
		return nil
	}
	before := b.problems.Len()
	if fault := archive.CheckName(member.Key); fault != "" && checkName(member.Key) == "" {
		b.problems.Add(member.Pos, path, "the name %s", fault)
	}
	dir, secrets := b.src.surroundings(b.src.Archives, member, noFile)
	d := archiveDraft{Config: archive.Config{Name: member.Key, Dir: dir}}
	b.dec.Decode(n, &d, path)
	b.zeros(n, path, []string{"every"})
	resolver, resolving := secrets.Resolving()
	a, faults := archive.New(d.Config, b.pattern(d.Pattern, path.Key("pattern")), resolver)
	b.faults(faults, n, path)
	b.checkBus(n, path, d.Bus, b.set)
	if b.problems.Len() > before {
		return nil
	}
	a.Resolved = resolving.Sum()
	return a
}

// pattern reads what an archive takes; nil stands for everything.
func (b *archiveBuilder) pattern(n *document.Node, path document.Path) *pattern.Pattern {
	if n.IsZero() {
		return nil
	}
	at := placesOf(n)
	p, err := pattern.Parse(jsonOf(n), pattern.Options{Extensions: true})
	if err != nil {
		b.patternFault(n.Pos, at, path, err)
		return nil
	}
	b.ambiguous(n, path)
	b.lint(p, at, path)
	return p
}
