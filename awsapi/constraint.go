package awsapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"signalbox/event"
)

// checker holds a request against the model.
type checker struct {
	// ownBus begins the ARNs of buses here, whose region need not look like one of AWS's.
	ownBus string
	// clean is the request without what the model does not know and without null, in the order of the model.
	clean  bytes.Buffer
	faults event.Violations
	// told is how many bytes of text the faults have.
	told int
	// mistyped is what AWS says of the first value that is not even of its type.
	mistyped string
}

// A value is printed until it has maxPrinted bytes, and faults are told until they have maxTold, so that no answer
// is a multiple of what was sent.
const (
	maxPrinted = 256 << 10
	maxTold    = 1 << 20
)

// check returns a request's members as the model has them, or why it is refused: an *event.Error in AWS's words.
func check(input *shape, body []byte, ownBus string) (clean []byte, err error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(body) == 0 {
		body = []byte("{}")
	}
	var request any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&request); err != nil {
		return nil, &event.Error{Code: event.CodeSerialization, Message: "the body is not valid JSON: " + err.Error()}
	}
	if d.More() {
		return nil, &event.Error{Code: event.CodeSerialization, Message: "the body is not valid JSON: something follows its end"}
	}
	c := checker{ownBus: ownBus}
	c.value(input, "", request)
	if c.mistyped != "" {
		return nil, &event.Error{Code: event.CodeSerialization, Message: c.mistyped}
	}
	if err := c.faults.Error(); err != nil {
		return nil, err
	}
	return c.clean.Bytes(), nil
}

// invalid is a ValidationException.
func invalid(format string, args ...any) error {
	return &event.Error{Code: event.CodeValidation, Message: fmt.Sprintf(format, args...)}
}

// value checks a value at a path, and adds it to what is clean.
func (c *checker) value(s *shape, path string, v any) {
	switch s.kind {
	case structure:
		c.structure(s, path, v)
	case list:
		c.list(s, path, v)
	case mapping:
		c.mapping(s, path, v)
	case integer, timestamp:
		c.number(s, path, v)
	case boolean:
		if b, ok := v.(bool); ok {
			c.clean.WriteString(strconv.FormatBool(b))
		} else {
			c.typed(v, "a Boolean")
		}
	default:
		c.text(s, path, v)
	}
}

func (c *checker) structure(s *shape, path string, v any) {
	given, ok := v.(map[string]any)
	if !ok {
		c.typed(v, "a structure")
		return
	}
	c.clean.WriteByte('{')
	first := true
	for _, m := range s.members {
		at := camel(m.name)
		if path != "" {
			at = path + "." + at
		}
		value := given[m.name]
		if value == nil {
			if m.required {
				c.fault(m.shape, at, nil, "Member must not be null")
			}
			continue
		}
		if !first {
			c.clean.WriteByte(',')
		}
		first = false
		c.string(m.name)
		c.clean.WriteByte(':')
		c.value(m.shape, at, value)
	}
	c.clean.WriteByte('}')
}

func (c *checker) list(s *shape, path string, v any) {
	items, ok := v.([]any)
	if !ok {
		c.typed(v, "a list")
		return
	}
	c.length(s, path, v, len(items))
	c.clean.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			c.clean.WriteByte(',')
		}
		c.element(s.element, path+"."+strconv.Itoa(i+1)+".member", item)
	}
	c.clean.WriteByte(']')
}

func (c *checker) mapping(s *shape, path string, v any) {
	given, ok := v.(map[string]any)
	if !ok {
		c.typed(v, "a map")
		return
	}
	c.length(s, path, v, len(given))
	c.clean.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(given)) {
		if i > 0 {
			c.clean.WriteByte(',')
		}
		c.text(s.key, path+".key", key)
		c.clean.WriteByte(':')
		c.element(s.element, path+"."+key+".member", given[key])
	}
	c.clean.WriteByte('}')
}

// element is a value of a list or a map, which can't be left out.
func (c *checker) element(s *shape, path string, v any) {
	if v == nil {
		c.fault(s, path, nil, "Member must not be null")
		return
	}
	c.value(s, path, v)
}

