package cfn

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
)

// reference returns the logical id that a Ref or an Fn::GetAtt names; empty for
// anything else.
func reference(n *document.Node) string {
	name, arg := call(n)
	switch {
	case name == "Ref" && arg.Kind == document.String:
		return arg.Text
	case name == "Fn::GetAtt":
		id, _ := attribute(arg)
		return id
	case name == "Fn::Sub" && arg.Kind == document.String:
		// ${queue.Arn} alone is the same as Fn::GetAtt.
		if m := substitution.FindString(arg.Text); m != "" && m == arg.Text {
			id, _, _ := strings.Cut(strings.Trim(m, "${}"), ".")
			return id
		}
	}
	return ""
}

// attribute returns what an Fn::GetAtt names.
func attribute(arg *document.Node) (id, name string) {
	if arg.Kind == document.Sequence && len(arg.Items) > 0 {
		return arg.Items[0].Text, arg.Items[len(arg.Items)-1].Text
	}
	id, name, _ = strings.Cut(arg.Text, ".")
	return id, name
}

// call returns the name of the function that a node calls, and its argument; empty
// for a plain value.
func call(n *document.Node) (string, *document.Node) {
	if n != nil && n.Kind == document.Mapping && len(n.Members) == 1 {
		if m := n.Members[0]; m.Key == "Ref" || strings.HasPrefix(m.Key, "Fn::") {
			return m.Key, m.Value
		}
	}
	return "", nil
}

// branch returns a node with the conditions at its top worked out; nil where that leaves no value.
func (c *converter) branch(n *document.Node) *document.Node {
	for depth := 0; depth < document.MaxDepth; depth++ {
		name, arg := call(n)
		switch {
		case name == "Ref" && arg.Text == "AWS::NoValue":
			return nil
		case name == "Fn::If" && len(arg.Items) == 3:
			n = c.chosen(arg)
		default:
			return n
		}
	}
	return nil
}

// chosen returns the value that an Fn::If has, with the defaults of the parameters.
func (c *converter) chosen(arg *document.Node) *document.Node {
	name := document.Quoted(arg.Items[0].Text)
	holds, known := c.condition(arg.Items[0], nil)
	switch {
	case !known:
		c.note("the condition %s decides here; its first value is taken", name)
	case holds:
		c.note("the condition %s is true with the defaults of the parameters; its first value is taken", name)
	default:
		c.note("the condition %s is false with the defaults of the parameters; its second value is taken", name)
		return arg.Items[2]
	}
	return arg.Items[1]
}

// condition works a condition out that stands under Conditions. Those in open are being worked out.
func (c *converter) condition(name *document.Node, open []string) (holds, known bool) {
	n := c.conditions.Get(name.Text)
	if name.Kind != document.String || n == nil || slices.Contains(open, name.Text) {
		return false, false
	}
	if c.steps++; c.steps > maxSteps {
		return false, false
	}
	return c.test(n, append(open, name.Text))
}

// test works out one function of a condition.
func (c *converter) test(n *document.Node, open []string) (holds, known bool) {
	if n == nil || n.Kind != document.Mapping || len(n.Members) != 1 {
		return false, false
	}
	arg := n.Members[0].Value
	switch n.Members[0].Key {
	case "Condition":
		return c.condition(arg, open)
	case "Fn::Equals":
		if len(arg.Items) != 2 {
			return false, false
		}
		comments, before, variables := slices.Clone(c.comments), c.unknowns, c.variables
		c.variables = nil
		defer func() { c.variables = variables }()
		one, other := c.text(arg.Items[0]), c.text(arg.Items[1])
		if c.unknowns != before {
			c.comments = comments
			return false, false
		}
		return one == other, true
	case "Fn::Not":
		if len(arg.Items) != 1 {
			return false, false
		}
		holds, known = c.test(arg.Items[0], open)
		return !holds, known
	case "Fn::And", "Fn::Or":
		all := n.Members[0].Key == "Fn::And"
		known = len(arg.Items) > 0
		for _, item := range arg.Items {
			switch h, k := c.test(item, open); {
			case !k:
				known = false
			case h != all:
				return h, true
			}
		}
		return all, known
	}
	return false, false
}

// text returns a node as a text, its functions worked out as far as the template
// tells.
func (c *converter) text(n *document.Node) string {
	n = c.resolve(n)
	switch n.Kind {
	case document.Mapping, document.Sequence:
		return string(n.Render().JSON)
	}
	return n.Text
}

