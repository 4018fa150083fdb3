package main

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"signalbox/config"
	"signalbox/document"
	"signalbox/targets"
	"signalbox/targets/http"
)

// option is one key of a mapping.
type option struct {
	key string
	// alias is another spelling, empty for none.
	alias       string
	description string
	shape       *shape
	// standard is the default as a file would write it, empty for none.
	standard string
	// least, most and above are bounds as a file would write them, empty for none; above is
	// a bound that is itself outside.
	least, most, above string
	// example is YAML, as are the options beside it that the example needs.
	example, with string
	required      bool
	// instead is the option that may be there in place of a required one; empty for none.
	instead string
	// refused means that it is known here only to be refused: by another kind, or below.
	refused bool
	// since is the version that brought the option; empty for the first.
	since string
}

// form is what a value is.
type form string

const (
	formString   form = "string"
	formInteger  form = "integer"
	formNumber   form = "number"
	formBoolean  form = "boolean"
	formDuration form = "duration"
	formSize     form = "size"
	formPercent  form = "percentage"
	formRate     form = "rate"
	formStart    form = "start"
	formStatus   form = "status or range"
	formDate     form = "date"
	formVersion  form = "version"
	formPattern  form = "pattern"
	formEvent    form = "event"
	formAny      form = "any value"
	formSchema   form = "JSON Schema"
	formMapping  form = "mapping"
	formList     form = "list"
	formNames    form = "mapping from names"
	formKinds    form = "mapping with a type"
)

// shape is what a value may be.
type shape struct {
	form form
	// words are all that a string may be; nil for any.
	words []string
	// options are those of a mapping, item what a list or a mapping from names has, kinds
	// the mappings that a type tells apart.
	options []*option
	item    *shape
	kinds   []kind
	// or is what may stand instead: one word for a mapping, one item for a list.
	or *shape
	// references means that a scalar may be written as ${NAME}.
	references bool
}

type kind struct {
	name    string
	schemes []string
	options []*option
}

// reader makes options of declarations. Everything stands in the fields of the structs that
// documents are decoded into: keys in yaml, and in further tags what no check needs as data.
type reader struct {
	comments *comments
	// held are the shapes that the tag holds: names.
	held map[string]func() *shape
	// references is for the options of config.yaml, in which any string is resolved.
	references bool
}

// options returns those of a struct, which has its defaults. In full is the same with each
// pointer leading somewhere, for the defaults of what is left out as a whole.
func (r *reader) options(v, full reflect.Value) (all []*option) {
	v, full = inside(v), inside(full)
	if !v.IsValid() {
		v = full
	}
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		tag, ok := field.Tag.Lookup("yaml")
		if !ok || tag == "-" {
			continue
		}
		if tag == ",inline" {
			for _, o := range r.options(v.Field(i), full.Field(i)) {
				r.taken(t, i, o)
				all = replace(all, o)
			}
			continue
		}
		all = replace(all, r.option(t, i, v.Field(i), full.Field(i)))
	}
	return all
}

// taken adds to an option what the field says with which a struct takes it in.
func (r *reader) taken(t reflect.Type, i int, o *option) {
	tag := t.Field(i).Tag
	switch {
	case tag.Get("beside") != "":
		o.with = strings.Replace(cmp.Or(o.with, "{}"), "{", strings.TrimSuffix(tag.Get("beside"), "}")+", ", 1)
	case o.key == "url" && tag.Get("example") != "":
		o.description = strings.TrimSpace(o.description + " " + strings.ReplaceAll(r.comments.of(t, i), "URL", "`url`"))
		o.example, o.with = tag.Get("example"), tag.Get("with")
	case o.key == "tls" && tag.Get("secure") != "":
		o.with = "{url: '" + tag.Get("secure") + "'}"
	}
}

// replace adds an option; one of the same key is the later's.
func replace(all []*option, o *option) []*option {
	all = slices.DeleteFunc(all, func(other *option) bool { return other.key == o.key })
	return append(all, o)
}

