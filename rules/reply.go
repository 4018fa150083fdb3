package rules

import (
	"signalbox/document"
	"signalbox/targets"
)

// reply is what an entry says of its target's answers, checked as if the target
// said it.
func (b *builder) reply(d *targetDraft, name string) string {
	config, ok := b.set.Targets[name]
	if d.Reply.Node == nil || d.Reply.Node.Kind != document.String || !ok {
		return ""
	}
	config.Reply = d.Reply.Value
	for _, fault := range config.Validate(b.src.Secrets) {
		if fault.Path[0] == "reply" {
			b.problems.Add(d.Reply.Node.Pos, d.path.Key("reply"), "%s", fault.Msg)
		}
	}
	return d.Reply.Value
}

// emits are the types that an entry declares, or else its target.
func (b *builder) emits(d *targetDraft, name string) []string {
	if d.Emits.IsZero() {
		return b.set.Targets[name].Emits
	}
	path := d.path.Key("emits")
	types := []string{}
	b.dec.Decode(d.Emits, &types, path)
	for i, t := range types {
		if t == "" {
			b.problems.Add(d.Emits.Pos, path.Index(i), "is empty: name the type of an event, or remove it")
			continue
		}
		if i < len(d.Emits.Items) {
			b.typeName(t, d.Emits.Items[i].Pos, path.Index(i))
		}
	}
	return types
}

// ReplyEvents says whether the answers to an entry's deliveries carry events.
func (s *Set) ReplyEvents(t *RuleTarget) bool {
	reply := t.Reply
	if reply == "" {
		reply = s.Targets[t.Target].Reply
	}
	return reply == targets.ReplyEvents
}