// dynamic is a reference that a deployment resolves, to a secret or a parameter.
var dynamic = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):[^{}]*\}\}`)

// resolve returns a node without functions. What they stand for but the template does
// not tell is noted, and stands in capitals.
func (c *converter) resolve(n *document.Node) *document.Node {
	if name, arg := call(n); name != "" {
		return c.evaluate(name, arg)
	}
	switch n.Kind {
	case document.String:
		if strings.Contains(n.Text, "{{resolve:") {
			return str(dynamic.ReplaceAllStringFunc(n.Text, c.unknown))
		}
	case document.Mapping:
		out := mapping()
		for _, m := range n.Members {
			if value := c.resolve(m.Value); value != noValue {
				set(out, m.Key, value)
			}
		}
		return out
	case document.Sequence:
		out := &document.Node{Kind: document.Sequence}
		for _, item := range n.Items {
			if value := c.resolve(item); value != noValue {
				out.Items = append(out.Items, value)
			}
		}
		return out
	}
	return n
}

// noValue is what Ref AWS::NoValue stands for: its member or item is left out.
var noValue = &document.Node{}

// The bounds of what functions are worked out, so that a small template can't cost more than a moment: how many, and how long
// a text becomes.
const (
	maxSteps = 100_000
	maxText  = 1 << 20
)

func (c *converter) evaluate(name string, arg *document.Node) *document.Node {
	if c.steps++; c.steps > maxSteps {
		c.steps = maxSteps
		return str(c.unknown("so many functions"))
	}
	switch {
	case name == "Ref" && arg.Text == "AWS::NoValue":
		return noValue
	case name == "Ref" && arg.Kind == document.String:
		return c.ref(arg.Text)
	case name == "Fn::FindInMap" && len(arg.Items) >= 3:
		if found := c.inMap(arg.Items); found != nil {
			return found
		}
	case name == "Fn::GetAtt":
		return str(c.attributeText(attribute(arg)))
	case name == "Fn::Sub" && arg.Kind == document.String:
		return str(c.substitute(arg.Text, nil))
	case name == "Fn::Sub" && len(arg.Items) == 2:
		return str(c.substitute(arg.Items[0].Text, arg.Items[1]))
	case name == "Fn::Join" && len(arg.Items) == 2:
		if list := c.resolve(arg.Items[1]); list.Kind == document.Sequence {
			parts := make([]string, len(list.Items))
			for i, item := range list.Items {
				parts[i] = c.text(item)
			}
			return str(strings.Join(parts, arg.Items[0].Text))
		}
	case name == "Fn::Split" && len(arg.Items) == 2 && arg.Items[0].Text != "":
		return split(c.text(arg.Items[1]), arg.Items[0].Text)
	case name == "Fn::Select" && len(arg.Items) == 2:
		list := c.resolve(arg.Items[1])
		if i, err := strconv.Atoi(c.text(arg.Items[0])); err == nil && i >= 0 && i < len(list.Items) {
			return list.Items[i]
		}
	case name == "Fn::If" && len(arg.Items) == 3:
		return c.resolve(c.chosen(arg))
	case name == "Fn::Base64":
		return str(base64.StdEncoding.EncodeToString([]byte(c.text(arg))))
	case name == "Fn::Length":
		if list := c.resolve(arg); list.Kind == document.Sequence {
			return number(len(list.Items))
		}
	case name == "Fn::ToJsonString":
		return str(string(c.resolve(arg).Render().JSON))
	}
	what := name + " " + string(arg.Render().JSON)
	if len(what) > 120 {
		what = strings.ToValidUTF8(what[:120], "") + "…"
	}
	return str(c.unknown(what))
}

// split is Fn::Split.
func split(text, by string) *document.Node {
	out := &document.Node{Kind: document.Sequence}
	for part := range strings.SplitSeq(text, by) {
		out.Items = append(out.Items, str(part))
	}
	return out
}

// inMap is Fn::FindInMap, whose fourth argument may be a default; nil where nothing is found.
func (c *converter) inMap(args []*document.Node) *document.Node {
	comments, before := slices.Clone(c.comments), c.unknowns
	found := c.mappings
	for _, key := range args[:3] {
		found = found.Get(c.text(key))
	}
	if found == nil && len(args) > 3 {
		if instead := args[3].Get("DefaultValue"); instead != nil {
			if c.unknowns != before {
				c.comments = comments
				c.note("not known from the template which value of the map is meant; its default is taken")
			}
			return c.resolve(instead)
		}
	}
	return found
}

var (
	numeric      = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	substitution = regexp.MustCompile(`\$\{[^!{}][^{}]*\}`)
	literal      = regexp.MustCompile(`\$\{!([^{}]*)\}`)
)

// substitute is Fn::Sub.
func (c *converter) substitute(text string, own *document.Node) string {
	worked, length := map[string]string{}, len(text)
	text = substitution.ReplaceAllStringFunc(text, func(v string) string {
		name := strings.TrimSpace(strings.Trim(v, "${}"))
		value, ok := worked[name]
		if !ok {
			value = c.substituted(name, own)
			worked[name] = value
		}
		length += len(value)
		return value[:max(0, min(len(value), len(value)+maxText-length))]
	})
	if length > maxText {
		return c.unknown("a text as long as this")
	}
	text = literal.ReplaceAllString(text, "$${$1}")
	return dynamic.ReplaceAllStringFunc(text, c.unknown)
}

// substituted is what one variable of an Fn::Sub stands for.
func (c *converter) substituted(name string, own *document.Node) string {
	if value := own.Get(name); value != nil {
		return c.text(value)
	}
	if id, attribute, ok := strings.Cut(name, "."); ok {
		return c.attributeText(id, attribute)
	}
	return c.text(c.ref(name))
}

// nameProperties are those that a Ref of a resource returns.
var nameProperties = map[string]string{
	"AWS::Events::EventBus": "Name", "AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::Table": "TableName", "AWS::Lambda::Function": "FunctionName",
	"AWS::Serverless::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName",
}

// ref returns what a Ref stands for: a parameter's default, or the name of a resource, which is its logical id where the
// template does not name it.
func (c *converter) ref(name string) *document.Node {
	if p := c.parameters.Get(name); p != nil {
		return c.parameter(name, p)
	}
	if bus, ok := c.buses[name]; ok {
		return str(bus)
	}
	resource := c.resources.Get(name)
	if resource == nil {
		return str(c.unknown(name))
	}
	if given := resource.Get("Properties").Get(nameProperties[typeOf(resource)]); !given.IsZero() {
		return str(c.text(given))
	}
	c.note("what the resource %s is called is known to a deployment alone: this name stands for it", document.Quoted(name))
	return str(name)
}

func (c *converter) parameter(name string, p *document.Node) *document.Node {
	kind, value := p.Get("Type"), p.Get("Default")
	if kind == nil {
		kind = str("String")
	}
	if hidden := p.Get("NoEcho"); hidden != nil && strings.EqualFold(hidden.Text, "true") {
		return str(c.unknownFor(name, document.Quoted(name)+" is a secret, which is not taken over"))
	}
	if value == nil || strings.HasPrefix(kind.Text, "AWS::SSM::Parameter::Value") {
		return str(c.unknown(name))
	}
	c.note("%s is a parameter; its default is taken", document.Quoted(name))
	switch {
	case kind.Text == "Number" && numeric.MatchString(value.Text):
		return &document.Node{Kind: document.Number, Text: value.Text}
	case kind.Text == "CommaDelimitedList" || strings.HasPrefix(kind.Text, "List<"):
		list := split(value.Text, ",")
		for _, item := range list.Items {
			item.Text = strings.TrimSpace(item.Text)
		}
		return list
	}
	return str(value.Text)
}

// attributeText is an attribute of a resource. The name of a bus is known; of all others the logical id stands there.
func (c *converter) attributeText(id, attribute string) string {
	if bus, ok := c.buses[id]; ok && attribute == "Name" {
		return bus
	}
	if c.resources.Get(id) == nil {
		return c.unknown(id + "." + attribute)
	}
	c.note("%s of the resource %s is known to a deployment alone: %s stands for it", document.Quoted(attribute), document.Quoted(id), document.Quoted(id))
	return id
}

// unknown returns a word in the place of what only a deployment tells.
func (c *converter) unknown(what string) string {
	return c.unknownFor(what, "not known from the template: "+document.Quoted(what))
}

func (c *converter) unknownFor(what, why string) string {
	c.unknowns++
	if c.variables != nil {
		*c.variables = append(*c.variables, variable(what))
		c.note("%s", why)
		return mark(len(*c.variables) - 1)
	}
	word := strings.ToUpper(tidy(strings.ReplaceAll(what, "::", "-")))
	c.note("%s, here %s: write its value", why, word)
	return word
}
