package main

import (
	"fmt"
	"reflect"
	"strings"

	"signalbox/catalog"
	"signalbox/config"
	"signalbox/rules"
	"signalbox/rules/ruletest"
	"signalbox/sources"
	sourcekinds "signalbox/sources/kinds"
	"signalbox/targets"
	"signalbox/targets/kinds"
)

// reference has the shapes of all files.
type reference struct{ config, rules, catalog, tests *shape }

func read(root string) *reference {
	c := &comments{root: root, structs: map[string]map[string][]string{}}
	r := &reader{comments: c}
	r.held = map[string]func() *shape{
		"any":     func() *shape { return &shape{form: formAny} },
		"version": func() *shape { return &shape{form: formVersion} },
		"schema":  func() *shape { return &shape{form: formSchema} },
		"pattern": func() *shape { return &shape{form: formPattern} },
		"kinds": func() *shape {
			kind := &shape{form: formString, words: catalog.Kinds}
			return &shape{form: formList, item: kind, or: kind}
		},
		"types": func() *shape { return &shape{form: formList, item: &shape{form: formString}} },
		"retry": func() *shape {
			retry := r.of(&targets.Retry{})
			for _, o := range retry.options {
				o.standard = "" // which the target has
			}
			return retry
		},
		"right": func() *shape {
			words := &shape{form: formString, words: []string{"send", "read", "operate", "admin"}}
			buses := &option{key: "send", description: "The buses to which events may be sent.", required: true, example: `["orders*"]`,
				shape: &shape{form: formList, item: &shape{form: formString}}}
			return &shape{form: formMapping, options: []*option{buses}, or: words}
		},
		"targets":       func() *shape { return &shape{form: formNames, item: r.targets()} },
		"sources":       func() *shape { return &shape{form: formNames, item: r.sources()} },
		"names or none": namesOrNone,
		"bodies":        func() *shape { return &shape{form: formNames, item: &shape{form: formAny}} },
		"event":         func() *shape { return &shape{form: formEvent, or: &shape{form: formString}} },
		"example": func() *shape {
			return &shape{form: formList, item: &shape{form: formNames, item: &shape{form: formAny}}}
		},
	}
	declared := rules.Declarations()
	for section, one := range map[string]string{"buses": "bus", "hooks": "hook", "archives": "archive"} {
		r.held[section] = func() *shape { return &shape{form: formNames, item: r.of(declared[one])} }
	}
	r.held["connections"] = func() *shape {
		connection := r.of(declared["connection"])
		auth := connection.find("auth").shape
		auth.find("connection").refused = true // none refers to another
		return &shape{form: formNames, item: connection}
	}
	r.held["entries"] = func() *shape {
		entry := r.of(declared["entry"])
		entry.or = &shape{form: formString}
		return &shape{form: formList, item: entry}
	}
	r.held["rules"] = func() *shape { return &shape{form: formList, item: r.of(declared["rule"])} }
	r.held["message types"] = func() *shape { return &shape{form: formList, item: r.of(catalog.Declarations()["type"])} }
	inTests := ruletest.Declarations()
	r.held["rule tests"] = func() *shape { return &shape{form: formList, item: r.of(inTests["rule test"])} }
	r.held["webhook"] = func() *shape { return r.of(inTests["webhook"]) }
	r.held["expect"] = func() *shape {
		expect := r.of(inTests["expect"])
		expect.or = namesOrNone()
		return expect
	}

	inConfig := *r
	inConfig.references = true
	return &reference{config: inConfig.of(config.Default()), rules: r.of(declared["file"]),
		catalog: r.of(catalog.Declarations()["file"]), tests: r.of(inTests["file"])}
}

func namesOrNone() *shape {
	return &shape{form: formList, item: &shape{form: formString}, or: &shape{form: formString, words: []string{"none"}}}
}

// of returns the shape of the struct that a pointer leads to, which has its defaults.
func (r *reader) of(declared any) *shape {
	v := reflect.ValueOf(declared).Elem()
	return &shape{form: formMapping, options: r.options(v, filled(v))}
}

