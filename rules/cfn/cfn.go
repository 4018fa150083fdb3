// Package cfn turns templates of CloudFormation, of the CDK and of SAM into rule files, and plans of Terraform.
package cfn

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"signalbox/document"
)

// Result is a rule file, and what it is made of.
type Result struct {
	YAML    string `json:"yaml"`
	Rules   int    `json:"rules"`
	Targets int    `json:"targets"`
	Buses   int    `json:"buses"`
	// Connections are logins that targets share.
	Connections int `json:"connections"`
	// Notes are what the template does not tell, or what has no counterpart; they
	// stand in the YAML as comments too.
	Notes []string `json:"notes"`
}

// Convert returns the rule file of a template in JSON or YAML, or of a plan of Terraform in JSON. Targets are stubs,
// which log; each says in a comment what it stands for.
func Convert(file string, src []byte) (*Result, error) {
	if strings.HasPrefix(strings.TrimSpace(string(src)), "{") {
		file += ".json" // whatever it is called
	}
	// The parser stumbles over the colons of such a name within braces.
	src = pseudo.ReplaceAll(src, []byte(`!Ref "$1"`))
	root, err := document.ParseTemplate(file, src)
	if err != nil {
		return nil, err
	}
	if isPlan(root) {
		return convertPlan(src)
	}
	resources := root.Get("Resources")
	if resources == nil || resources.Kind != document.Mapping {
		return nil, errors.New("no template, which has Resources, and no plan of Terraform as JSON (terraform show -json)")
	}
	c := newConverter(resources)
	c.parameters, c.mappings = root.Get("Parameters"), root.Get("Mappings")
	c.all()
	return c.result(), nil
}

func newConverter(resources *document.Node) *converter {
	return &converter{resources: resources, targets: map[string]string{}, buses: map[string]string{}, connections: map[string]string{}, ruleNames: map[string]bool{}}
}

// all converts all resources, first those that others refer to.
func (c *converter) all() {
	for _, m := range c.resources.Members {
		switch typeOf(m.Value) {
		case "AWS::Events::EventBus":
			c.bus(m)
		case "AWS::Events::Connection":
			c.connection(m)
		}
	}
	for _, m := range c.resources.Members {
		c.resource(m)
	}
}

var pseudo = regexp.MustCompile(`!Ref[ \t]+(AWS::[A-Za-z]+)`)

// maxLine is how long a list on one line may be.
const maxLine = 100

// entry is one piece of the file, with the comments above it.
type entry struct {
	comments []string
	node     *document.Node
}

// converter builds one rule file.
type converter struct {
	resources, parameters, mappings *document.Node

	rules, busList, targetList, connectionList []entry
	// left are the comments of what has no entry.
	left []string
	// targets, buses and connections are the names of what was declared, by what the template
	// calls it.
	targets, buses, connections map[string]string
	ruleNames                   map[string]bool
	// comments are those of the entry that is being made.
	comments []string
}

func typeOf(resource *document.Node) string {
	if t := resource.Get("Type"); t != nil {
		return t.Text
	}
	return ""
}

// note adds a remark about the entry that is being made.
func (c *converter) note(format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if !slices.Contains(c.comments, text) {
		c.comments = append(c.comments, text)
	}
}

// leave notes what is left out.
func (c *converter) leave(format string, args ...any) {
	c.left = append(c.left, oneLine("left out: "+fmt.Sprintf(format, args...)))
	c.comments = nil
}

// oneLine keeps a comment from becoming more than a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// done returns the entry with what was noted about it.
func (c *converter) done(n *document.Node) entry {
	e := entry{comments: c.comments, node: n}
	c.comments = nil
	return e
}

func (c *converter) resource(m document.Member) {
	properties := m.Value.Get("Properties")
	switch kind := typeOf(m.Value); {
	case kind == "AWS::Events::Rule":
		c.rule(m.Key, m.Value, properties)
	case kind == "AWS::Serverless::Function", kind == "AWS::Serverless::StateMachine":
		c.samEvents(m.Key, properties.Get("Events"))
	case kind == "AWS::Events::Archive", strings.HasPrefix(kind, "AWS::Pipes::"), strings.HasPrefix(kind, "AWS::Scheduler::"), kind == "AWS::Events::Endpoint":
		c.leave("%s, of type %s", document.Quoted(m.Key), kind)
	}
}

