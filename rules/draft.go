package rules

import (
	"fmt"
	"time"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/rules/pattern"
	"signalbox/targets"
)

// draft is a rule as a file says it, before anything in it has been checked
// against the rest.
type draft struct {
	Name        document.Located[string] `yaml:"name"`
	Bus         document.Located[string] `yaml:"bus"`
	Description document.Located[string] `yaml:"description"`
	State       State                    `yaml:"state"`
	Strict      bool                     `yaml:"strict"`
	// StopBubbling ends the event's way up.
	StopBubbling bool `yaml:"stop_bubbling"`
	// Start is from where on the rule's targets get events.
	Start targets.Start `yaml:"start"`

	Pattern *document.Node           `yaml:"pattern"`
	When    document.Located[string] `yaml:"when"`
	Kind    *document.Node           `yaml:"kind"`
	Targets []targetDraft            `yaml:"targets"`

	pos  Position
	path document.Path
	// patternKey is what the file calls the pattern.
	patternKey string
	parsed     parsed
}

// parsed is what can be made of a draft by itself, and so beside other documents.
type parsed struct {
	pattern             *pattern.Pattern
	when                *exprenv.Program
	patternErr, whenErr error
	digest              digest
	targets             int // that the digest holds; others are attached later
}

// parse makes what can be made of the draft by itself.
func (d *draft) parse() {
	p := &d.parsed
	text := rendered(d.Pattern)
	if !d.Pattern.IsZero() {
		source := []byte(text)
		if d.Pattern.Kind == document.String {
			source = jsonOf(d.Pattern)
		}
		p.pattern, p.patternErr = pattern.Parse(source, pattern.Options{Strict: d.Strict, Extensions: true})
	}
	if d.When.Node != nil && d.When.Node.Kind == document.String {
		p.when, p.whenErr = exprenv.CompileBool(d.When.Value)
	}
	p.digest, p.targets = ruleDigest(d, text), len(d.Targets)
}

// digest returns the rule's part of the revision.
func (d *draft) digest() digest {
	if len(d.Targets) != d.parsed.targets {
		return ruleDigest(d, rendered(d.Pattern))
	}
	return d.parsed.digest
}

// bus is the bus that the rule is on.
func (d *draft) bus() string {
	if d.Bus.Value == "" {
		return DefaultBus
	}
	return d.Bus.Value
}

// targetDraft is a rule's target as a file says it.
type targetDraft struct {
	ID     document.Located[string] `yaml:"id"`
	Target document.Located[string] `yaml:"target"`
	Retry  *document.Node           `yaml:"retry"`
	Reply  document.Located[string] `yaml:"reply"`
	Emits  *document.Node           `yaml:"emits"`
	// Input may be JSON text, or the value itself.
	Input            *document.Node           `yaml:"input"`
	InputPath        document.Located[string] `yaml:"input_path"`
	InputTransformer *transformerDraft        `yaml:"input_transformer"`
	Transform        document.Located[string] `yaml:"transform"`

	// ARN names the target in files that come from AWS.
	ARN string `yaml:"-"`
	// attempts and age are those of AWS's RetryPolicy; 0 if it does not say.
	attempts int
	age      time.Duration
	// parameters are AWS's HttpParameters.
	parameters *awsParameters

	node *document.Node
	path document.Path
}

type transformerDraft struct {
	InputPathsMap map[string]string        `yaml:"input_paths_map"`
	InputTemplate document.Located[string] `yaml:"input_template"`
	Compat        string                   `yaml:"compat"`
}

// targetFields stops targetDraft's own UnmarshalNode from calling itself.
type targetFields targetDraft

// UnmarshalNode takes a target's name alone for an entry that says no more.
func (t *targetDraft) UnmarshalNode(d *document.Decoder, n *document.Node, path document.Path) {
	if n.Kind == document.String {
		d.Decode(n, &t.Target, path)
	} else {
		d.Decode(n, (*targetFields)(t), path)
	}
	t.node, t.path = n, path
	if n.Kind == document.Mapping && t.Target.Node == nil {
		d.Problems.Add(n.Pos, path, `has no target: write target: and the name of one`)
	}
}