func (c *checker) text(s *shape, path string, v any) {
	t, ok := v.(string)
	if !ok {
		c.typed(v, "a String")
		return
	}
	c.string(t)
	if s.kind == enum && !slices.Contains(s.values, t) {
		c.fault(s, path, v, "Member must satisfy enum value set: ["+strings.Join(s.values, ", ")+"]")
	}
	if p := s.pattern; p != nil {
		if p.bus {
			t = strings.TrimPrefix(t, c.ownBus)
		}
		if !p.whole.MatchString(t) {
			c.fault(s, path, v, "Member must satisfy regular expression pattern: "+p.source)
		}
	}
	c.length(s, path, v, len(utf16.Encode([]rune(v.(string)))))
}

// The seconds since 1970 of the years 0 to 9999.
const earliest, latest = -62_167_219_200, 253_402_300_799

func (c *checker) number(s *shape, path string, v any) {
	n, ok := v.(json.Number)
	if !ok {
		c.typed(v, map[kind]string{integer: "an Integer", timestamp: "a Timestamp"}[s.kind])
		return
	}
	c.clean.WriteString(n.String())
	if s.kind == timestamp {
		if f, err := n.Float64(); err != nil || f < earliest || f > latest {
			c.typed(v, "a Timestamp")
		}
		return
	}
	i, err := strconv.Atoi(n.String())
	switch {
	case err != nil:
		c.typed(v, "an Integer")
	case s.bounded && i < s.min:
		c.fault(s, path, v, fmt.Sprintf("Member must have value greater than or equal to %d", s.min))
	case s.bounded && s.max >= 0 && i > s.max:
		c.fault(s, path, v, fmt.Sprintf("Member must have value less than or equal to %d", s.max))
	}
}

func (c *checker) length(s *shape, path string, v any, n int) {
	switch {
	case s.bounded && n < s.min:
		c.fault(s, path, v, fmt.Sprintf("Member must have length greater than or equal to %d", s.min))
	case s.bounded && s.max >= 0 && n > s.max:
		c.fault(s, path, v, fmt.Sprintf("Member must have length less than or equal to %d", s.max))
	}
}

// fault notes a value that breaks a constraint.
func (c *checker) fault(s *shape, path string, v any, constraint string) {
	if c.told > maxTold {
		return
	}
	value := "null"
	if v != nil {
		var p printer
		p.print(s, v)
		value = "'" + p.String() + "'"
	}
	c.faults.Add(value, path, constraint)
	c.told += len(value) + len(path) + len(constraint)
}

// typed notes a value that is of another type.
func (c *checker) typed(v any, want string) {
	if c.mistyped != "" {
		return
	}
	is := "NULL_VALUE"
	switch v := v.(type) {
	case string:
		is = "STRING_VALUE"
	case json.Number:
		is = "NUMBER_VALUE"
	case bool:
		is = strings.ToUpper(strconv.FormatBool(v)) + "_VALUE"
	case []any:
		is = "START_ARRAY"
	case map[string]any:
		is = "START_OBJECT"
	}
	c.mistyped = is + " can not be converted to " + want
}

// string adds a text in JSON to what is clean.
func (c *checker) string(text string) {
	e := json.NewEncoder(&c.clean)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always can be
	c.clean.Truncate(c.clean.Len() - 1)
}

// printer prints values as AWS does, which is how Java does.
type printer struct{ strings.Builder }

// print prints a value.
func (p *printer) print(s *shape, v any) {
	items, isList := v.([]any)
	members, isMap := v.(map[string]any)
	switch {
	case v == nil:
		p.WriteString("null")
	case s.secret:
		p.WriteString("***Sensitive Data Redacted***")
	case s.kind == list && isList:
		each(p, "[", "]", slices.Values(items), func(item any) { p.print(s.element, item) })
	case s.kind == mapping && isMap:
		each(p, "{", "}", slices.Values(slices.Sorted(maps.Keys(members))), func(key string) {
			p.WriteString(key + "=")
			p.print(s.element, members[key])
		})
	case s.kind == structure && isMap:
		each(p, s.name+"(", ")", slices.Values(s.members), func(m member) {
			p.WriteString(camel(m.name) + "=")
			p.print(m.shape, members[m.name])
		})
	default:
		fmt.Fprint(p, v)
	}
}

// each prints items with commas between them, as many as there is room for.
func each[T any](p *printer, open, end string, items iter.Seq[T], print func(T)) {
	p.WriteString(open)
	separator := ""
	for item := range items {
		p.WriteString(separator)
		if separator = ", "; p.Len() > maxPrinted {
			p.WriteString("…")
			break
		}
		print(item)
	}
	p.WriteString(end)
}

// camel is the name of a member as AWS's errors write it.
func camel(name string) string { return strings.ToLower(name[:1]) + name[1:] }