// bus declares a bus of the template.
func (c *converter) bus(m document.Member) {
	name := m.Key
	if given := m.Value.Get("Properties").Get("Name"); !given.IsZero() {
		name = c.text(given)
	}
	if !m.Value.Get("Properties").Get("DeadLetterConfig").IsZero() {
		c.leave("DeadLetterConfig of bus %s: it gets what can't be decrypted, and nothing is encrypted here", document.Quoted(name))
	}
	c.declareBus(m.Key, name)
}

func (c *converter) declareBus(key, name string) string {
	if name == "default" || name == "" {
		return "default"
	}
	parts := strings.Split(name, "/") // as a partner's bus has them
	for i := range parts {
		parts[i] = tidy(parts[i])
	}
	name = strings.Join(parts, "/")
	if c.buses[key] = name; !slices.ContainsFunc(c.busList, func(e entry) bool { return e.node.Members[0].Key == name }) {
		c.busList = append(c.busList, c.done(mapping(name, mapping())))
	}
	return name
}

// busOf returns the name of a rule's bus, which it declares where the template does
// not.
func (c *converter) busOf(n *document.Node) string {
	if n.IsZero() {
		return "default"
	}
	id := reference(n)
	if name, ok := c.buses[id]; ok {
		return name
	}
	name := c.text(n)
	if _, after, ok := strings.Cut(name, ":event-bus/"); ok {
		name = after
	}
	return c.declareBus(name, name)
}

// rule converts an AWS::Events::Rule.
func (c *converter) rule(id string, resource, p *document.Node) {
	c.conditional(resource)
	if p.Get("EventPattern").IsZero() && p.Get("ScheduleExpression").IsZero() {
		c.leave("rule %s has no EventPattern and no ScheduleExpression", document.Quoted(id))
		return
	}
	name := id
	if given := p.Get("Name"); !given.IsZero() {
		name = c.text(given)
	}
	var list []*document.Node
	if targets := p.Get("Targets"); targets != nil {
		if function, _ := call(targets); function != "" {
			c.note("the targets are computed by %s: write them", function)
		}
		for _, t := range targets.Items {
			if function, _ := call(t); function != "" {
				if t = c.resolve(t); t.Kind != document.Mapping {
					continue // nothing, or noted as unknown
				}
			}
			list = append(list, c.target(t, t.Get("Arn")))
		}
	}
	c.add(name, p, when{pattern: p.Get("EventPattern"), schedule: p.Get("ScheduleExpression")}, list)
}

// when is what makes a rule fire.
type when struct{ pattern, schedule, zone *document.Node }

// samEvents converts the rules that a function of SAM has among its events.
func (c *converter) samEvents(function string, events *document.Node) {
	if events == nil {
		return
	}
	for _, m := range events.Members {
		p := m.Value.Get("Properties")
		switch typeOf(m.Value) {
		case "EventBridgeRule", "CloudWatchEvent":
			if p.Get("Pattern").IsZero() {
				c.leave("event %s of %s has no Pattern", document.Quoted(m.Key), document.Quoted(function))
				continue
			}
			c.samEvent(function, m.Key, p, p.Get("RuleName"), when{pattern: p.Get("Pattern")})
		case "Schedule":
			c.samEvent(function, m.Key, p, p.Get("Name"), when{schedule: p.Get("Schedule")})
		case "ScheduleV2":
			if s := p.Get("ScheduleExpression"); s.IsZero() || strings.HasPrefix(c.text(s), "at(") {
				c.leave("%s of %s is a schedule that fires once", document.Quoted(m.Key), document.Quoted(function))
				continue
			}
			c.samEvent(function, m.Key, p, p.Get("Name"), when{schedule: p.Get("ScheduleExpression"), zone: p.Get("ScheduleExpressionTimezone")})
		}
	}
}

// samEvent converts one event of a function, whose target is the function.
func (c *converter) samEvent(function, key string, p, name *document.Node, when when) {
	named := function + key
	if !name.IsZero() {
		named = c.text(name)
	}
	id := p.Get("Target").Get("Id")
	if id.IsZero() {
		id = str(key)
	}
	target := *p
	target.Members = append(slices.Clone(p.Members), document.Member{Key: "Id", Value: id})
	c.add(named, p, when, []*document.Node{c.target(&target, mapping("Ref", str(function)))})
}

