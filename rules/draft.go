package rules

import (
	"fmt"
	"time"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/rules/pattern"
	"signalbox/schedule"
	"signalbox/targets"
)

// draft is a rule as a file says it, before anything in it has been checked
// against the rest.
type draft struct {
	// Name is unique on its bus: up to 64 letters, digits, dots, hyphens and underscores.
	Name document.Located[string] `yaml:"name" required:"true" example:"big-orders"`
	// Bus is whose events the rule sees.
	Bus document.Located[string] `yaml:"bus" default:"default" example:"default"`
	// Description is what the rule is for, in up to 512 characters.
	Description document.Located[string] `yaml:"description" example:"Orders over 100"`
	// State is what the rule does with what it matches: a disabled rule matches nothing, a paused one
	// keeps its deliveries back, and a shadow only counts.
	State State `yaml:"state" enum:"enabled|disabled|paused|shadow"`
	// Strict makes what is doubtful in the pattern an error.
	Strict bool `yaml:"strict"`
	// StopBubbling keeps events that match from the buses above the rule's.
	StopBubbling bool `yaml:"stop_bubbling"`
	// Start is from where on the rule's targets get events: latest, which is the next one, oldest, or
	// a time. Else the target says it.
	Start targets.Start `yaml:"start" example:"oldest"`
	// Schedule is when the rule fires by itself: rate(5 minutes), or
	// cron(minutes hours day-of-month month day-of-week year).
	Schedule document.Located[string] `yaml:"schedule" example:"cron(0 8 ? * MON-FRI *)"`
	// Timezone is that of a cron expression; UTC where it is left out.
	Timezone document.Located[string] `yaml:"timezone" example:"Europe/Berlin" with:"{schedule: cron(0 8 * * ? *)}"`
	// CatchUp is what comes of the times that pass while the router does not run: none fires none of
	// them, last the latest, and all the latest 100.
	CatchUp schedule.CatchUp `yaml:"catch_up" enum:"none|last|all" default:"none" with:"{schedule: rate(1 hour)}"`

	// Pattern is what the event must look like, in the pattern language of EventBridge. A rule has
	// one, or a schedule, or both.
	Pattern *document.Node `yaml:"pattern" holds:"pattern" example:"{source: [shop.orders]}" required:"true" instead:"schedule"`
	// When is an expression that must hold as well.
	When document.Located[string] `yaml:"when" example:"detail.total > detail.paid"`
	// Kind is the kind of message, or a list of kinds, that the rule is for; all where it is left out.
	Kind *document.Node `yaml:"kind" holds:"kinds" example:"[event, audit]"`
	// Targets are what gets the event: the name of a target, or a mapping with more.
	Targets []targetDraft `yaml:"targets" holds:"entries" example:"[log]"`

	pos  Position
	path document.Path
	// patternKey and scheduleKey are what the file calls the pattern and the schedule.
	patternKey, scheduleKey string
	parsed                  parsed
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
	// ID tells the entries of a rule apart; by default it is the name of the target.
	ID document.Located[string] `yaml:"id" example:"first"`
	// Target is the name of a target.
	Target document.Located[string] `yaml:"target" required:"true" example:"log"`
	// Retry replaces what is said of the target's retry.
	Retry *document.Node `yaml:"retry" holds:"retry" example:"{max_attempts: 3}"`
	// DeadLetter is the name of a target, or its ARN, that gets the dead letters of these deliveries too,
	// beside the dead-letter queue.
	DeadLetter document.Located[string] `yaml:"dead_letter" example:"log"`
	// Reply replaces the target's.
	Reply document.Located[string] `yaml:"reply" enum:"events|none" example:"none" with:"{target: web}"`
	// Emits are the types of the events that these deliveries lead to; else the target's.
	Emits *document.Node `yaml:"emits" holds:"types" example:"[PaymentMade]" with:"{target: web}"`
	// Input is a constant body. Of Input, InputPath, InputTransformer and Transform one can be set.
	Input *document.Node `yaml:"input" holds:"any" example:"{kind: order}"`
	// InputPath leads to the one value of the event that is the body.
	InputPath document.Located[string] `yaml:"input_path" example:"$.detail"`
	// InputTransformer is a template that values of the event fill.
	InputTransformer *transformerDraft `yaml:"input_transformer" example:"{input_paths_map: {id: $.detail.orderId}, input_template: '{\"order\": <id>}'}"`
	// HTTPParameters are added to the requests of an http target.
	HTTPParameters *HTTPParameters `yaml:"http_parameters" example:"{path_parameter_values: [$.detail.orderId]}" with:"{target: web}"`
	// Transform is an expression, whose result as JSON is the body.
	Transform document.Located[string] `yaml:"transform" example:"'{order: detail.orderId}'"`

	// ARN names the target in files that come from AWS.
	ARN string `yaml:"-"`
	// makes is what a target is made of where none has the ARN, and lettersMake the same for DeadLetter.
	makes, lettersMake Made
	// attempts and age are those of AWS's RetryPolicy; 0 if it does not say.
	attempts int
	age      time.Duration

	node *document.Node
	path document.Path
}

