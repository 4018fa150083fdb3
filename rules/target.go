package rules

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
	"signalbox/rules/transform"
	"signalbox/secret"
	"signalbox/spelling"
	"signalbox/targets"
)

func (b *builder) targets(members []document.Member) {
	for _, member := range members {
		path := document.In("target " + strconv.Quote(member.Key))
		if fault := checkName(member.Key); fault != "" {
			b.problems.Add(member.Pos, path, "the name %s", fault)
		}
		if first, again := b.targetPos[member.Key]; again {
			b.problems.Add(member.Pos, path, "is declared twice; it is also at %s: rename one", first)
			b.targetConfig(member, path) // for its other faults
			continue
		}
		b.targetPos[member.Key] = member.Pos
		b.target(member, path)
	}
}

// target reads one target. The references to secrets in it stay as they are:
// the target itself resolves them, so that no value of one is held here.
func (b *builder) target(member document.Member, path document.Path) {
	before := b.problems.Len()
	config := b.targetConfig(member, path)
	if b.problems.Len() > before {
		b.broken[member.Key] = true
		return
	}
	b.set.Targets[member.Key] = config
	b.hash.add("target", member.Key, config.Dir, rendered(member.Value))
	if config.ARN != "" {
		b.targetARN(config, member, path)
	}
}

// targetConfig reads the configuration of a target, and notes its faults.
func (b *builder) targetConfig(member document.Member, path document.Path) targets.Config {
	config := targets.Config{Name: member.Key, Dir: filepath.Dir(member.Pos.File)}
	if member.Value.Kind != document.Mapping {
		b.problems.Add(member.Value.Pos, path, "must be a mapping with a type, not %s", member.Value.Kind)
	} else {
		b.targetOptions(&config, member.Value, path)
	}
	return config
}

// targetOptions reads a target's options, of which its type tells what they may be.
func (b *builder) targetOptions(config *targets.Config, n *document.Node, path document.Path) {
	kind, err := b.src.Kinds.Find(text(n.Get("type")), text(n.Get("url")), config.Dir, b.secrets(n))
	if err != nil {
		at, where := follow(n, path, []string{"type"})
		b.problems.Add(at.Pos, where, "%s", err)
		return
	}
	config.Kind, config.Options = kind, kind.Options()
	b.dec.Decode(b.foreign(config, n, path), config, path)
	b.zeros(n, path)
	config.SetDefaults()
	b.validate(config, n, path)
	b.orderBy(config, n, path)
}