// add puts a rule into the file.
func (c *converter) add(name string, p *document.Node, when when, targets []*document.Node) {
	bus := "default"
	if named := p.Get("EventBusName"); named != nil {
		bus = c.busOf(named)
	}
	name = c.unique(tidy(name), bus)
	rule := mapping("name", str(name))
	if bus != "default" {
		set(rule, "bus", str(bus))
	}
	if d := p.Get("Description"); !d.IsZero() {
		set(rule, "description", str(c.text(d)))
	}
	if s := p.Get("State"); !s.IsZero() && strings.EqualFold(c.text(s), "disabled") {
		set(rule, "state", str("disabled"))
	}
	if !when.schedule.IsZero() {
		set(rule, "schedule", str(c.text(when.schedule)))
	}
	if !when.zone.IsZero() {
		set(rule, "timezone", str(c.text(when.zone)))
	}
	if !when.pattern.IsZero() {
		set(rule, "pattern", c.pattern(when.pattern))
	}
	set(rule, "targets", &document.Node{Kind: document.Sequence, Items: targets})
	c.rules = append(c.rules, c.done(rule))
}

// pattern returns a pattern, which may be written as JSON text.
func (c *converter) pattern(n *document.Node) *document.Node {
	n = c.resolve(n)
	if n.Kind == document.String {
		if parsed, err := document.Parse("pattern.json", []byte(n.Text)); err == nil && parsed != nil {
			return parsed
		}
	}
	return n
}

func (c *converter) unique(name, bus string) string {
	free := name
	for i := 2; c.ruleNames[bus+"/"+free]; i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	c.ruleNames[bus+"/"+free] = true
	return free
}

// conditional notes what decides whether a resource is there.
func (c *converter) conditional(resource *document.Node) {
	if condition := resource.Get("Condition"); condition != nil && condition.Kind == document.String {
		c.note("the template has it only under its condition %s", document.Quoted(condition.Text))
	}
}

// result writes the file.
func (c *converter) result() *Result {
	r := &Result{Rules: len(c.rules), Targets: len(c.targetList), Buses: len(c.busList), Connections: len(c.connectionList), Notes: append([]string{}, c.left...)}
	var b strings.Builder
	for _, text := range c.left {
		b.WriteString("# " + text + "\n")
	}
	section := func(key string, entries []entry, item string) {
		if len(entries) == 0 {
			return
		}
		b.WriteString(key + ":\n")
		for _, e := range entries {
			for _, text := range e.comments {
				b.WriteString("  # " + text + "\n")
			}
			r.Notes = append(r.Notes, e.comments...)
			text := e.node.YAML(2, maxLine)
			if item != "" {
				text = "  " + item + e.node.YAML(4, maxLine)[4:]
			}
			b.WriteString(text)
		}
	}
	section("buses", c.busList, "")
	section("connections", c.connectionList, "")
	section("targets", c.targetList, "")
	section("rules", c.rules, "- ")
	if len(c.rules) == 0 {
		b.WriteString("rules: []\n")
	}
	r.YAML = b.String()
	return r
}

var notInNames = regexp.MustCompile(`[^.\-_A-Za-z0-9]+`)

// tidy makes a name of a text: of the characters that names have, and no longer.
func tidy(text string) string {
	name := strings.Trim(notInNames.ReplaceAllString(text, "-"), "-")
	if name == "" {
		name = "unnamed"
	}
	return name[:min(len(name), 60)]
}

func str(text string) *document.Node { return &document.Node{Kind: document.String, Text: text} }

// mapping returns a mapping of keys and values in turn.
func mapping(pairs ...any) *document.Node {
	n := &document.Node{Kind: document.Mapping}
	for i := 0; i+1 < len(pairs); i += 2 {
		set(n, pairs[i].(string), pairs[i+1].(*document.Node))
	}
	return n
}

func set(n *document.Node, key string, value *document.Node) {
	n.Members = append(n.Members, document.Member{Key: key, Value: value})
}