type transformerDraft struct {
	// InputPathsMap has the path of the value of each placeholder.
	InputPathsMap map[string]string `yaml:"input_paths_map" example:"{id: $.detail.orderId}" with:"{input_template: <id>}"`
	// InputTemplate is JSON, or lines of quoted text, with <placeholders>.
	InputTemplate document.Located[string] `yaml:"input_template" example:"'{\"order\": <id>}'" required:"true" with:"{input_paths_map: {id: $.detail.orderId}}"`
	// Compat: raw puts values in as EventBridge does, without escaping them, so that a template that
	// is JSON may give what is none.
	Compat string `yaml:"compat" enum:"raw" with:"{input_template: <aws.events.event.json>}"`
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
	noFile bool
	// makesTargets is Documents.MakeTargets.
	makesTargets bool
	targets      []document.Member
	buses        []busDraft
	hooks        []document.Member
	// connections are logins that targets share.
	connections []document.Member
	sources     []document.Member
	archives    []document.Member
	rules       []*draft
	// attached are targets of rules that may stand in other files.
	attached []attachment
}

// attachment adds targets to a rule, as PutTargets does. Without a bus the rule is
// that of its name on the default bus, or else the only one of its name.
type attachment struct {
	rule, bus string
	pos       Position
	targets   []targetDraft
}

// busFields are the options of a bus.
type busFields struct {
	// Description is what the bus is for.
	Description string `yaml:"description" example:"Of the shop"`
	// Bubble means that an event on the bus is seen by the rules of the buses above it too, up to the
	// first rule with stop_bubbling: of shop.orders that is shop.
	Bubble bool `yaml:"bubble"`
	// Catalog is what becomes of events that break the catalog.
	Catalog catalog.Mode `yaml:"catalog" enum:"off|warn|reject"`
	// Publish puts an event on the bus for each delivery of its rules that goes to the dead-letter
	// queue.
	Publish bool `yaml:"publish_dead_letters"`
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

// sections are what a rule file holds.
type sections struct {
	// Targets are where events are sent, by name.
	Targets *document.Node `yaml:"targets" holds:"targets" example:"{log: {type: log}}"`
	// Buses are streams of events with rules of their own, besides the bus default.
	Buses *document.Node `yaml:"buses" holds:"buses" example:"{orders: {description: Of the shop}}"`
	// Hooks take webhooks in, each at /v1/hooks/NAME.
	Hooks *document.Node `yaml:"hooks" holds:"hooks" example:"{shop: {verify: github, secrets: [example-of-a-secret]}}"`
	// Connections are logins that several http targets share.
	Connections *document.Node `yaml:"connections" holds:"connections" example:"{crm: {auth: {bearer: example-of-a-token}}}"`
	// Sources take messages of brokers in.
	Sources *document.Node `yaml:"sources" holds:"sources" example:"{orders: {type: nats, url: 'nats://127.0.0.1:4222', stream: ORDERS}}"`
	// Archives keep events for longer than the store does.
	Archives *document.Node `yaml:"archives" holds:"archives" example:"{orders: {folder: archive}}"`
	// Rules send the events that match them to targets.
	Rules *document.Node `yaml:"rules" holds:"rules" example:"[{name: all, pattern: {source: [shop.orders]}}]"`
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
	var top sections
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
	d := &draft{State: Enabled, pos: n.Pos, patternKey: "pattern", scheduleKey: "schedule"}
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
		var fields busFields
		dec.Decode(member.Value, &fields, document.Path{}.Key("buses").Key(member.Key))
		buses = append(buses, busDraft{pos: member.Pos, Bus: Bus{
			Name: member.Key, Description: fields.Description, Bubble: fields.Bubble, Catalog: fields.Catalog, PublishDeadLetters: fields.Publish,
		}})
	}
	return buses
}
