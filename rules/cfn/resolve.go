package cfn

import (
	"regexp"
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
	case name == "Fn::GetAtt" && arg.Kind == document.Sequence && len(arg.Items) > 0:
		return arg.Items[0].Text
	case name == "Fn::GetAtt":
		id, _, _ := strings.Cut(arg.Text, ".")
		return id
	case name == "Fn::Sub" && arg.Kind == document.String:
		// ${queue.Arn} alone is the same as Fn::GetAtt.
		if m := variable.FindString(arg.Text); m != "" && m == arg.Text {
			id, _, _ := strings.Cut(strings.Trim(m, "${}"), ".")
			return id
		}
	}
	return ""
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

// resolve returns a node without functions. What they stand for but the template does
// not tell is noted, and stands in capitals.
func (c *converter) resolve(n *document.Node) *document.Node {
	if name, arg := call(n); name != "" {
		return c.evaluate(name, arg)
	}
	switch n.Kind {
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

func (c *converter) evaluate(name string, arg *document.Node) *document.Node {
	switch {
	case name == "Ref" && arg.Text == "AWS::NoValue":
		return noValue
	case name == "Ref" && arg.Kind == document.String:
		value := c.value(arg.Text)
		if t := c.parameters.Get(arg.Text).Get("Type"); t != nil && t.Text == "Number" && number.MatchString(value) {
			return &document.Node{Kind: document.Number, Text: value}
		}
		return str(value)
	case name == "Fn::FindInMap" && len(arg.Items) >= 3:
		found := c.mappings
		for _, key := range arg.Items[:3] {
			found = found.Get(c.text(key))
		}
		if found != nil {
			return found
		}
	case name == "Fn::GetAtt":
		return str(reference(mapping(name, arg)))
	case name == "Fn::Sub" && arg.Kind == document.String:
		return str(c.substitute(arg.Text, nil))
	case name == "Fn::Sub" && len(arg.Items) == 2:
		return str(c.substitute(arg.Items[0].Text, arg.Items[1]))
	case name == "Fn::Join" && len(arg.Items) == 2:
		list := c.resolve(arg.Items[1])
		parts := make([]string, len(list.Items))
		for i, item := range list.Items {
			parts[i] = c.text(item)
		}
		return str(strings.Join(parts, arg.Items[0].Text))
	case name == "Fn::Select" && len(arg.Items) == 2:
		list := c.resolve(arg.Items[1])
		if i, err := strconv.Atoi(c.text(arg.Items[0])); err == nil && i >= 0 && i < len(list.Items) {
			return list.Items[i]
		}
	case name == "Fn::If" && len(arg.Items) == 3:
		c.note("%s decides here; its first value is taken", document.Quoted(string(arg.Items[0].Render().JSON)))
		return c.resolve(arg.Items[1])
	case name == "Fn::ToJsonString":
		return str(string(c.resolve(arg).Render().JSON))
	}
	return str(c.unknown(name + " " + string(arg.Render().JSON)))
}

var (
	number   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	variable = regexp.MustCompile(`\$\{[^!{}][^{}]*\}`)
	literal  = regexp.MustCompile(`\$\{!([^{}]*)\}`)
)

// substitute is Fn::Sub.
func (c *converter) substitute(text string, own *document.Node) string {
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		name := strings.TrimSpace(strings.Trim(v, "${}"))
		if value := own.Get(name); value != nil {
			return c.text(value)
		}
		if id, _, ok := strings.Cut(name, "."); ok {
			return id
		}
		return c.value(name)
	})
	return literal.ReplaceAllString(text, "$${$1}")
}

// value returns what a Ref stands for: a parameter's default, or the logical id of a
// resource.
func (c *converter) value(name string) string {
	if value := c.parameters.Get(name).Get("Default"); value != nil {
		c.note("%s is a parameter; its default is taken", document.Quoted(name))
		return value.Text
	}
	if c.resources.Get(name) != nil {
		return name
	}
	return c.unknown(name)
}

// unknown returns a word in the place of what only a deployment tells.
func (c *converter) unknown(what string) string {
	word := strings.ToUpper(tidy(strings.ReplaceAll(what, "::", "-")))
	c.note("not known from the template: %s, here %s", document.Quoted(what), word)
	return word
}