// text is the text of a node; empty if it is absent.
func text(n *document.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// foreign reports the options that only other kinds have, and returns the mapping
// without them.
func (b *builder) foreign(config *targets.Config, n *document.Node, path document.Path) *document.Node {
	known := document.Keys(config)
	own := *n
	own.Members = nil
	for _, member := range n.Members {
		others := b.src.Kinds.With(member.Key)
		if slices.Contains(known, member.Key) || len(others) == 0 {
			own.Members = append(own.Members, member)
			continue
		}
		b.problems.Add(member.Pos, path.Key(member.Key), "a target of type %s does not take it, only one of type %s does",
			text(n.Get("type")), strings.Join(others, " or "))
	}
	return &own
}

func (b *builder) targetARN(config targets.Config, member document.Member, path document.Path) {
	if other, again := b.byARN[config.ARN]; again {
		b.problems.Add(member.Value.Get("arn").Pos, path.Key("arn"), "is also that of target %q", other)
		return
	}
	b.byARN[config.ARN] = config.Name
}

// zeros reports a 0 where SetDefaults would take it for a field that was left
// out, and put the default in its place.
func (b *builder) zeros(n *document.Node, path document.Path) {
	for _, steps := range [][]string{
		{"timeout"}, {"concurrency"}, {"max_hops"}, {"max_connection_age"}, {"batch", "max_events"}, {"batch", "max_bytes"},
		{"retry", "max_attempts"}, {"retry", "max_age"}, {"retry", "min_backoff"}, {"retry", "max_backoff"},
		{"retry_budget", "ratio"}, {"breaker", "failures"}, {"breaker", "open_for"}, {"breaker", "probes"},
	} {
		at, where := follow(n, path, steps)
		if at.Kind != document.Number && at.Kind != document.String {
			continue
		}
		if d, err := document.ParseDuration(at.Text); err == nil && d == 0 {
			b.problems.Add(at.Pos, where, "is %s: it must be more than 0; remove the line for the default", at.Text)
		}
	}
}

func (b *builder) validate(config *targets.Config, n *document.Node, path document.Path) {
	secrets, resolving := b.secrets(n).Resolving()
	faults, warnings := config.Check(secrets)
	for _, fault := range faults {
		at, where := follow(n, path, fault.Path)
		b.problems.Add(at.Pos, where, "%s", fault.Msg)
	}
	for _, doubt := range warnings {
		at, where := follow(n, path, doubt.Path)
		b.warnings.Add(at.Pos, where, "%s", doubt.Msg)
	}
	config.Resolved = resolving.Sum()
	if resolving.Outside && b.src.Limits.None() && !b.configured(n) && !b.unlimited {
		b.unlimited = true
		b.warnings.Add(n.Pos, path, "refers to secrets, and rule files may refer to any that the router can read: list them under secrets: in the configuration, as files: [globs] and env: [names]")
	}
}

// configured reports whether a target stands in config.yaml.
func (b *builder) configured(n *document.Node) bool {
	return b.src.Targets != nil && b.src.Targets.Pos.File == n.Pos.File
}

// secrets returns what resolves the references of a target.
func (b *builder) secrets(n *document.Node) secret.Source {
	if b.configured(n) {
		return b.src.Secrets
	}
	return b.src.Secrets.Limited(b.src.Limits, b.src.Dir)
}

// follow goes down a path as far as the file has it, so that a fault of what was
// left out is shown where it would stand.
func follow(n *document.Node, path document.Path, steps []string) (*document.Node, document.Path) {
	at, whole := n, true
	for _, step := range steps {
		var next *document.Node
		if i, err := strconv.Atoi(step); err == nil && at.Kind == document.Sequence {
			path = path.Index(i)
			if i < len(at.Items) {
				next = at.Items[i]
			}
		} else {
			path = path.Key(step)
			next = at.Get(step)
		}
		if whole = whole && next != nil; whole {
			at = next
		}
	}
	return at, path
}

// busTargets checks the buses that targets send to; only now all are known.
func (b *builder) busTargets() {
	for _, c := range b.contents {
		for _, member := range c.targets {
			config, ok := b.set.Targets[member.Key]
			bus := config.ToBus()
			if !ok || bus == "" || b.targetPos[member.Key] != member.Pos {
				continue
			}
			if _, ok := b.set.Buses[bus]; !ok {
				at, path := follow(member.Value, document.In("target "+strconv.Quote(member.Key)), []string{"bus"})
				known := slices.Sorted(maps.Keys(b.set.Buses))
				b.problems.Add(at.Pos, path, "no bus %q%s; declare it under buses:", bus, spelling.Suggest(bus, known))
			}
		}
	}
}

// unused warns of targets that no rule sends to.
func (b *builder) unused() {
	used := map[string]bool{}
	for _, r := range b.set.Rules {
		for _, t := range r.Targets {
			used[t.Target] = true
		}
	}
	if len(b.set.Rules) == 0 {
		return // such as a file of targets by itself
	}
	for name := range b.set.Targets {
		if !used[name] {
			b.warnings.Add(b.targetPos[name], document.In("target "+strconv.Quote(name)), "no rule sends to it: name it under the targets of one, or remove it")
		}
	}
}

func (b *builder) ruleTargets(d *draft) []RuleTarget {
	if len(d.Targets) == 0 && !d.StopBubbling {
		b.warnings.Add(d.pos, d.path, "has no targets: it matches and counts, and sends nothing")
	}
	var list []RuleTarget
	first := map[string]Position{}
	for i := range d.Targets {
		t := b.ruleTarget(&d.Targets[i])
		if at, again := first[t.ID]; again && t.ID != "" {
			b.problems.Add(t.Pos, d.Targets[i].path, "the id %q is also that of the target at %s; give each an id: of its own", t.ID, at)
		}
		first[t.ID] = t.Pos
		list = append(list, t)
	}
	return list
}

func (b *builder) ruleTarget(d *targetDraft) RuleTarget {
	t := RuleTarget{ID: d.ID.Value, Target: b.resolve(d), Pos: d.node.Pos}
	if t.ID == "" {
		t.ID = t.Target
	}
	if fault := checkName(t.ID); fault != "" && d.ID.Node != nil && d.ID.Node.Kind == document.String {
		b.problems.Add(d.ID.Node.Pos, d.path.Key("id"), "%s", fault)
	}
	if d.ID.Node != nil {
		b.actions = append(b.actions, namedType{t.ID, d.ID.Node.Pos, d.path.Key("id")})
	}
	t.Spec = d.spec(t.ID)
	compiled, err := transform.Compile(t.Spec)
	switch {
	case err != nil:
		b.transformFaults(d, err, &b.problems)
	case compiled != nil:
		b.transformFaults(d, compiled.Lint(), &b.warnings)
	}
	t.Transform = compiled
	t.Retry = b.retry(d, t.Target)
	t.Parameters = b.parameters(d, t.Target)
	if carry := b.set.Targets[t.Target].Carry; carry != targets.CarryState {
		t.Carry = carry
	}
	if t.Carry != "" && t.Transform != nil {
		b.problems.Add(d.node.Pos, d.path, "makes a body of its own, but target %q is sent references (carry: %s): let the body be, or send it to a target with carry: state", t.Target, t.Carry)
	}
	t.Reply, t.Emits = b.reply(d, t.Target), b.emits(d, t.Target)
	return t
}

// resolve finds the target that an entry names, by its name or its ARN.
func (b *builder) resolve(d *targetDraft) string {
	name, written, pos, path := d.Target.Value, d.Target.Value, d.node.Pos, d.path
	if d.Target.Node != nil {
		pos = d.Target.Node.Pos
	}
	if d.ARN != "" {
		written = d.ARN
		if named, ok := b.byARN[d.ARN]; ok {
			return named
		}
		name = NameInARN(d.ARN)
	}
	if name == "" {
		return ""
	}
	if _, ok := b.set.Targets[name]; !ok && !b.broken[name] {
		known := slices.Sorted(maps.Keys(b.targetPos))
		hint := spelling.Suggest(name, known)
		if d.ARN != "" {
			hint += "; give a target this arn:"
			if nameForm.MatchString(name) {
				hint += ", or the name " + strconv.Quote(name)
			}
		} else {
			hint += "; declare it under targets:"
		}
		b.problems.Add(pos, path, "no target %q%s", written, hint)
	}
	return name
}

// NameInARN returns the name of what an ARN stands for: its last part, but for a
// function's version or alias and the id of an API destination.
func NameInARN(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[2] == "lambda" {
		if name, ok := strings.CutPrefix(parts[5], "function:"); ok {
			name, _, _ = strings.Cut(name, ":")
			return name
		}
	}
	if len(parts) == 6 && parts[2] == "events" {
		if name, ok := strings.CutPrefix(parts[5], "api-destination/"); ok {
			name, _, _ = strings.Cut(name, "/")
			return name
		}
		if name, ok := strings.CutPrefix(parts[5], "event-bus/"); ok {
			return name // a partner's holds slashes
		}
	}
	return arn[strings.LastIndexAny(arn, ":/")+1:]
}

// spec is the transform in the form that the transform package takes.
func (t *targetDraft) spec(id string) transform.Spec {
	s := transform.Spec{TargetID: id, InputPath: t.InputPath.Pointer(), Transform: t.Transform.Pointer()}
	if t.Input != nil {
		text, _ := sourceText(t.Input)
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
func (b *builder) transformFaults(d *targetDraft, err error, to *document.Problems) {
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
			_, find := sourceText(at)
			pos = find(fault.Offset)
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
func (b *builder) retry(d *targetDraft, name string) *targets.Retry {
	config, ok := b.set.Targets[name]
	if d.Retry.IsZero() && d.attempts == 0 && d.age == 0 || !ok {
		return nil
	}
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
