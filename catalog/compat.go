package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
	"signalbox/spelling"
)

// Compatibility is what a version of a type promises about the one before it.
type Compatibility string

// The compatibilities. The empty one is Backward between versions of one name, and
// None between names that differ in their version: a new name is a promise to nobody.
const (
	// Backward: who reads by the new schema can read what was sent by the old one.
	Backward Compatibility = "backward"
	// Forward: who reads by the old schema can read what is sent by the new one.
	Forward Compatibility = "forward"
	// Full is both.
	Full Compatibility = "full"
	// None promises nothing.
	None Compatibility = "none"
)

// UnmarshalText reads a compatibility.
func (c *Compatibility) UnmarshalText(text []byte) error {
	all := []string{string(Backward), string(Forward), string(Full), string(None)}
	if !slices.Contains(all, string(text)) {
		return fmt.Errorf("unknown compatibility %q%s; there are backward, forward, full and none", text, spelling.Suggest(string(text), all))
	}
	*c = Compatibility(text)
	return nil
}

// Break is a place where a reader's schema may refuse what a writer's allows.
type Break struct {
	Path   string
	Reason string
	// Undecidable means that the two differ in a way that is not compared.
	Undecidable bool
}

// Breaks returns where data that the writer's schema allows may be refused by the
// reader's, or where that is not known. These keywords are compared: type, required,
// properties, additionalProperties, items, enum, const, the bounds of numbers,
// lengths, items and properties, pattern and format, uniqueItems, and $ref inside
// the document. All others must be the same on both sides, or are undecidable. A
// property that the writer does not declare is assumed absent. Where one of the two is nil
// nothing is known, and nothing breaks.
func Breaks(reader, writer *Schema) []Break {
	if reader == nil || writer == nil {
		return nil
	}
	c := &comparison{reader: reader.root, writer: writer.root, seen: map[pair]bool{}, anything: map[string]any{}}
	c.compare("detail", asObject(reader.root), asObject(writer.root), 0)
	return c.breaks
}

// asObject adds to a whole schema what is true of every detail: that it is an object.
func asObject(root any) any {
	m, ok := root.(map[string]any)
	if !ok || m["type"] != nil || m["$ref"] != nil {
		return root
	}
	m = maps.Clone(m)
	m["type"] = "object"
	return m
}

// The bounds of a comparison. A schema that reaches them is compared no further.
const (
	maxCompareDepth = 64
	maxBreaks       = 100
)

type comparison struct {
	reader, writer any
	seen           map[pair]bool
	anything       map[string]any // the schema true, written as an object
	breaks         []Break
}

// pair names two subschemas by where they are in memory.
type pair struct{ reader, writer uintptr }

