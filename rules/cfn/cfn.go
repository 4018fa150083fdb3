// Package cfn turns templates of CloudFormation, of the CDK and of SAM into rule files, and plans and states of Terraform.
package cfn

import (
	"bytes"
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
	// Stubs are how many of the targets have to be filled in.
	Stubs int `json:"stubs"`
	Buses int `json:"buses"`
	// Connections are logins that targets share.
	Connections int `json:"connections"`
	Archives    int `json:"archives"`
	// Notes are what the template does not tell, or what has no counterpart; they
	// stand in the YAML as comments too.
	Notes []string `json:"notes"`
}

// Convert returns the rule file of a template in JSON or YAML, or of a plan or a state of Terraform in JSON. What the
// template does not tell, or a rule file can't say, stands in comments that name the resource and its property.
func Convert(file string, src []byte) (*Result, error) {
	if bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) {
		file += ".json" // whatever it is called
	}
	root, err := parse(file, src)
	if err != nil {
		return nil, err
	}
	if isTerraform(root) {
		return convertTerraform(src)
	}
	resources := root.Get("Resources")
	if resources == nil || resources.Kind != document.Mapping {
		return nil, errors.New("no template, which has Resources, and no plan or state of Terraform as JSON (terraform show -json)")
	}
	c := newConverter(resources)
	c.parameters, c.mappings, c.conditions = root.Get("Parameters"), root.Get("Mappings"), root.Get("Conditions")
	c.all()
	return c.result(), nil
}

var pseudo = regexp.MustCompile(`!Ref[ \t]+(AWS::[A-Za-z]+)`)

// parse reads a template. The parser stumbles over the colons of a pseudo parameter within braces, but in quotes, where
// they do no harm, they may be a part of a text.
func parse(file string, src []byte) (*document.Node, error) {
	root, err := document.ParseTemplate(file, pseudo.ReplaceAll(src, []byte(`!Ref "$1"`)))
	if err == nil || !pseudo.Match(src) {
		return root, err
	}
	if root, plain := document.ParseTemplate(file, src); plain == nil {
		return root, nil
	}
	return nil, err
}

func newConverter(resources *document.Node) *converter {
	return &converter{resources: resources, targets: map[string]string{}, buses: map[string]string{"default": "default"}, connections: map[string]string{}, ruleNames: map[string]bool{}, arns: map[string]bool{}}
}

// maxLine is how long a list on one line may be.
const maxLine = 100

// entry is one piece of the file, with the comments above it.
type entry struct {
	comments []string
	node     *document.Node
}