func (r *reader) option(t reflect.Type, i int, v, full reflect.Value) *option {
	field := t.Field(i)
	o := &option{
		description: r.comments.of(t, i),
		least:       field.Tag.Get("min"), most: field.Tag.Get("max"), above: field.Tag.Get("above"),
		example: field.Tag.Get("example"), with: field.Tag.Get("with"), since: field.Tag.Get("since"),
		required: field.Tag.Get("required") == "true", instead: field.Tag.Get("instead"),
	}
	o.key, o.alias, _ = strings.Cut(field.Tag.Get("yaml"), "|")
	if o.description == "" {
		panic(fmt.Sprintf("%s.%s has no comment", t, field.Name))
	}
	if held := field.Tag.Get("holds"); held != "" {
		make, ok := r.held[held]
		if !ok {
			panic(fmt.Sprintf("%s.%s holds %q, which is unknown", t, field.Name, held))
		}
		o.shape = make()
	} else {
		o.shape = r.shape(field.Type, v, full)
	}
	if words := field.Tag.Get("enum"); words != "" {
		leaf := o.shape
		for leaf.item != nil {
			leaf = leaf.item
		}
		leaf.words = strings.Split(words, "|")
	}
	if word := field.Tag.Get("word"); word != "" {
		o.shape.or = &shape{form: formString, words: []string{word}}
	}
	if text, ok := field.Tag.Lookup("default"); ok {
		o.standard = text
	} else {
		o.standard = standard(o.shape, v)
	}
	if o.example == "" {
		o.example = r.example(o)
	}
	return o
}

// example returns one for an option whose shape tells it; empty for others.
func (r *reader) example(o *option) string {
	switch s := o.shape; {
	case len(s.words) > 0:
		return s.words[len(s.words)-1]
	case s.form == formBoolean && o.standard == "true":
		return "false"
	case s.form == formBoolean:
		return "true"
	case s.form == formMapping:
		return mappingExample(s.options)
	case o.standard != "" && s.form != formList && s.form != formNames:
		return o.standard
	}
	return ""
}

