package rules

import (
	"cmp"
	"errors"
	"strings"

	"signalbox/document"
	"signalbox/rules/transform"
	"signalbox/targets"
)

// entryBuilder turns the draft of a rule's entry for one target into the entry.
type entryBuilder struct {
	*report
	src   *Source
	names *typeNames
	draft *targetDraft
	// config is the target's, if it is known.
	config targets.Config
	known  bool
}

// entry returns the entry for the target of that name, which is empty where none is known.
func (b *entryBuilder) entry(target string) RuleTarget {
	d := b.draft
	t := RuleTarget{ID: d.ID.Value, Target: target, ARN: d.ARN, Pos: d.node.Pos}
	if t.ID == "" {
		t.ID = t.Target
	}
	if fault := checkName(t.ID); fault != "" && d.ID.Node != nil && d.ID.Node.Kind == document.String {
		b.problems.Add(d.ID.Node.Pos, d.path.Key("id"), "%s", fault)
	}
	if d.ID.Node != nil {
		b.names.action(t.ID, d.ID.Node.Pos, d.path.Key("id"))
	}
	t.Spec = d.spec(t.ID)
	compiled, err := transform.Compile(t.Spec)
	switch {
	case err != nil:
		b.transformFaults(err, &b.problems)
	case compiled != nil:
		b.transformFaults(compiled.Lint(), &b.warnings)
	}
	t.Transform = compiled
	t.Retry = b.retry()
	t.HTTPParameters, t.Parameters = d.HTTPParameters, b.parameters()
	if carry := b.config.Carry; carry != targets.CarryState {
		t.Carry = carry
	}
	if t.Carry != "" && t.Transform != nil {
		b.problems.Add(d.node.Pos, d.path, "makes a body of its own, but target %q is sent references (carry: %s): let the body be, or send it to a target with carry: state", t.Target, t.Carry)
	}
	t.Reply, t.Emits = b.reply(), b.emits()
	return t
}

// spec is the transform in the form that the transform package takes.
func (t *targetDraft) spec(id string) transform.Spec {
	s := transform.Spec{TargetID: id, InputPath: t.InputPath.Pointer(), Transform: t.Transform.Pointer()}
	if t.Input != nil {
		text := jsonOf(t.Input)
		s.Input = new(string(text))
	}
	if it := t.InputTransformer; it != nil {
		s.InputTransformer = &transform.InputTransformer{
			InputPathsMap: it.InputPathsMap,
			InputTemplate: it.InputTemplate.Value,
			Compat:        it.Compat,
		}
	}
	return s
}

// transformFaults puts each fault of a transform, or what is doubtful in it, at its
// place in the file.
func (b *entryBuilder) transformFaults(err error, to *document.Problems) {
	d := b.draft
	var all transform.Errors
	if !errors.As(err, &all) {
		to.Add(d.node.Pos, d.path, "%s", err)
		return
	}
	for _, fault := range all {
		steps := make([]string, len(fault.Path))
		n := d.node
		for i, step := range fault.Path {
			steps[i] = spelled(n, step.(string))
			n = n.Get(steps[i])
		}
		at, path := follow(d.node, d.path, steps)
		pos := at.Pos
		if n != nil && n == at {
			pos = placesOf(at)(fault.Offset)
		}
		to.Add(pos, path, "%s", withHint(fault.Reason, fault.Hint))
	}
}

// spelled is a key as the file writes it: AWS's files use InputPath where ours
// use input_path.
func spelled(n *document.Node, key string) string {
	var camel strings.Builder
	for word := range strings.SplitSeq(key, "_") {
		if word != "" {
			camel.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	if n.Get(key) == nil && n.Get(camel.String()) != nil {
		return camel.String()
	}
	return key
}

// retry is the target's retry with what the rule says otherwise.
func (b *entryBuilder) retry() *targets.Retry {
	d := b.draft
	if d.Retry.IsZero() && d.attempts == 0 && d.age == 0 || !b.known {
		return nil
	}
	config := b.config
	retry := &config.Retry
	retry.MaxAttempts = cmp.Or(d.attempts, retry.MaxAttempts)
	retry.MaxAge = cmp.Or(d.age, retry.MaxAge)
	if d.Retry.IsZero() {
		return retry
	}
	path := d.path.Key("retry")
	b.dec.Decode(d.Retry, retry, path)
	for _, fault := range config.Validate(b.src.Secrets) {
		if fault.Path[0] == "retry" {
			at, where := follow(d.Retry, path, fault.Path[1:])
			b.problems.Add(at.Pos, where, "%s", fault.Msg)
		}
	}
	return retry
}

// reply is what an entry says of its target's answers, checked as if the target
// said it.
func (b *entryBuilder) reply() string {
	d := b.draft
	if d.Reply.Node == nil || d.Reply.Node.Kind != document.String || !b.known {
		return ""
	}
	config := b.config
	config.Reply = d.Reply.Value
	for _, fault := range config.Validate(b.src.Secrets) {
		if fault.Path[0] == "reply" {
			b.problems.Add(d.Reply.Node.Pos, d.path.Key("reply"), "%s", fault.Msg)
		}
	}
	return d.Reply.Value
}

// emits are the types that an entry declares, or else its target.
func (b *entryBuilder) emits() []string {
	d := b.draft
	if d.Emits.IsZero() {
		return b.config.Emits
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
			b.names.add(t, d.Emits.Items[i].Pos, path.Index(i))
		}
	}
	return types
}
