package rules

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/rules/transform"
	"signalbox/targets"
)

// HTTPParameters are what a rule's entry adds to the requests of an http target, as they are written. A value that
// begins with $ is a path to one of the event's.
type HTTPParameters struct {
	// Path are the values for each * in the path of the target's url, in its order: texts, or paths such as
	// $.detail.id.
	Path []string `yaml:"path_parameter_values" json:"path_parameter_values,omitempty" example:"[$.detail.orderId]" with:"{}"`
	// Headers are added to the headers.
	Headers map[string]string `yaml:"header_parameters" json:"header_parameters,omitempty" example:"{X-Tenant: $.detail.tenant}" with:"{}"`
	// Query is added to the query of the target's url.
	Query map[string]string `yaml:"query_string_parameters" json:"query_string_parameters,omitempty" example:"{tenant: $.detail.tenant}" with:"{}"`
}

// awsParameters are HttpParameters of PutTargets.
type awsParameters struct {
	Path    []string          `yaml:"PathParameterValues"`
	Headers map[string]string `yaml:"HeaderParameters"`
	Query   map[string]string `yaml:"QueryStringParameters"`
}

// parameters compiles what an entry adds to the requests of its target.
func (b *entryBuilder) parameters() *targets.Parameters {
	d, config := b.draft, b.config
	if d.HTTPParameters == nil || !b.known {
		return nil
	}
	key := spelled(d.node, "http_parameters")
	at, path := follow(d.node, d.path, []string{key})
	list := func(name string) (*document.Node, document.Path) {
		name = spelled(at, name)
		return at.Get(name), path.Key(name)
	}
	kind, ok := config.Options.(targets.Parametrized)
	if !ok {
		b.warnings.Add(at.Pos, path, "is ignored: target %q is of type %s, which sends no HTTP request", config.Name, config.Type)
		return nil
	}
	p := &targets.Parameters{}
	in, where := list("query_string_parameters")
	p.Query = b.namedParameters(d.HTTPParameters.Query, in, where)
	in, where = list("header_parameters")
	p.Headers = b.namedParameters(d.HTTPParameters.Headers, in, where)
	in, where = list("path_parameter_values")
	for i, text := range d.HTTPParameters.Path {
		p.Path = append(p.Path, b.parameter("", text, in, where.Index(i)))
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
		var faults transform.Errors
		if errors.As(err, &faults) {
			err = errors.New(withHint(faults[0].Reason, faults[0].Hint)) // its place is the parameter's
		}
		b.problems.Add(at.Pos, path, "%v; what begins with $ is a path to a value of the event", err)
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