// converter builds one rule file.
type converter struct {
	resources, parameters, mappings, conditions *document.Node
	// labels are what resources are called, if not as their key says.
	labels map[string]string
	// paths are other places by where something stands.
	paths map[string]string

	rules, busList, targetList, connectionList, archiveList []entry
	stubs                                                   int
	// left are the comments of what has no entry.
	left []string
	// targets, buses and connections are the names of what was declared, by what the template
	// calls it.
	targets, buses, connections map[string]string
	ruleNames, arns             map[string]bool
	// comments are those of the entry that is being made, at is where in the template.
	comments []string
	at       string
	// unknowns counts what was not known from the template.
	unknowns int
	// steps counts the functions that were worked out.
	steps int
	// later is why what is not known is not.
	later string
	// variables, where they are not nil, collect what is not known, as a text that may hold references is made.
	variables *[]string
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

func typeOf(resource *document.Node) string {
	if t := resource.Get("Type"); t != nil {
		return t.Text
	}
	return ""
}

// elsewhere is what is about events and has no counterpart in a rule file, by how its type begins.
var elsewhere = []struct{ prefix, why string }{
	{"AWS::Events::EventBusPolicy", "keys have rights here: give one the right send"},
	{"aws_cloudwatch_event_permission", "keys have rights here: give one the right send"},
	{"aws_cloudwatch_event_bus_policy", "keys have rights here: give one the right send"},
	{"AWS::Events::Endpoint", "several routers are a cluster here"},
	{"aws_cloudwatch_event_endpoint", "several routers are a cluster here"},
	{"AWS::Pipes::", "write a source, and a rule for its events"},
	{"aws_pipes_", "write a source, and a rule for its events"},
	{"AWS::Scheduler::", "is of EventBridge Scheduler: write a rule with a schedule"},
	{"aws_scheduler_", "is of EventBridge Scheduler: write a rule with a schedule"},
	{"AWS::EventSchemas::", "write a catalog file"},
	{"aws_schemas_", "write a catalog file"},
	{"AWS::CloudFormation::Stack", "is a template of its own: import that too"},
	{"AWS::Serverless::Application", "is a template of its own: import that too"},
	{"AWS::Events::", "rule files have no word for it"},
	{"aws_cloudwatch_event_", "rule files have no word for it"},
}

func (c *converter) resource(m document.Member) {
	c.comments, c.at = nil, m.Key
	switch kind := typeOf(m.Value); {
	case strings.HasPrefix(m.Key, "Fn::"):
		c.leave("%s among the resources is computed by a deployment: import what that makes of it (aws cloudformation get-template --template-stage Processed)", m.Key)
	case kind == "AWS::Events::EventBus", kind == "AWS::Events::Connection": // are there already
	case kind == "AWS::Events::Rule":
		c.rule(m.Key, m.Value)
	case kind == apiDestination:
		c.declareTarget(mapping("Ref", str(m.Key)), "")
	case kind == "AWS::Events::Archive":
		c.archive(m)
	case kind == "AWS::Serverless::Function", kind == "AWS::Serverless::StateMachine":
		c.samEvents(m.Key, m.Value)
	default:
		for _, e := range elsewhere {
			if strings.HasPrefix(kind, e.prefix) {
				why := e.why
				if asset := m.Value.Get("Metadata").Get("aws:asset:path"); asset != nil { // of the CDK
					why += ", " + document.Quoted(asset.Text)
				}
				c.leave("%s, of type %s: %s", document.Quoted(m.Key), kind, why)
				break
			}
		}
	}
}

// note adds a remark about the entry that is being made, with its place.
func (c *converter) note(format string, args ...any) {
	c.comment(c.at + ": " + fmt.Sprintf(format, args...))
}

func (c *converter) comment(text string) {
	if text = oneLine(text); !slices.Contains(c.comments, text) {
		c.comments = append(c.comments, text)
	}
}

// lose notes what of the entry that is being made is left out.
func (c *converter) lose(place, why string) { c.comment("left out: " + place + ": " + why) }

// leave notes what is left out, and has no entry.
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

// unique returns the name of a rule that no other on its bus has.
func (c *converter) unique(name, bus string) string {
	free := name
	for i := 2; c.ruleNames[bus+"/"+free]; i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	c.ruleNames[bus+"/"+free] = true
	return free
}

// result writes the file.
func (c *converter) result() *Result {
	r := &Result{
		Rules: len(c.rules), Targets: len(c.targetList), Stubs: c.stubs, Buses: len(c.busList), Connections: len(c.connectionList), Archives: len(c.archiveList),
		Notes: append([]string{}, c.left...),
	}
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
	section("archives", c.archiveList, "")
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
	return name[:min(len(name), maxName)]
}

// maxName is how long the names of rules, entries and targets can be.
const maxName = 64

// named returns the name that a text becomes, and notes where it becomes another.
func (c *converter) named(text string) string {
	name := tidy(text)
	if name != text {
		c.note("%s is called %s here", document.Quoted(text), name)
	}
	return name
}

func str(text string) *document.Node { return &document.Node{Kind: document.String, Text: text} }

func number(n int) *document.Node {
	return &document.Node{Kind: document.Number, Text: strconv.Itoa(n)}
}

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
