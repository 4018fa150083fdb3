package rules

import (
	"errors"
	"maps"
	"slices"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/sources"
	"signalbox/spelling"
)

// sourceBuilder reads the sources that documents declare. Buses are all known.
type sourceBuilder struct {
	*report
	src *Source
	set *Set // which gets the sources
	pos map[string]Position
}

// add reads the sources of one document, and notes them in the revision.
func (b *sourceBuilder) add(c contents, hash *revision) {
	for _, member := range c.sources {
		path, ok := b.declared("source", member, b.pos)
		if !ok {
			continue
		}
		if source := b.source(member, path, c.noFile); source != nil {
			b.set.Sources[member.Key] = source
			hash.add("source", member.Key, source.Dir, rendered(member.Value))
		}
	}
}

// source reads one source; nil if it has faults.
func (b *sourceBuilder) source(member document.Member, path document.Path, noFile bool) *sources.Source {
	n := member.Value
	if n.Kind != document.Mapping {
		b.problems.Add(n.Pos, path, "must be a mapping with a type and a url, not %s", n.Kind)
		return nil
	}
	before := b.problems.Len()
	kind, err := b.src.SourceKinds.Find(text(n.Get("type")))
	if err != nil {
		at, where := follow(n, path, []string{"type"})
		b.problems.Add(at.Pos, where, "%s", err)
		return nil
	}
	dir, secrets := b.src.surroundings(b.src.Sources, member, noFile)
	c := sources.Config{Name: member.Key, Dir: dir, Kind: kind, Options: kind.Options()}
	b.dec.Decode(b.own(&c, n, path), &c, path)
	b.zeros(n, path, []string{"batch_size"})
	resolver, resolving := secrets.Resolving()
	source, faults, doubts := sources.New(c, resolver)
	for _, fault := range faults {
		b.fault(n, path, fault)
	}
	for _, doubt := range doubts {
		at, where := follow(n, path, doubt.Path)
		b.warnings.Add(at.Pos, where, "%s", doubt.Err)
	}
	b.checkBus(n, path, c.Bus, b.set)
	if b.problems.Len() > before {
		return nil
	}
	source.Resolved = resolving.Sum()
	return source
}

// competing warns of sources that read the same for the same bus.
func (b *sourceBuilder) competing() {
	names := slices.Sorted(maps.Keys(b.set.Sources))
	for i, name := range names {
		for _, before := range names[:i] {
			if b.set.Sources[name].Competes(b.set.Sources[before]) {
				b.warnings.Add(b.pos[name], document.Path{}.Key("sources").Key(name),
					"reads what the source %q reads, for the same bus: a message becomes one event, of whichever source has it first", before)
			}
		}
	}
}

// own returns the mapping without the options that only other kinds have, which it reports.
func (b *sourceBuilder) own(c *sources.Config, n *document.Node, path document.Path) *document.Node {
	known := document.Keys(c)
	own := *n
	own.Members = nil
	for _, member := range n.Members {
		others := b.src.SourceKinds.With(member.Key)
		if slices.Contains(known, member.Key) || len(others) == 0 {
			own.Members = append(own.Members, member)
			continue
		}
		b.problems.Add(member.Pos, path.Key(member.Key), "a source of type %s does not take it, only one of type %s does", c.Kind.Name, orList(others))
	}
	return &own
}

func (b *sourceBuilder) fault(n *document.Node, path document.Path, fault sources.Fault) {
	if last := len(fault.Path) - 1; fault.Path[last] == "detail_type" && n.Get("map").Get("detail-type") != nil {
		fault.Path[last] = "detail-type"
	}
	at, where := follow(n, path, fault.Path)
	if _, ok := errors.AsType[*exprenv.Error](fault.Err); ok {
		b.expression(at, where, fault.Err)
		return
	}
	if !b.problems.Has(at.Pos, where) { // what can't be read has no value to find fault with
		b.problems.Add(at.Pos, where, "%s", fault.Err)
	}
}

// checkBus reports a bus that a hook, a source or an archive names and that does not exist.
func (r *report) checkBus(n *document.Node, path document.Path, bus string, set *Set) {
	if _, ok := set.Buses[bus]; bus == "" || ok {
		return
	}
	at, where := follow(n, path, []string{"bus"})
	r.problems.Add(at.Pos, where, "no bus %q%s; declare it under buses:", bus, spelling.Suggest(bus, slices.Sorted(maps.Keys(set.Buses))))
}
