package rules

import (
	"errors"

	"signalbox/document"
	"signalbox/hooks"
	"signalbox/rules/exprenv"
)

// hookBuilder reads the hooks that documents declare. Buses are all known.
type hookBuilder struct {
	*report
	src *Source
	set *Set // which gets the hooks
	pos map[string]Position
}

// add reads the hooks of one document, and notes them in the revision.
func (b *hookBuilder) add(c contents, hash *revision) {
	for _, member := range c.hooks {
		path, ok := b.declared("hook", member, b.pos)
		if !ok {
			continue
		}
		if hook := b.hook(member, path, c.noFile); hook != nil {
			b.set.Hooks[member.Key] = hook
			hash.add("hook", member.Key, rendered(member.Value))
		}
	}
}

// hook reads one hook; nil if it has faults.
func (b *hookBuilder) hook(member document.Member, path document.Path, noFile bool) *hooks.Hook {
	n := member.Value
	if n.Kind != document.Mapping {
		b.problems.Add(n.Pos, path, "must be a mapping with verify: and secrets:, not %s", n.Kind)
		return nil
	}
	var c hooks.Config
	before := b.problems.Len()
	b.dec.Decode(n, &c, path)
	b.zeros(n, path, []string{"tolerance"})
	if b.problems.Len() > before {
		return nil
	}
	dir, secrets := b.src.surroundings(b.src.Hooks, member, noFile)
	resolver, resolving := secrets.Resolving()
	hook, faults := hooks.New(member.Key, c, resolver, dir)
	for _, fault := range faults {
		if fault.Path[0] == "detail_type" && n.Get("detail-type") != nil {
			fault.Path[0] = "detail-type"
		}
		at, where := follow(n, path, fault.Path)
		if _, ok := errors.AsType[*exprenv.Error](fault.Err); ok {
			b.expression(at, where, fault.Err)
			continue
		}
		b.problems.Add(at.Pos, where, "%s", fault.Err)
	}
	b.checkBus(n, path, c.Bus, b.set)
	if hook == nil {
		return nil
	}
	if hook.Open() && b.src.NoOpenHooks {
		at, where := follow(n, path, []string{"verify"})
		b.problems.Add(at.Pos, where, "is none, and the router can be reached from other machines, where everybody could send events: verify the hook, listen on 127.0.0.1, or set allow_unauthenticated: true")
	}
	hook.Resolved = resolving.Sum()
	return hook
}
