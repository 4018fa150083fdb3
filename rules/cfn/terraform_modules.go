package cfn

import (
	"encoding/json"
	"strings"
)

// configModule is a module as it is written; references tell what a value that is not known will be.
type configModule struct {
	Resources []configResource      `json:"resources"`
	Calls     map[string]configCall `json:"module_calls"`
	Outputs   map[string]struct {
		Expression any `json:"expression"`
	} `json:"outputs"`
}

// configResource is a resource as it is written.
type configResource struct {
	Address     string         `json:"address"`
	Expressions map[string]any `json:"expressions"`
	ForEach     any            `json:"for_each_expression"`
}

// configCall is a call of a module.
type configCall struct {
	Module      configModule   `json:"module"`
	Expressions map[string]any `json:"expressions"`
}

// configured notes the modules, by their prefix of addresses without keys.
func (t *terraformReader) configured(prefix string, m *configModule) {
	t.modules[prefix] = m
	for name, call := range m.Calls {
		t.configured(prefix+"module."+name+".", &call.Module)
	}
}

// config returns a resource as it is written; an empty one where that is not there, as of a state.
func (t *terraformReader) config(r *planResource) *configResource {
	if m := t.modules[withoutKeys(t.prefix(r))]; m != nil {
		for i := range m.Resources {
			if m.Resources[i].Address == r.Type+"."+r.Name {
				return &m.Resources[i]
			}
		}
	}
	return &configResource{}
}

// prefix is what addresses of the module of a resource begin with: module.a["b"]., or nothing.
func (t *terraformReader) prefix(r *planResource) string {
	return r.Address[:max(0, strings.LastIndex(strings.TrimSuffix(r.Address, key(r.Index)), r.Type+"."+r.Name))]
}

// maxLookups bounds how many modules a reference is followed through.
const maxLookups = 32

// lookup returns the address of the resource in the plan that a reference in a module leads to; empty for none. index is the
// key of what refers, whose resource is as it is written.
func (t *terraformReader) lookup(prefix, reference string, index json.RawMessage, written *configResource, depth int) string {
	parts := segments(reference)
	if depth > maxLookups || len(parts) < 2 {
		return ""
	}
	first := func(prefix string, expression any, index json.RawMessage) string {
		for _, r := range references(expression) {
			if address := t.lookup(prefix, r, index, nil, depth+1); address != "" {
				return address
			}
		}
		return ""
	}
	switch parts[0] {
	case "each":
		if written == nil {
			return ""
		}
		return first(prefix, written.ForEach, index)
	case "var":
		above := segments(strings.TrimSuffix(prefix, "."))
		if len(above) < 2 {
			return ""
		}
		name, called, _ := strings.Cut(above[len(above)-1], "[")
		parent := strings.TrimSuffix(prefix, "module."+above[len(above)-1]+".")
		if m := t.modules[withoutKeys(parent)]; m != nil {
			return first(parent, m.Calls[name].Expressions[parts[1]], json.RawMessage(strings.TrimSuffix(called, "]")))
		}
	case "module":
		if len(parts) < 3 {
			return ""
		}
		child := prefix + "module." + parts[1]
		if t.noneBelow(child + ".") {
			child += key(index)
		}
		child += "."
		if m := t.modules[withoutKeys(child)]; m != nil {
			return first(child, m.Outputs[parts[2]].Expression, nil)
		}
	default:
		address := prefix + parts[0] + "." + parts[1]
		for _, one := range []string{address, address + key(index)} {
			if t.byAddress[one] != nil {
				return one
			}
		}
	}
	return ""
}

// noneBelow reports whether no resource has an address that begins so.
func (t *terraformReader) noneBelow(prefix string) bool {
	for address := range t.byAddress {
		if strings.HasPrefix(address, prefix) {
			return false
		}
	}
	return true
}

// segments are the parts of an address between its dots, with their keys.
func segments(address string) (all []string) {
	begin, quoted, depth := 0, false, 0
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '.' && depth == 0:
			all = append(all, address[begin:i])
			begin = i + 1
		}
	}
	return append(all, address[begin:])
}

// withoutKeys returns an address without the keys of count and for_each, as configurations have it.
func withoutKeys(address string) string {
	parts := segments(address)
	for i := range parts {
		parts[i], _, _ = strings.Cut(parts[i], "[")
	}
	return strings.Join(parts, ".")
}
