package rules

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/secret"
	"signalbox/spelling"
	"signalbox/targets"
)

// targetBuilder reads the targets that documents declare.
type targetBuilder struct {
	*report
	src  *Source
	set  *Set // which gets the targets
	hash *revision
	// pos is where targets were first declared.
	pos map[string]Position
	// sound are the targets of the Set, as they are written.
	sound []document.Member
	// broken are targets that are declared but faulty; a rule that names one is
	// not at fault.
	broken map[string]bool
	byARN  map[string]string
	// found is what was found for those that entries name by ARNs, once all targets are declared.
	found map[targetName]foundTarget
	// equal holds the targets that are the same in the Set that rules are kept of.
	equal       map[string]bool
	connections *connectionBuilder
	// noFile means that what is read now is of no file.
	noFile bool
	// unlimited means that there was a warning of references that nothing limits.
	unlimited bool
}

func newTargetBuilder(r *report, src *Source, set *Set, hash *revision) *targetBuilder {
	return &targetBuilder{
		report: r, src: src, set: set, hash: hash,
		pos: map[string]Position{}, broken: map[string]bool{}, byARN: map[string]string{}, found: map[targetName]foundTarget{},
	}
}

// add reads the targets of one document.
func (b *targetBuilder) add(c contents) {
	b.noFile = c.noFile
	defer func() { b.noFile = false }()
	for _, member := range c.targets {
		path, ok := b.declared("target", member, b.pos)
		if !ok {
			b.config(member, path, b.dir(c, member)) // for its other faults
			continue
		}
		b.target(member, path, b.dir(c, member))
	}
}

// target reads one target. The references to secrets in it stay as they are:
// the target itself resolves them, so that no value of one is held here.
func (b *targetBuilder) target(member document.Member, path document.Path, dir string) {
	before := b.problems.Len()
	config := b.config(member, path, dir)
	if b.problems.Len() > before {
		b.broken[member.Key] = true
		return
	}
	b.set.Targets[member.Key] = config
	b.sound = append(b.sound, member)
	b.hash.add("target", member.Key, config.Dir, rendered(member.Value))
	if config.ARN != "" {
		b.arn(config, member, path)
	}
}

// dir is where the paths of a document's targets start.
func (b *targetBuilder) dir(c contents, member document.Member) string {
	if c.noFile {
		return b.src.Dir
	}
	return filepath.Dir(member.Pos.File)
}

// config reads the configuration of a target, and notes its faults.
func (b *targetBuilder) config(member document.Member, path document.Path, dir string) targets.Config {
	config := targets.Config{Name: member.Key, Dir: dir}
	if member.Value.Kind != document.Mapping {
		b.problems.Add(member.Value.Pos, path, "must be a mapping with a type, not %s", member.Value.Kind)
	} else {
		b.options(&config, member.Value, path)
	}
	return config
}

// options reads a target's options, of which its type tells what they may be.
func (b *targetBuilder) options(config *targets.Config, n *document.Node, path document.Path) {
	kind, err := b.src.Kinds.Find(text(n.Get("type")), text(n.Get("url")), config.Dir, b.secrets(n))
	if err != nil {
		at, where := follow(n, path, []string{"type"})
		b.problems.Add(at.Pos, where, "%s", err)
		return
	}
	config.Kind, config.Options = kind, kind.Options()
	b.dec.Decode(b.foreign(config, n, path), config, path)
	b.zeros(n, path, mayNotBeZero...)
	config.SetDefaults()
	b.validate(config, n, path, b.connections.connect(config, n, path, b.configured(n) || b.noFile))
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
func (b *targetBuilder) foreign(config *targets.Config, n *document.Node, path document.Path) *document.Node {
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
			text(n.Get("type")), orList(others))
	}
	return &own
}

