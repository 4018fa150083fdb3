package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"signalbox/auth/authtest"
	"signalbox/config"
	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/ruletest"
	"signalbox/schema"
)

// file is one kind of file: how it is loaded, and its schema.
type file struct {
	schema *jsonschema.Schema
	load   func(text string) error
}

// files returns the kinds of file. Beside a file stand those that the examples name.
func files(t *testing.T) map[string]file {
	dir := t.TempDir()
	tls := filepath.Join(dir, "tls")
	if err := os.Mkdir(tls, 0o755); err != nil {
		t.Fatal(err)
	}
	ca := authtest.NewCA(t)
	ca.Write(tls, time.Hour)
	cert, err := os.ReadFile(filepath.Join(tls, "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.crt", "clients.crt", "nats.creds"} {
		if err := os.WriteFile(filepath.Join(tls, name), cert, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("deliveries/github.http", "POST / HTTP/1.1\n\n{}")
	write("event.json", `{"source": "s", "detail-type": "T", "detail": {}}`)
	rule := func(src rules.Source) error {
		src.Dir = dir
		_, err := rules.Load(src)
		return err
	}
	return map[string]file{
		"rules":   {compiled(t, "rules"), func(text string) error { return rule(rules.Source{Globs: []string{write("rules.yaml", text)}}) }},
		"catalog": {compiled(t, "catalog"), func(text string) error { return rule(rules.Source{Catalog: []string{write("catalog.yaml", text)}}) }},
		"tests": {compiled(t, "tests"), func(text string) error {
			_, err := ruletest.Load([]string{write("rules_test.yaml", text)})
			return err
		}},
		"config": {compiled(t, "config"), func(text string) error {
			c, err := config.Load(write("config.yaml", text))
			if err != nil {
				return err
			}
			c.Rules, c.Catalog = nil, nil
			_, err = c.LoadRules()
			return err
		}},
	}
}

func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := schema.Of(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// valid returns what a schema has against a document in YAML.
func valid(s *jsonschema.Schema, text string) error {
	n, err := document.Parse("", []byte(text))
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(n.Render().JSON))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// probe tries options of one kind of file, in the loader and by the schema.
type probe struct {
	*testing.T
	file
	tried int
}

// fields are the members of a mapping, as YAML.
type fields map[string]string

func (f fields) String() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, strconv.Quote(key)+": "+f[key])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (f fields) with(key, value string) fields {
	out := maps.Clone(f)
	out[key] = value
	return out
}

// TestOptions holds each option against the loader.
func TestOptions(t *testing.T) {
	r, kinds := read(root), files(t)
	tried := 0
	one := func(name, file string, options []*option, wrap func(string) string) {
		t.Run(name, func(t *testing.T) {
			p := &probe{T: t, file: kinds[file]}
			p.mapping(options, wrap)
			tried += p.tried
		})
	}
	one("config", "config", r.config.options, func(m string) string { return m })
	one("catalog", "catalog", r.catalog.options, func(m string) string { return m })
	one("rule tests", "tests", r.tests.options, func(m string) string { return m })
	around := "{targets: {log: {type: log}, web: {type: http, url: 'http://127.0.0.1'}}, "
	for _, o := range r.rules.options {
		wrap := func(m string) string { return fmt.Sprintf("{%s: {one: %s}}", o.key, m) }
		switch item := o.shape.item; {
		case o.key == "rules":
			one("rules", "rules", item.options, func(m string) string { return around + "rules: [" + m + "]}" })
		case o.key == "targets":
			for _, k := range item.kinds {
				one("target "+k.name, "rules", k.options, func(m string) string {
					return "{connections: {crm: {auth: {bearer: some-token}}}, targets: {one: " + m + "}}"
				})
			}
		case item.kinds != nil:
			for _, k := range item.kinds {
				one(o.key+" "+k.name, "rules", k.options, wrap)
			}
		default:
			one(o.key, "rules", item.options, wrap)
		}
	}
	p := &probe{T: t, file: kinds["rules"]}
	p.keys(r.rules.options, fields{}, func(m string) string { return m })
	if tried < 400 {
		t.Errorf("only %d options were tried", tried)
	}
}

// mapping tries the options of a mapping, which wrap makes a whole document of.
func (p *probe) mapping(options []*option, wrap func(string) string) {
	base := fields{}
	for _, m := range needed(options) {
		base[m.key] = m.value
	}
	p.keys(options, base, wrap)
	for _, o := range options {
		if o.refused {
			p.refuses(wrap(base.with(o.key, o.example).String()))
			continue
		}
		p.tried++
		around := fields{}
		for _, m := range example(options, o) {
			around[m.key] = m.value
		}
		try := func(value string) string { return wrap(around.with(o.key, value).String()) }
		if o.example == "" {
			p.Errorf("%s has no example", o.key)
			continue
		}
		p.takes(try(o.example))
		if o.alias != "" {
			delete(around, o.key)
			p.takes(wrap(around.with(o.alias, o.example).String()))
		}
		if o.standard != "" {
			p.takes(try(o.standard))
		}
		if o.shape.references && o.standard != "" {
			p.takes(try(strconv.Quote("${SIGNALBOX_NOT_SET:-" + o.standard + "}")))
		}
		p.wrong(o, try)
		p.bounds(o, try)
		p.words(o, try)
		switch inner := o.shape; {
		case inner.form == formMapping:
			p.mapping(inner.options, try)
		case inner.form == formList && inner.item.form == formMapping && inner.item.options != nil:
			p.mapping(inner.item.options, func(m string) string { return try("[" + m + "]") })
		}
	}
}

// takes wants the loader and the schema to take a document.
func (p *probe) takes(text string) {
	p.Helper()
	if err := p.load(text); err != nil {
		p.Errorf("the loader refuses %s: %v", text, err)
	}
	if err := valid(p.schema, text); err != nil {
		p.Errorf("the schema refuses %s: %v", text, err)
	}
}

// refuses wants both to refuse a document, and returns what the loader says.
func (p *probe) refuses(text string) string {
	p.Helper()
	if err := valid(p.schema, text); err == nil {
		p.Errorf("the schema takes %s", text)
	}
	return p.loaderRefuses(text)
}

func (p *probe) loaderRefuses(text string) string {
	p.Helper()
	err := p.load(text)
	if err == nil {
		p.Errorf("the loader takes %s", text)
		return ""
	}
	return err.Error()
}

// keys wants an unknown key to be refused, and the keys that there are to be those that the
// loader says.
func (p *probe) keys(options []*option, base fields, wrap func(string) string) {
	p.Helper()
	var want []string
	for _, o := range options {
		want = append(want, o.key)
		if o.alias != "" {
			want = append(want, o.alias)
		}
	}
	slices.Sort(want)
	said := p.refuses(wrap(base.with("zzzzqqqq", "1").String()))
	_, list, found := strings.Cut(said, `unknown key "zzzzqqqq"; the keys here are `)
	list, _, _ = strings.Cut(list, "\n")
	if got := strings.Split(list, ", "); !found || !slices.Equal(got, want) {
		p.Errorf("the loader says %q, and declared are %q", said, want)
	}
}

// wrong wants a value of another shape to be refused.
func (p *probe) wrong(o *option, try func(string) string) {
	p.Helper()
	switch o.shape.form {
	case formAny, formSchema:
	case formMapping, formList, formNames, formKinds, formPattern:
		p.refuses(try("3"))
	case formVersion:
		p.refuses(try("{zzz: 1}"))
	default:
		p.refuses(try("{zzz: 1}"))
		p.refuses(try("[[]]"))
	}
}

// bounds wants bounds to be where they are said to be.
func (p *probe) bounds(o *option, try func(string) string) {
	p.Helper()
	number := o.shape.form == formInteger || o.shape.form == formNumber
	refuses := func(text string) {
		p.Helper()
		if number {
			p.refuses(text)
		} else {
			p.loaderRefuses(text)
		}
	}
	if o.least != "" {
		p.takes(try(o.least))
		refuses(try(beyond(p.T, o.shape.form, o.least, -1)))
	}
	if o.most != "" {
		p.takes(try(o.most))
		refuses(try(beyond(p.T, o.shape.form, o.most, 1)))
	}
	if o.above != "" {
		refuses(try(o.above))
	}
}

// beyond returns the value beside one.
func beyond(t *testing.T, f form, value string, by int64) string {
	switch f {
	case formDuration:
		d, err := document.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		return (d + time.Duration(by)).String()
	case formSize:
		var s document.Size
		if err := s.UnmarshalText([]byte(value)); err != nil {
			t.Fatal(err)
		}
		return strconv.FormatInt(int64(s)+by, 10)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(n+by, 10)
}

// words wants each word to be one, and the loader to name no other.
func (p *probe) words(o *option, try func(string) string) {
	p.Helper()
	leaf, list := o.shape, false
	for leaf.item != nil {
		leaf, list = leaf.item, true
	}
	if leaf.words == nil {
		return
	}
	value := func(word string) string {
		if list {
			return try("[" + word + "]")
		}
		return try(word)
	}
	said := p.refuses(value("zzzzqqqq"))
	for _, word := range leaf.words {
		if err := p.load(value(word)); err != nil && strings.Contains(err.Error(), strconv.Quote(word)) {
			p.Errorf("%s: %s is no such word: %v", o.key, word, err)
		}
		if !strings.Contains(said, word) {
			p.Errorf("%s: the loader does not name %s: %s", o.key, word, said)
		}
	}
	if m := regexp.MustCompile(`must be one of (.*)`).FindStringSubmatch(said); m != nil && len(strings.Split(m[1], ", ")) != len(leaf.words) {
		p.Errorf("%s: the words are %q, and the loader says %s", o.key, leaf.words, said)
	}
}

// TestEvents holds the schema of a rule test's event against what reads it.
func TestEvents(t *testing.T) {
	p := &probe{T: t, file: files(t)["tests"]}
	in := func(e string) string { return "{tests: [{name: t, expect: none, event: " + e + "}]}" }
	base := fields{"source": "s", "detail-type": "T", "detail": "{}"}
	for _, key := range event.EnvelopeKeys {
		if base[key] == "" {
			p.takes(in(base.with(key, cmp.Or(map[string]string{
				"version": `"0"`, "time": "2026-01-02T03:04:05Z", "resources": "[a]"}[key], "x")).String()))
		}
		p.refuses(in(base.with(key, "3").String()))
	}
	for key := range base {
		without := maps.Clone(base)
		delete(without, key)
		p.refuses(in(without.String()))
	}
	p.refuses(in(base.with("zzz", "1").String()))
	p.takes(in(`{specversion: "1.0", id: "1", source: s, type: T, subject: x}`))
	p.takes(in(`{eventType: T, eventID: "1", source: s}`))
	p.takes(in(`{cloudEventsVersion: "0.1", eventType: T, eventID: "1", source: s}`))
}