func (c *comparison) fault(path, format string, args ...any) {
	if len(c.breaks) < maxBreaks {
		c.breaks = append(c.breaks, Break{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
}

func (c *comparison) unsure(path, format string, args ...any) {
	if len(c.breaks) < maxBreaks {
		c.breaks = append(c.breaks, Break{Path: path, Reason: fmt.Sprintf(format, args...), Undecidable: true})
	}
}

// compare compares two subschemas.
func (c *comparison) compare(path string, reader, writer any, depth int) {
	if depth > maxCompareDepth || len(c.breaks) >= maxBreaks {
		c.unsure(path, "is nested too deep to be compared")
		return
	}
	reader, okR := resolve(c.reader, reader)
	writer, okW := resolve(c.writer, writer)
	if !okR || !okW {
		if !reflect.DeepEqual(reader, writer) {
			c.unsure(path, "a $ref that leads out of the schema is not followed, and differs")
		}
		return
	}
	if reflect.DeepEqual(reader, writer) && !refers(reader) || reader == true || writer == false {
		return
	}
	if reader == false {
		c.fault(path, "is not allowed any more")
		return
	}
	r, okR := reader.(map[string]any)
	w, okW := writer.(map[string]any)
	if !okW && writer == true {
		w, okW = c.anything, true
	}
	if !okR || !okW {
		c.unsure(path, "is no schema that can be compared")
		return
	}
	// A $ref can lead back to where it stands: each pair is compared once.
	both := pair{reflect.ValueOf(r).Pointer(), reflect.ValueOf(w).Pointer()}
	if c.seen[both] {
		return
	}
	c.seen[both] = true
	c.types(path, r, w)
	c.values(path, r, w)
	c.bounds(path, r, w)
	c.same(path, r, w)
	c.object(path, r, w, depth)
	c.items(path, r, w, depth)
}

// refers reports whether a schema holds a $ref, whose meaning lies elsewhere.
func refers(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["$ref"]; ok {
			return true
		}
		for _, inside := range v {
			if refers(inside) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, refers)
	}
	return false
}

// resolve follows references inside a document; false for those that lead out of
// it, or in a circle.
func resolve(root, v any) (any, bool) {
	for range maxCompareDepth {
		m, ok := v.(map[string]any)
		if !ok {
			return v, true
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return v, true
		}
		if len(m) > 1 && !onlyNotes(m) {
			return v, false
		}
		pointer, inside := strings.CutPrefix(ref, "#")
		if !inside {
			return v, false
		}
		if v, ok = lookup(root, pointer); !ok {
			return m, false
		}
	}
	return v, false
}

// onlyNotes reports whether all members beside a $ref are notes for people.
func onlyNotes(m map[string]any) bool {
	for key := range m {
		if key != "$ref" && !notes[key] {
			return false
		}
	}
	return true
}

// lookup follows a JSON pointer (RFC 6901).
func lookup(root any, pointer string) (any, bool) {
	if pointer == "" {
		return root, true
	}
	if pointer[0] != '/' {
		return nil, false // an anchor
	}
	v := root
	for step := range strings.SplitSeq(pointer[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step]; !ok {
			return nil, false
		}
	}
	return v, true
}

var allTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// typesOf are the types that a schema allows.
func typesOf(m map[string]any) []string {
	switch t := m["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var all []string
		for _, one := range t {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return allTypes
}

func (c *comparison) types(path string, r, w map[string]any) {
	if _, restricted := r["type"]; !restricted {
		return
	}
	allowed := typesOf(r)
	var lost []string
	for _, t := range typesOf(w) {
		if !slices.Contains(allowed, t) && !(t == "integer" && slices.Contains(allowed, "number")) {
			lost = append(lost, t)
		}
	}
	_, stated := w["type"]
	switch {
	case len(lost) == 0 || enumWithin(w, allowed):
	case stated:
		c.fault(path, "can be %s on one side, and must be %s on the other", strings.Join(lost, " or "), strings.Join(allowed, " or "))
	default:
		c.fault(path, "can be anything on one side, and must be %s on the other", strings.Join(allowed, " or "))
	}
}

// enumWithin reports whether a schema lists its values, and all are of given types.
func enumWithin(m map[string]any, types []string) bool {
	values := listed(m)
	return values != nil && !slices.ContainsFunc(values, func(v any) bool { return !slices.Contains(types, typeOf(v)) })
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if _, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return "integer"
		}
	}
	return "number"
}

// listed are the values that enum or const allow; nil if neither is there.
func listed(m map[string]any) []any {
	if v, ok := m["const"]; ok {
		return []any{v}
	}
	if v, ok := m["enum"].([]any); ok {
		return v
	}
	return nil
}

func (c *comparison) values(path string, r, w map[string]any) {
	allowed := listed(r)
	if allowed == nil {
		return
	}
	written := listed(w)
	if written == nil {
		c.fault(path, "can have any value on one side, and only certain ones on the other")
		return
	}
	for _, v := range written {
		if !slices.ContainsFunc(allowed, func(a any) bool { return equal(a, v) }) {
			text, _ := json.Marshal(v)
			c.fault(path, "the value %s is allowed on one side alone", text)
		}
	}
}

// equal compares values, numbers by what they are worth.
func equal(a, b any) bool {
	x, okX := number(a)
	y, okY := number(b)
	if okX && okY {
		return x.Cmp(y) == 0
	}
	return reflect.DeepEqual(a, b)
}

// number reads a number as a fraction. One with an exponent beyond reason is none.
func number(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	if f, err := n.Float64(); err != nil || f != 0 && (f > 1e100 || f < -1e100 || f < 1e-100 && f > -1e-100) {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

// lower and upper are the keywords whose value may only become smaller, or greater,
// from the writer's to the reader's.
var (
	lower = []string{"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
	upper = []string{"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)

func (c *comparison) bounds(path string, r, w map[string]any) {
	for _, key := range lower {
		c.bound(path, key, r[key], w[key], 1)
	}
	for _, key := range upper {
		c.bound(path, key, r[key], w[key], -1)
	}
}

// bound compares one bound; tighter is the sign of a reader's that is the tighter.
func (c *comparison) bound(path, key string, r, w any, tighter int) {
	if r == nil {
		return
	}
	x, okX := number(r)
	y, okY := number(w)
	zero := tighter > 0 && key != "minimum" && key != "exclusiveMinimum" && okX && x.Sign() <= 0
	switch {
	case zero:
	case w == nil:
		c.fault(path, "%s is %v on one side, and there is none on the other", key, r)
	case !okX || !okY:
		if !reflect.DeepEqual(r, w) {
			c.unsure(path, "%s differs", key)
		}
	case x.Cmp(y) == tighter:
		c.fault(path, "%s is %v on one side and %v on the other", key, r, w)
	}
}

// notes are keywords that constrain nothing; handled are those that are compared
// elsewhere.
var (
	notes   = set("title", "description", "$comment", "examples", "default", "$schema", "$id", "id", "$defs", "definitions", "deprecated", "readOnly", "writeOnly", "$anchor")
	handled = set("type", "enum", "const", "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "maximum",
		"exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "required", "properties", "additionalProperties", "items", "$ref")
)

func set(keys ...string) map[string]bool {
	all := map[string]bool{}
	for _, k := range keys {
		all[k] = true
	}
	return all
}

// same compares what must be the same, or not be there for the reader.
func (c *comparison) same(path string, r, w map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(r)) {
		was, had := w[key]
		switch {
		case notes[key] || handled[key] || had && equal(r[key], was):
		case (key == "pattern" || key == "format") && !had:
			c.fault(path, "%s %v is asked for on one side alone", key, r[key])
		case key == "uniqueItems" && r[key] == true:
			c.fault(path, "items must be unique on one side alone")
		case key == "uniqueItems":
		default:
			c.unsure(path, "%s differs, and is not compared", key)
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf", "if", "not"} {
		if _, ok := w[key]; ok && r[key] == nil && len(c.breaks) > 0 {
			c.unsure(path, "%s stands on one side alone, and is not compared", key)
		}
	}
}

func (c *comparison) object(path string, r, w map[string]any, depth int) {
	required := names(w["required"])
	for _, name := range names(r["required"]) {
		if !slices.Contains(required, name) {
			c.fault(path+"."+name, "is required on one side, and may be absent on the other")
		}
	}
	rp, _ := r["properties"].(map[string]any)
	wp, _ := w["properties"].(map[string]any)
	extra, restricted := r["additionalProperties"]
	for _, name := range slices.Sorted(maps.Keys(wp)) {
		at := path + "." + name
		switch inside, declared := rp[name]; {
		case declared:
			c.compare(at, inside, wp[name], depth+1)
		case r["patternProperties"] != nil:
			c.unsure(at, "may fall under patternProperties, which are not compared")
		case extra == false:
			c.fault(at, "is declared on one side, and not allowed on the other")
		case restricted:
			c.compare(at, extra, wp[name], depth+1)
		}
	}
	if !restricted {
		return
	}
	written, has := w["additionalProperties"]
	switch {
	case has && !reflect.DeepEqual(extra, written):
		c.compare(path+".*", extra, written, depth+1)
	case !has && extra == false && len(wp) == 0 && len(rp) > 0:
		c.unsure(path, "allows any members on one side, and only declared ones on the other")
	}
}

func names(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, one := range list {
		if s, ok := one.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func (c *comparison) items(path string, r, w map[string]any, depth int) {
	reader, ok := r["items"]
	if !ok {
		return
	}
	writer, ok := w["items"]
	if !ok {
		writer = true
	}
	if _, list := reader.([]any); list {
		if !reflect.DeepEqual(reader, writer) {
			c.unsure(path, "items is a list, and differs")
		}
		return
	}
	c.compare(path+"[]", reader, writer, depth+1)
}

// compatibility compares each version with the one before.
func (l *loader) compatibility() {
	for _, all := range l.histories() {
		for i := 1; i < len(all); i++ {
			l.promise(all[i-1], all[i])
		}
	}
}

// histories are the versions of types, the oldest first. Names that differ only in
// the version at their end are versions of one type.
func (l *loader) histories() map[string][]*Type {
	all := map[string][]*Type{}
	for _, t := range l.cat.Types {
		all[stem(t.Name)] = append(all[stem(t.Name)], t)
	}
	for _, versions := range all {
		slices.SortFunc(versions, func(a, b *Type) int { return compareVersions(a.Version, b.Version) })
	}
	return all
}

// stem is a name without the version at its end.
func stem(name string) string {
	if at := strings.LastIndexByte(name, '.'); at > 0 && isVersion(name[at+1:]) {
		return name[:at]
	}
	return name
}

// promise checks a version against what it promises about the one before.
func (l *loader) promise(older, newer *Type) {
	promised := newer.Compatibility
	if promised == "" && older.Name == newer.Name {
		promised = Backward
	}
	if promised == Backward || promised == Full {
		l.broken(older, newer, Backward, "data of %s can't be read by %s", Breaks(newer.Schema, older.Schema))
	}
	if promised == Forward || promised == Full {
		l.broken(older, newer, Forward, "data of %[2]s can't be read by %[1]s", Breaks(older.Schema, newer.Schema))
	}
}

func (l *loader) broken(older, newer *Type, promise Compatibility, format string, breaks []Break) {
	path := document.In(fmt.Sprintf("type %q", newer.Name)).Key("schema")
	what := fmt.Sprintf(format, "version "+older.Version, "version "+newer.Version)
	for _, b := range breaks {
		if b.Undecidable {
			l.warnings.Add(newer.Pos, path, "whether versions %s and %s are %s compatible can't be decided: %s: %s", older.Version, newer.Version, promise, b.Path, b.Reason)
			continue
		}
		l.problems.Add(newer.Pos, path, "is not %s compatible: %s: %s: %s; fix it, or write compatibility: none", promise, what, b.Path, b.Reason)
	}
}
