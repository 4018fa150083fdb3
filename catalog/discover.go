package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/event"
)

// Discovery is what the details of a type's events have in common.
type Discovery struct {
	Type    string   `json:"type"`
	Events  int      `json:"events"`
	Sources []string `json:"sources"`
	// Declared is whether the catalog declares the type.
	Declared bool `json:"declared"`
	// Schema is one that all the events fulfil.
	Schema any `json:"schema"`
	// Drift is where events differ from what is declared, each once.
	Drift []string `json:"drift,omitempty"`
}

// The bounds of a discovery: types, members of one object, and levels that are
// looked into. What goes beyond is left out of the schema.
const (
	maxDiscovered = 1000
	maxMembers    = 200
	maxLevels     = 20
	maxDrift      = 20
)

// Discoverer gathers what events look like. It is not safe for concurrent use.
type Discoverer struct {
	catalog *Catalog
	types   map[string]*discovered
}

type discovered struct {
	events  int
	sources map[string]bool
	drift   map[string]bool
	shape   *shape
}

// NewDiscoverer makes a Discoverer that compares with a catalog.
func NewDiscoverer(c *Catalog) *Discoverer {
	return &Discoverer{catalog: c, types: map[string]*discovered{}}
}

// Add looks at one event.
func (d *Discoverer) Add(detailType, source string, detail []byte) {
	t := d.types[detailType]
	if t == nil {
		if len(d.types) >= maxDiscovered {
			return
		}
		t = &discovered{sources: map[string]bool{}, drift: map[string]bool{}, shape: newShape()}
		d.types[detailType] = t
	}
	t.events++
	if len(t.sources) < maxMembers {
		t.sources[source] = true
	}
	if v, err := decodeJSON(detail); err == nil {
		t.shape.add(v, 0)
	}
	declared, ok := d.catalog.Type(detailType, "")
	switch {
	case !ok:
		return
	case !declared.Allows(source):
		t.note("source " + source + " is not one of those declared")
	}
	if declared.Schema != nil {
		if v := declared.Schema.Validate(detail); v != nil {
			t.note(v.String())
		}
	}
}

func (t *discovered) note(drift string) {
	if len(t.drift) < maxDrift {
		t.drift[drift] = true
	}
}

// Result returns what was found, sorted by type.
func (d *Discoverer) Result() []Discovery {
	all := []Discovery{}
	for _, name := range slices.Sorted(maps.Keys(d.types)) {
		t := d.types[name]
		x := Discovery{
			Type: name, Events: t.events, Sources: slices.Sorted(maps.Keys(t.sources)), Schema: t.shape.schema(),
			Drift: slices.Sorted(maps.Keys(t.drift)),
		}
		if declared, ok := d.catalog.Type(name, ""); ok {
			x.Declared = true
			x.Drift = append(x.Drift, t.undeclared(declared)...)
		}
		all = append(all, x)
	}
	return all
}

// undeclared names the members of details that a declared schema does not know.
func (t *discovered) undeclared(declared *Type) []string {
	if declared.Schema == nil {
		return nil
	}
	root, ok := declared.Schema.root.(map[string]any)
	if !ok {
		return nil
	}
	known, ok := root["properties"].(map[string]any)
	if !ok {
		return nil
	}
	var drift []string
	for _, name := range slices.Sorted(maps.Keys(t.shape.members)) {
		if _, ok := known[name]; !ok {
			drift = append(drift, "detail."+name+": is sent, and not declared")
		}
	}
	return drift
}

// shape is what several values have in common.
type shape struct {
	types   map[string]bool
	objects int // how many of the values were objects
	members map[string]*shape
	seen    map[string]int // in how many objects a member was
	items   *shape
}

func newShape() *shape {
	return &shape{types: map[string]bool{}, members: map[string]*shape{}, seen: map[string]int{}}
}

func (s *shape) add(v any, level int) {
	s.types[typeOf(v)] = true
	if level >= maxLevels {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		s.objects++
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if s.members[name] == nil {
				if len(s.members) >= maxMembers {
					continue
				}
				s.members[name] = newShape()
			}
			s.seen[name]++
			s.members[name].add(v[name], level+1)
		}
	case []any:
		if s.items == nil {
			s.items = newShape()
		}
		for _, item := range v {
			s.items.add(item, level+1)
		}
	}
}

// schema is a JSON Schema that all the values fulfil. A member is required if all
// objects had it.
func (s *shape) schema() map[string]any {
	out := map[string]any{}
	types := slices.Sorted(maps.Keys(s.types))
	if s.types["number"] {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "integer" })
	}
	switch len(types) {
	case 0:
		return out
	case 1:
		out["type"] = types[0]
	default:
		out["type"] = types
	}
	if s.objects > 0 && len(s.members) > 0 {
		s.describeMembers(out)
	}
	if s.items != nil {
		if items := s.items.schema(); len(items) > 0 {
			out["items"] = items
		}
	}
	return out
}

func (s *shape) describeMembers(out map[string]any) {
	properties := map[string]any{}
	var required []string
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		properties[name] = s.members[name].schema()
		if s.seen[name] == s.objects {
			required = append(required, name)
		}
	}
	out["properties"] = properties
	if len(required) > 0 {
		out["required"] = required
	}
}

// Declaration returns a discovery as a list with one entry, as it stands under types: of
// a catalog file. It is empty where no source can be declared: a * in one would stand for
// others.
func (d *Discovery) Declaration() ([]byte, error) {
	sources := slices.DeleteFunc(slices.Clone(d.Sources), func(source string) bool { return strings.Contains(source, "*") })
	if len(sources) == 0 {
		return nil, nil
	}
	entry := struct {
		Name    string     `json:"name"`
		Kind    event.Kind `json:"kind,omitempty"`
		Sources []string   `json:"sources"`
		Schema  any        `json:"schema"`
	}{Name: d.Type, Sources: sources, Schema: d.Schema}
	if KindOfName(d.Type) == event.KindEvent { // whether it is a command is for its owner to say
		entry.Kind = event.KindEvent
	}
	text, err := json.Marshal([]any{entry})
	if err != nil {
		return nil, err
	}
	// The names come from events: only what quotes them all may write them.
	n, err := document.Parse("discovered.json", text)
	if err != nil {
		return nil, err
	}
	return []byte(n.YAML(2, 0)), nil
}