// mappingExample writes what a mapping needs, or else the first option that has an example.
func mappingExample(options []*option) string {
	all := needed(options)
	for i := 0; len(all) == 0 && i < len(options); i++ {
		if options[i].example != "" {
			all = example(options, options[i])
		}
	}
	var parts []string
	for _, m := range all {
		parts = append(parts, m.key+": "+m.value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// member is an option with a value, in YAML.
type member struct{ key, value string }

// needed returns what a mapping needs: the options that are required, the type first, and what
// has to stand beside them.
func needed(options []*option) (all []member) {
	for _, o := range options {
		if o.key == "type" {
			all = append(all, member{o.key, o.example})
		}
	}
	for _, o := range options {
		if o.required && o.key != "type" {
			all = put(all, member{o.key, o.example})
		}
	}
	for _, o := range options {
		if o.required {
			all = put(all, beside(o)...)
		}
	}
	return all
}

// example returns a mapping that has an option: with its example, and what it needs.
func example(options []*option, o *option) []member {
	return put(put(needed(options), beside(o)...), member{o.key, o.example})
}

// put adds members, or puts them in the place of those with their keys; null removes one.
func put(all []member, more ...member) []member {
	for _, m := range more {
		i := slices.IndexFunc(all, func(other member) bool { return other.key == m.key })
		switch {
		case i < 0 && m.value != "null":
			all = append(all, m)
		case i >= 0 && m.value == "null":
			all = slices.Delete(all, i, i+1)
		case i >= 0:
			all[i] = m
		}
	}
	return all
}

// beside returns what has to stand beside the example of an option.
func beside(o *option) (all []member) {
	if o.with == "" {
		return nil
	}
	n, err := document.Parse("", []byte(o.with))
	if err != nil {
		panic(fmt.Sprintf("%s: with: %v", o.key, err))
	}
	for _, m := range n.Members {
		value := string(m.Value.Render().JSON)
		if m.Value.Kind == document.String && !strings.ContainsAny(m.Value.Text, "{}[]#,'\"") {
			value = m.Value.Text
		}
		all = append(all, member{m.Key, value})
	}
	return all
}

var forms = map[reflect.Type]form{
	reflect.TypeFor[time.Duration]():    formDuration,
	reflect.TypeFor[document.Size]():    formSize,
	reflect.TypeFor[document.Percent](): formPercent,
	reflect.TypeFor[targets.Rate]():     formRate,
	reflect.TypeFor[targets.Start]():    formStart,
	reflect.TypeFor[http.StatusRange](): formStatus,
}

func (r *reader) shape(t reflect.Type, v, full reflect.Value) *shape {
	if form, ok := forms[t]; ok {
		return &shape{form: form, references: r.references}
	}
	switch {
	case t == reflect.TypeFor[config.Right]():
		return r.held["right"]()
	case t.String() == "catalog.day":
		return &shape{form: formDate}
	case located(t):
		return r.shape(t.Field(0).Type, v.Field(0), full.Field(0))
	case t.Kind() == reflect.Pointer:
		return r.shape(t.Elem(), v.Elem(), full.Elem())
	case t.Kind() == reflect.String:
		return &shape{form: formString}
	}
	if _, special := reflect.New(t).Interface().(encoding.TextUnmarshaler); special {
		panic(fmt.Sprintf("%s reads itself: say in forms what it is", t))
	}
	switch {
	case t.Kind() == reflect.Bool:
		return &shape{form: formBoolean, references: r.references}
	case t.Kind() == reflect.Int:
		return &shape{form: formInteger, references: r.references}
	case t.Kind() == reflect.Float64:
		return &shape{form: formNumber, references: r.references}
	case t.Kind() == reflect.Struct:
		return &shape{form: formMapping, options: r.options(v, full)}
	case t.Kind() == reflect.Slice:
		zero := reflect.New(t.Elem()).Elem()
		return &shape{form: formList, item: r.shape(t.Elem(), zero, filled(zero))}
	case t.Kind() == reflect.Map:
		zero := reflect.New(t.Elem()).Elem()
		return &shape{form: formNames, item: r.shape(t.Elem(), zero, filled(zero))}
	}
	panic(fmt.Sprintf("%s is of no known shape: say with holds: what it is", t))
}

// located reports whether a type is a document.Located.
func located(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[document.Node]().PkgPath() && strings.HasPrefix(t.Name(), "Located[")
}

// inside returns what pointers and interfaces lead to; it is invalid where they are nil.
func inside(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	return v
}

// filled returns a value with each pointer to a struct leading to one.
func filled(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	fill(out)
	return out
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() && v.CanSet() && v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem() != reflect.TypeFor[document.Node]() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem())
	case reflect.Interface:
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if _, ok := v.Type().Field(i).Tag.Lookup("yaml"); ok {
				fill(v.Field(i))
			}
		}
	}
}

// standard writes a default as a file would; empty where that is nothing.
func standard(s *shape, v reflect.Value) string {
	v = inside(v)
	if !v.IsValid() || s.form == formMapping || s.form == formKinds {
		return ""
	}
	if located(v.Type()) {
		v = v.Field(0)
	}
	if v.IsZero() && (s.form == formString || s.form == formAny) || v.Kind() == reflect.Struct && v.IsZero() {
		return ""
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return document.FormatDuration(x)
	case document.Size:
		if x == 0 {
			return "0"
		}
		return x.String()
	case fmt.Stringer:
		return x.String()
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		if v.Len() == 0 {
			return ""
		}
		panic(fmt.Sprintf("a default of %s: say it with default:", v.Type()))
	}
	return fmt.Sprint(v.Interface())
}
