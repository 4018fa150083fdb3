package document

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/spelling"
)

// Decoder fills Go values from nodes and collects what does not fit.
//
// A struct takes its keys from `yaml` tags ("-" hides a field, "new|old" takes two
// spellings, ",inline" takes in the fields of the struct that it is or leads to). An unknown or repeated key is a
// problem. A key that is absent, or a struct, map or list that is null, leaves
// the field as it is, so that defaults are set before decoding.
type Decoder struct {
	// Expand, if set, replaces references in strings before they are read.
	Expand   func(text string) (string, error)
	Problems *Problems
}

// Unmarshaler is a type that reads itself from a node.
type Unmarshaler interface {
	UnmarshalNode(d *Decoder, n *Node, path Path)
}

// Shorthand is a struct that a file may also write as one word.
type Shorthand interface {
	// UnmarshalWord reads the word, or says which there are.
	UnmarshalWord(word string) error
}

// Located is a value together with the node it was read from; the node is nil
// if the key is absent.
type Located[T any] struct {
	Value T
	Node  *Node
}

// UnmarshalNode reads the value and keeps the node.
func (l *Located[T]) UnmarshalNode(d *Decoder, n *Node, path Path) {
	l.Node = n
	d.Decode(n, &l.Value, path)
}

// Pos is where the value stands, or instead if it is absent.
func (l *Located[T]) Pos(instead Position) Position {
	if l.Node == nil {
		return instead
	}
	return l.Node.Pos
}

// Decode reads a node into what the pointer into points to.
func (d *Decoder) Decode(n *Node, into any, path Path) {
	d.value(n, reflect.ValueOf(into).Elem(), path)
}