func (r *reader) targets() *shape {
	s := &shape{form: formKinds}
	for _, k := range kinds.All() {
		make := func() *targets.Config { return &targets.Config{Kind: k, Type: k.Name, Options: k.Options()} }
		plain, full := make(), make()
		plain.SetDefaults()
		fill(reflect.ValueOf(full).Elem())
		full.SetDefaults()
		options := r.options(reflect.ValueOf(plain).Elem(), reflect.ValueOf(full).Elem())
		all := &shape{options: options}
		all.find("batch").refused, all.find("reply").refused = !k.Traits.Batches, !k.Traits.Replies
		if carry := all.find("carry"); k.Traits.Forwards {
			carry.shape.words, carry.example = []string{targets.CarryState}, targets.CarryState
		}
		s.add(kind{k.Name, k.Schemes, options})
	}
	return s
}

// add adds a kind, whose type is its name.
func (s *shape) add(k kind) {
	typ := (&shape{options: k.options}).find("type")
	typ.standard, typ.example = "", k.name
	s.kinds = append(s.kinds, k)
}

func (r *reader) sources() *shape {
	s := &shape{form: formKinds}
	for _, k := range sourcekinds.All() {
		c := &sources.Config{Kind: k, Type: k.Name, Name: "NAME", Options: k.Options()}
		c.SetDefaults()
		v := reflect.ValueOf(c).Elem()
		s.add(kind{k.Name, nil, r.options(v, filled(v))})
	}
	return s
}

// find returns an option of a mapping by its key.
func (s *shape) find(key string) *option {
	for _, o := range s.options {
		if o.key == key {
			return o
		}
	}
	panic("no option " + key)
}

const head = `# Reference

Every option of every file. This page and the [JSON Schemas](../schema) are made by ` + "`make reference`" + ` from
the declarations in the code; a test holds them against what the router takes. An option that does not say since
when it exists was there from the first release.

`

// page writes docs/reference.md.
func page(r *reference) []byte {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(`## config.yaml
`)
	table(&b, r.config.options)
	b.WriteString("\n## Rule files\n")
	overview(&b, r.rules.options)
	rule := r.rules.find("rules").shape.item
	b.WriteString("\n## Rules\n")
	table(&b, rule.options)
	for _, section := range []string{"targets", "sources"} {
		byKind(&b, section, r.rules.find(section).shape.item)
	}
	for _, section := range []string{"connections", "hooks", "buses", "archives"} {
		fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(section[:1])+section[1:])
		table(&b, r.rules.find(section).shape.item.options)
	}
	b.WriteString("\n## Catalog files\n")
	table(&b, r.catalog.options)
	b.WriteString("\n## Rule test files\n")
	table(&b, r.tests.options)
	return []byte(b.String())
}

// byKind writes the options that all kinds have, and then those of each.
func byKind(b *strings.Builder, section string, s *shape) {
	common := s.kinds[0].options
	for _, k := range s.kinds[1:] {
		common = both(common, k.options)
	}
	fmt.Fprintf(b, "\n## %s\n", strings.ToUpper(section[:1])+section[1:])
	table(b, common)
	for _, k := range s.kinds {
		fmt.Fprintf(b, "\n### %s of type %s\n\n```yaml\n%s:\n  NAME:\n", strings.ToUpper(section[:1])+section[1:], k.name, section)
		for _, m := range needed(k.options) {
			fmt.Fprintf(b, "    %s: %s\n", m.key, m.value)
		}
		b.WriteString("```\n")
		var own []*option
		for _, o := range k.options {
			if !has(common, o) {
				own = append(own, o)
			}
		}
		table(b, own)
	}
}

// both returns the options of a that b has too.
func both(a, b []*option) (out []*option) {
	for _, o := range a {
		if has(b, o) && !o.refused {
			out = append(out, o)
		}
	}
	return out
}

// has reports whether an option is there with the same default.
func has(options []*option, o *option) bool {
	for _, other := range options {
		if other.key == o.key && !other.refused {
			return other.description == o.description && other.standard == o.standard
		}
	}
	return false
}