// contents is what one file holds.
type contents struct {
	path string
	// noFile means that the document does not come from a file system.
	noFile  bool
	targets []document.Member
	buses   []busDraft
	hooks   []document.Member
	// connections are logins that targets share.
	connections []document.Member
	sources     []document.Member
	archives    []document.Member
	rules       []*draft
	// attached are targets of rules that may stand in other files.
	attached []attachment
	// schedules are the names of rules that were left out.
	schedules []string
}

// attachment adds targets to a rule, as PutTargets does. Without a bus the rule is
// that of its name on the default bus, or else the only one of its name.
type attachment struct {
	rule, bus string
	pos       Position
	targets   []targetDraft
}

// busDraft is a bus as a file says it.
type busDraft struct {
	Bus
	pos Position
}

// fileReader turns the tree of one file into drafts.
type fileReader struct {
	*report
	contents
}

// file reads the project's own form, which may be written in JSON too.
func (r *fileReader) file(root *document.Node) {
	if root.Kind != document.Mapping {
		r.problems.Add(root.Pos, document.Path{}, "a rule file is a mapping with the keys rules, targets, connections, buses, hooks, sources and archives, not %s", root.Kind)
		return
	}
	if root.Get("Resources") != nil {
		r.problems.Add(root.Pos, document.Path{}, "is a template of CloudFormation: signalbox import %s makes a rule file of it", r.path)
		return
	}
	var top struct {
		Targets     *document.Node `yaml:"targets"`
		Buses       *document.Node `yaml:"buses"`
		Hooks       *document.Node `yaml:"hooks"`
		Connections *document.Node `yaml:"connections"`
		Sources     *document.Node `yaml:"sources"`
		Archives    *document.Node `yaml:"archives"`
		Rules       *document.Node `yaml:"rules"`
	}
	r.dec.Decode(root, &top, document.Path{})
	r.targets = members(r.dec, top.Targets, "targets")
	r.buses = readBuses(r.dec, top.Buses)
	r.hooks = members(r.dec, top.Hooks, "hooks")
	r.connections = members(r.dec, top.Connections, "connections")
	r.sources = members(r.dec, top.Sources, "sources")
	r.archives = members(r.dec, top.Archives, "archives")
	if top.Rules.IsZero() {
		return
	}
	if top.Rules.Kind != document.Sequence {
		r.problems.Add(top.Rules.Pos, document.Path{}.Key("rules"), "must be a list of rules, each beginning with a -, not %s", top.Rules.Kind)
		return
	}
	for i, n := range top.Rules.Items {
		path := document.Path{}.Key("rules").Index(i)
		if n.Kind != document.Mapping {
			r.problems.Add(n.Pos, path, "must be a mapping with a name and a pattern, not %s", n.Kind)
			continue
		}
		r.rules = append(r.rules, readRule(r.dec, n, path))
	}
}

func readRule(dec *document.Decoder, n *document.Node, path document.Path) *draft {
	d := &draft{State: Enabled, pos: n.Pos, patternKey: "pattern"}
	if name := n.Get("name"); name != nil && name.Text != "" {
		path = document.In(fmt.Sprintf("rule %q", name.Text))
	}
	d.path = path
	dec.Decode(n, d, path)
	return d
}

// members returns the entries of a mapping that may be absent.
func members(dec *document.Decoder, n *document.Node, key string) []document.Member {
	if n.IsZero() {
		return nil
	}
	path := document.Path{}.Key(key)
	if n.Kind != document.Mapping {
		dec.Problems.Add(n.Pos, path, "must be a mapping from names, not %s", n.Kind)
		return nil
	}
	return dec.Unique(n, path)
}

func readBuses(dec *document.Decoder, n *document.Node) []busDraft {
	var buses []busDraft
	for _, member := range members(dec, n, "buses") {
		var fields struct {
			Description string       `yaml:"description"`
			Bubble      bool         `yaml:"bubble"`
			Catalog     catalog.Mode `yaml:"catalog"`
			Publish     bool         `yaml:"publish_dead_letters"`
		}
		dec.Decode(member.Value, &fields, document.Path{}.Key("buses").Key(member.Key))
		buses = append(buses, busDraft{pos: member.Pos, Bus: Bus{
			Name: member.Key, Description: fields.Description, Bubble: fields.Bubble, Catalog: fields.Catalog, PublishDeadLetters: fields.Publish,
		}})
	}
	return buses
}