var (
	nodeType     = reflect.TypeFor[*Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (d *Decoder) value(n *Node, v reflect.Value, path Path) {
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(n))
		return
	}
	switch into := v.Addr().Interface().(type) {
	case Unmarshaler:
		into.UnmarshalNode(d, n, path)
		return
	case encoding.TextUnmarshaler:
		d.text(n, into, path)
		return
	case Shorthand:
		if n.Kind == String {
			d.word(n, into, path)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if n.Kind == Null {
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.dictionary(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *Decoder) text(n *Node, into encoding.TextUnmarshaler, path Path) {
	text, ok := d.scalarText(n, path, "a string")
	if !ok {
		return
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		d.Problems.Add(n.Pos, path, "%s", err)
	}
}

func (d *Decoder) word(n *Node, into Shorthand, path Path) {
	if text, ok := d.scalarText(n, path, "a word"); ok {
		if err := into.UnmarshalWord(text); err != nil {
			d.Problems.Add(n.Pos, path, "%s", err)
		}
	}
}

// scalarText returns the text of a scalar, its references resolved.
func (d *Decoder) scalarText(n *Node, path Path, want string) (string, bool) {
	switch n.Kind {
	case Null:
		d.Problems.Add(n.Pos, path, "has no value: write %s, or remove the line", want)
		return "", false
	case Sequence, Mapping:
		d.Problems.Add(n.Pos, path, "must be %s, not %s", want, n.Kind)
		return "", false
	}
	if d.Expand == nil || n.Kind != String {
		return n.Text, true
	}
	text, err := d.Expand(n.Text)
	if err != nil {
		d.Problems.Add(n.Pos, path, "%s", err)
		return "", false
	}
	return text, true
}

func (d *Decoder) scalar(n *Node, v reflect.Value, path Path) {
	switch {
	case v.Type() == durationType:
		if text, ok := d.scalarText(n, path, "a duration such as 5s"); ok {
			parsed, err := ParseDuration(text)
			if err != nil {
				d.Problems.Add(n.Pos, path, "%s", err)
			}
			v.SetInt(int64(parsed))
		}
	case v.Kind() == reflect.String:
		if n.Kind == Bool || n.Kind == Number {
			d.Problems.Add(n.Pos, path, "must be a string; put quotes around it: %q", n.Text)
			return
		}
		if text, ok := d.scalarText(n, path, "a string"); ok {
			v.SetString(strings.Clone(text)) // else it would keep the whole file in memory
		}
	case v.Kind() == reflect.Bool:
		if text, ok := d.scalarText(n, path, "true or false"); ok {
			if text != "true" && text != "false" || n.Kind == String && text == n.Text {
				d.Problems.Add(n.Pos, path, "must be true or false, not %q", n.Text)
			}
			v.SetBool(text == "true")
		}
	case v.CanInt():
		d.integer(n, v, path)
	case v.CanFloat():
		d.float(n, v, path)
	default:
		panic("document: cannot decode into " + v.Type().String())
	}
}

func (d *Decoder) integer(n *Node, v reflect.Value, path Path) {
	text, ok := d.scalarText(n, path, "a whole number")
	if !ok {
		return
	}
	i, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err != nil || n.Kind == String && text == n.Text {
		d.Problems.Add(n.Pos, path, "must be a whole number, not %q", n.Text)
		return
	}
	v.SetInt(i)
}

func (d *Decoder) float(n *Node, v reflect.Value, path Path) {
	text, ok := d.scalarText(n, path, "a number")
	if !ok {
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !IsNumber(text) || n.Kind == String && text == n.Text {
		d.Problems.Add(n.Pos, path, "must be a number, not %q", n.Text)
		return
	}
	v.SetFloat(f)
}

// fits reports a collection of the wrong kind; a null one is none at all.
func (d *Decoder) fits(n *Node, kind Kind, path Path) bool {
	if n.Kind != kind && n.Kind != Null {
		d.Problems.Add(n.Pos, path, "must be %s, not %s", kind, n.Kind)
	}
	return n.Kind == kind
}

func (d *Decoder) list(n *Node, v reflect.Value, path Path) {
	if !d.fits(n, Sequence, path) {
		return
	}
	items := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		d.value(item, items.Index(i), path.Index(i))
	}
	v.Set(items)
}

func (d *Decoder) dictionary(n *Node, v reflect.Value, path Path) {
	if !d.fits(n, Mapping, path) {
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Members))
	for _, member := range d.Unique(n, path) {
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(member.Value, value, path.Key(member.Key))
		m.SetMapIndex(reflect.ValueOf(strings.Clone(member.Key)).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

// Unique returns a mapping's entries and reports those whose key was there
// before.
func (d *Decoder) Unique(n *Node, path Path) []Member {
	if len(n.Members) < 2 {
		return n.Members
	}
	first := make(map[string]Position, len(n.Members))
	unique := make([]Member, 0, len(n.Members))
	for _, member := range n.Members {
		if at, again := first[member.Key]; again {
			d.Problems.Add(member.Pos, path.Key(member.Key), "the key stands twice; it is also at %s", at)
			continue
		}
		first[member.Key] = member.Pos
		unique = append(unique, member)
	}
	return unique
}

func (d *Decoder) structure(n *Node, v reflect.Value, path Path) {
	if !d.fits(n, Mapping, path) {
		return
	}
	for _, member := range d.Unique(n, path) {
		field, known := fieldOf(v, member.Key)
		if !known {
			d.UnknownKey(member, path, fieldNames(v))
			continue
		}
		d.value(member.Value, field, path.Key(member.Key))
	}
}

// UnknownKey reports a key that is not one of those allowed.
func (d *Decoder) UnknownKey(member Member, path Path, allowed []string) {
	hint := spelling.Suggest(member.Key, allowed)
	if hint == "" {
		hint = "; the keys here are " + strings.Join(allowed, ", ")
	}
	d.Problems.Add(member.Pos, path, "unknown key %q%s", member.Key, hint)
}

// inside returns the struct that an inline field leads to.
func inside(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return reflect.ValueOf(struct{}{})
		}
		v = v.Elem()
	}
	return v
}

// Keys returns the keys of a mapping that is read into what the pointer into points to.
func Keys(into any) []string { return fieldNames(reflect.ValueOf(into).Elem()) }

// taggedField is a field of a struct that is read into, by its keys.
type taggedField struct {
	index  int
	keys   []string
	inline bool
}

// tags has the fields of the types that were read into.
var tags sync.Map // reflect.Type to []taggedField

func tagsOf(t reflect.Type) []taggedField {
	if known, ok := tags.Load(t); ok {
		return known.([]taggedField)
	}
	var fields []taggedField
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("yaml")
		if ok && tag != "-" {
			fields = append(fields, taggedField{index: i, keys: strings.Split(tag, "|"), inline: tag == ",inline"})
		}
	}
	tags.Store(t, fields)
	return fields
}

// fieldOf returns the field of a struct for a key; of several, the last.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for _, f := range slices.Backward(tagsOf(v.Type())) {
		if f.inline {
			if field, ok := fieldOf(inside(v.Field(f.index)), key); ok {
				return field, true
			}
		} else if slices.Contains(f.keys, key) {
			return v.Field(f.index), true
		}
	}
	return reflect.Value{}, false
}

// fieldNames returns the keys of a struct, sorted.
func fieldNames(v reflect.Value) (names []string) {
	for _, f := range tagsOf(v.Type()) {
		if f.inline {
			names = append(names, fieldNames(inside(v.Field(f.index)))...)
		} else {
			names = append(names, f.keys...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Pointer returns the value, or nil if the key is absent.
func (l *Located[T]) Pointer() *T {
	if l.Node == nil {
		return nil
	}
	return &l.Value
}