// orList writes names as a sentence does: a, b or c.
func orList(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (b *targetBuilder) arn(config targets.Config, member document.Member, path document.Path) {
	if other, again := b.byARN[config.ARN]; again {
		b.problems.Add(member.Value.Get("arn").Pos, path.Key("arn"), "is also that of target %q", other)
		return
	}
	b.byARN[config.ARN] = config.Name
}

// mayNotBeZero are the options of targets that SetDefaults takes for left out where they are 0.
var mayNotBeZero = [][]string{
	{"timeout"}, {"concurrency"}, {"max_hops"}, {"max_connection_age"}, {"max_message_bytes"}, {"batch", "max_events"}, {"batch", "max_bytes"},
	{"retry", "max_attempts"}, {"retry", "max_age"}, {"retry", "min_backoff"}, {"retry", "max_backoff"},
	{"rotate", "max_bytes"}, {"rotate", "keep"}, {"retry_budget", "ratio"}, {"breaker", "failures"}, {"breaker", "open_for"}, {"breaker", "probes"},
}

// zeros reports a 0 where it would be taken for an option that was left out, and the default
// put in its place.
func (r *report) zeros(n *document.Node, path document.Path, options ...[]string) {
	for _, steps := range options {
		at, where := follow(n, path, steps)
		if at.Kind != document.Number && at.Kind != document.String {
			continue
		}
		if d, err := document.ParseDuration(at.Text); err == nil && d == 0 {
			r.problems.Add(at.Pos, where, "is %s: it must be more than 0; remove the line for the default", at.Text)
		}
	}
}

// validate checks a target, which logs in with a connection unless that is nil.
func (b *targetBuilder) validate(config *targets.Config, n *document.Node, path document.Path, shared *connection) {
	secrets, resolving := b.secrets(n).Resolving()
	faults, warnings := config.Check(secrets)
	b.faults(faults, n, path)
	for _, doubt := range warnings {
		at, where := follow(n, path, doubt.Path)
		b.warnings.Add(at.Pos, where, "%s", doubt.Msg)
	}
	if shared != nil {
		resolving.Add(shared.Resolved)
	}
	config.Resolved = resolving.Sum()
	if resolving.Outside && b.src.Limits.None() && !b.configured(n) && !b.unlimited {
		b.unlimited = true
		b.warnings.Add(n.Pos, path, "refers to secrets, and rule files may refer to any that the router can read: list them under secrets: in the configuration, as files: [globs] and env: [names]")
	}
}

// configured reports whether a target stands in config.yaml.
func (b *targetBuilder) configured(n *document.Node) bool {
	return standsIn(b.src.Targets, n)
}

// secrets returns what resolves the references of a target.
func (b *targetBuilder) secrets(n *document.Node) secret.Source {
	if b.configured(n) {
		return b.src.Secrets
	}
	return b.src.Secrets.Limited(b.src.Limits, b.src.Dir)
}

// checkBuses checks the buses that targets send to; only now all are known.
func (b *targetBuilder) checkBuses() {
	for _, member := range b.sound {
		config := b.set.Targets[member.Key]
		bus := config.ToBus()
		if _, ok := b.set.Buses[bus]; !ok && bus != "" {
			at, path := follow(member.Value, document.In("target "+strconv.Quote(member.Key)), []string{"bus"})
			known := slices.Sorted(maps.Keys(b.set.Buses))
			b.problems.Add(at.Pos, path, "no bus %q%s; declare it under buses:", bus, spelling.Suggest(bus, known))
		}
	}
}

// unused warns of targets that no rule sends to.
func (b *targetBuilder) unused() {
	used := map[string]bool{}
	for _, r := range b.set.Rules {
		for _, t := range r.Targets {
			used[t.Target], used[t.DeadLetter] = true, true
		}
	}
	if len(b.set.Rules) == 0 {
		return // such as a file of targets by itself
	}
	for name := range b.set.Targets {
		if !used[name] {
			b.warnings.Add(b.pos[name], document.In("target "+strconv.Quote(name)), "no rule sends to it: name it under the targets of one, or remove it")
		}
	}
}

// find returns the target that an entry names, by its name or its ARN, and whether there is a
// sound one. It makes those that are made of ARNs.
func (b *targetBuilder) find(n targetName) (string, bool) {
	if n.arn == "" {
		_, ok := b.set.Targets[n.written]
		return n.written, ok
	}
	f, again := b.found[n]
	if !again {
		f.name, f.ok = b.findByARN(n)
		b.found[n] = f
	}
	return f.name, f.ok
}

// foundTarget is the name of a target, and whether there is a sound one.
type foundTarget struct {
	name string
	ok   bool
}

func (b *targetBuilder) findByARN(n targetName) (string, bool) {
	if named, ok := b.byARN[n.arn]; ok {
		return named, true
	}
	name := NameInARN(n.arn)
	if _, ok := b.pos[name]; !ok && n.makes.ARN != "" {
		if made, ok := b.make(n.makes); ok {
			return made, true
		}
	}
	_, ok := b.set.Targets[name]
	return name, ok
}

// same reports whether a target is what it is in another Set.
func (b *targetBuilder) same(name string, other *Set) bool {
	same, ok := b.equal[name]
	if !ok {
		now, before := b.set.Targets[name], other.Targets[name]
		same = now.Equal(&before)
		if b.equal == nil {
			b.equal = map[string]bool{}
		}
		b.equal[name] = same
	}
	return same
}

// resolve finds the target that an entry names, by its name or its ARN.
func (b *targetBuilder) resolve(d *targetDraft) string {
	written, pos, path := cmp.Or(d.ARN, d.Target.Value), d.node.Pos, d.path
	if d.Target.Node != nil {
		pos = d.Target.Node.Pos
	}
	name, ok := b.find(d.named().target)
	if !ok && name != "" && !b.broken[name] {
		known := slices.Sorted(maps.Keys(b.pos))
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

// deadLetters finds the target that an entry names for its dead letters, and how it names it if not by
// its name; none where nothing does.
func (b *targetBuilder) deadLetters(d *targetDraft) (name, arn string) {
	n := d.named().letters
	if n.written == "" {
		return "", ""
	}
	name, ok := b.find(n)
	at, path := d.DeadLetter.Node, d.path.Key("dead_letter")
	ofAWS := d.node.Get("DeadLetterConfig")
	if ofAWS != nil {
		path = d.path.Key("DeadLetterConfig")
	}
	switch config := b.set.Targets[name]; {
	case ok && config.ToBus() == "":
		return name, n.arn
	case ok:
		b.problems.Add(at.Pos, path, "target %q sends to a bus, where publish_dead_letters tells of dead letters; name a target that sends elsewhere", name)
	case b.broken[name]:
	case ofAWS != nil:
		b.warnings.Add(ofAWS.Pos, path, "is ignored, as there is no target %q: dead letters rest in the router's own queue alone; give a target this arn:", n.written)
	case n.arn != "":
		b.problems.Add(at.Pos, path, "no target %q; give a target this arn:", n.written)
	default:
		b.problems.Add(at.Pos, path, "no target %q%s; declare it under targets:", n.written, spelling.Suggest(name, slices.Sorted(maps.Keys(b.pos))))
	}
	return "", ""
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

// orderBy compiles the expression of a target's ordering keys.
func (b *targetBuilder) orderBy(config *targets.Config, n *document.Node, path document.Path) {
	at := n.Get("order_by")
	if at == nil || at.Kind != document.String {
		return
	}
	key, err := exprenv.CompileOrderKey(config.OrderBy)
	if err != nil {
		b.expression(at, path.Key("order_by"), err)
		return
	}
	b.set.Orders[config.Name] = key
}
