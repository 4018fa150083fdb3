package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/rules/transform"
	"signalbox/targets"
)

// awsParameters are HttpParameters of PutTargets. A value that begins with $ is a path to
// one of the event's.
type awsParameters struct {
	Path    []string          `yaml:"PathParameterValues"`
	Headers map[string]string `yaml:"HeaderParameters"`
	Query   map[string]string `yaml:"QueryStringParameters"`
}

// parameters compiles what an entry adds to the requests of its target.
func (b *entryBuilder) parameters() *targets.Parameters {
	d, config := b.draft, b.config
	if d.parameters == nil || !b.known {
		return nil
	}
	at, path := follow(d.node, d.path, []string{"HttpParameters"})
	kind, ok := config.Options.(targets.Parametrized)
	if !ok {
		b.warnings.Add(at.Pos, path, "is ignored: target %q is of type %s, which sends no HTTP request", config.Name, config.Type)
		return nil
	}
	p := &targets.Parameters{
		Query:   b.namedParameters(d.parameters.Query, at.Get("QueryStringParameters"), path.Key("QueryStringParameters")),
		Headers: b.namedParameters(d.parameters.Headers, at.Get("HeaderParameters"), path.Key("HeaderParameters")),
	}
	for i, text := range d.parameters.Path {
		p.Path = append(p.Path, b.parameter("", text, at.Get("PathParameterValues"), path.Key("PathParameterValues").Index(i)))
	}
	if err := kind.CheckParameters(p); err != nil {
		b.problems.Add(at.Pos, path, "%v", err)
	}
	return p
}

func (b *entryBuilder) namedParameters(from map[string]string, at *document.Node, path document.Path) (out []targets.Parameter) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		out = append(out, b.parameter(name, from[name], at.Get(name), path.Key(name)))
	}
	return out
}

func (b *entryBuilder) parameter(name, text string, at *document.Node, path document.Path) targets.Parameter {
	if !strings.HasPrefix(text, "$") {
		return targets.Parameter{Name: name, Static: text}
	}
	compiled, err := transform.Compile(transform.Spec{InputPath: &text})
	if err != nil {
		b.problems.Add(at.Pos, path, "%v", err)
		return targets.Parameter{Name: name}
	}
	return targets.Parameter{Name: name, Of: func(d *targets.Delivery) (string, error) {
		value, err := compiled.Apply(transform.Input{Envelope: d.Envelope})
		if err != nil {
			return "", err
		}
		var s string
		if json.Unmarshal(value, &s) == nil && len(value) > 0 && value[0] == '"' {
			return s, nil
		}
		return string(value), nil // a number, or an object, as it is written
	}}
}
