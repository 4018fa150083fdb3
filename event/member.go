package event

import (
	"bytes"
	"strings"
	"time"
)

// maxMembers bounds the members of an envelope, among which duplicates are
// looked for one by one.
const maxMembers = 256

// member is one member of an envelope.
type member struct {
	key string
	// raw is the JSON text of the value.
	raw []byte
}

// parseMembers reads an envelope: one JSON object in valid UTF-8 with nothing
// after it, no key of which comes twice. The objects in it may nest maxDepth
// levels.
func parseMembers(text []byte, maxDepth int) ([]member, *Error) {
	if fault := checkUTF8(text); fault != nil {
		return nil, notJSON(fault)
	}
	s := scanner{text: text, maxDepth: maxDepth}
	s.space()
	if s.peek() != '{' {
		s.unexpected("a JSON object")
		return nil, notJSON(&s.fault)
	}
	members, count, ok := s.members(make([]member, 0, 12))
	if !ok || !s.end() {
		return nil, notJSON(&s.fault)
	}
	return members, checkMembers(members, count)
}

// members skips the object at the position, which is an envelope, and appends its members,
// but no more than maxMembers. count is how many there are.
func (s *scanner) members(list []member) (members []member, count int, ok bool) {
	text := s.text
	ok = s.object(0, func(key, value span) {
		if count++; count <= maxMembers {
			list = append(list, member{key: keyText(text[key.from:key.to]), raw: text[value.from:value.to]})
		}
	})
	return list, count, ok
}

// checkMembers resolves the escapes of keys, and refuses an envelope with too many members
// or with a key that comes twice.
func checkMembers(members []member, count int) *Error {
	if count > maxMembers {
		return invalid("envelope", "%d members, more than the %d that an envelope may have", count, maxMembers)
	}
	for i := range members {
		if err := members[i].unescapeKey(); err != nil {
			return err
		}
		for j := range i {
			if members[j].key == members[i].key {
				return invalid(members[i].key, "this key is there twice; send it once")
			}
		}
	}
	return nil
}

// keyText is a key as a string, without an allocation for those of the
// canonical envelope.
func keyText(key []byte) string {
	for _, known := range EnvelopeKeys {
		if string(key) == known {
			return known
		}
	}
	return string(key)
}

func (m *member) unescapeKey() *Error {
	if !strings.Contains(m.key, `\`) {
		return nil
	}
	key, fault := unquote([]byte(`"` + m.key + `"`))
	if fault != nil {
		return invalid(m.key, "a key that is no text: %s", fault.reason)
	}
	m.key = key
	return nil
}

func (m *member) isNull() bool { return m.raw[0] == 'n' }

// text is the value as a string; null is the empty one.
func (m *member) text() (string, *Error) {
	if m.isNull() {
		return "", nil
	}
	if m.raw[0] != '"' {
		return "", m.wrongType("a string")
	}
	s, fault := unquote(m.raw)
	if fault != nil {
		return "", invalid(m.key, "%s", fault.reason)
	}
	return s, nil
}

func (m *member) wrongType(wanted string) *Error {
	return invalid(m.key, "expected %s, found %s", wanted, jsonType(m.raw[0]))
}

// jsonType names the type of the JSON value that begins with c.
func jsonType(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// texts is the value as a list of strings; null is the empty one.
func (m *member) texts() ([]string, *Error) {
	if m.isNull() {
		return nil, nil
	}
	if m.raw[0] != '[' {
		return nil, m.wrongType("an array of strings")
	}
	var list []string
	for i, raw := range elements(m.raw) {
		element := member{key: m.key, raw: raw}
		if raw[0] != '"' {
			return nil, invalid(m.key, "element %d: expected a string, found %s", i, jsonType(raw[0]))
		}
		s, err := element.text()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// elements splits a JSON array that has been scanned.
func elements(array []byte) [][]byte {
	var list [][]byte
	s := scanner{text: array, pos: 1, maxDepth: len(array)}
	for s.space(); s.peek() != ']'; {
		start := s.pos
		s.value(0)
		list = append(list, bytes.TrimSpace(array[start:s.pos]))
		s.more(']', "")
		if s.pos >= len(array) {
			break
		}
	}
	return list
}

// time is the value as a time in RFC 3339; null is the zero time.
func (m *member) time() (time.Time, *Error) {
	var t time.Time
	if raw := m.raw; raw[0] == '"' && t.UnmarshalText(raw[1:len(raw)-1]) == nil {
		return t, nil // without escapes, as good as always
	}
	s, err := m.text()
	if err != nil || m.isNull() {
		return time.Time{}, err
	}
	return parseTime(m.key, s)
}

// parseTime reads a time in RFC 3339, which stands at path.
func parseTime(path, s string) (time.Time, *Error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return t, invalid(path, "%q is not a time in RFC 3339, such as 2024-03-01T12:30:00Z", s)
	}
	return t, nil
}

// mustBe checks a member that has one legal value.
func (m *member) mustBe(want string) *Error {
	if n := len(m.raw); m.raw[0] == '"' && string(m.raw[1:n-1]) == want {
		return nil
	}
	got, err := m.text()
	if err == nil && got != want {
		err = invalid(m.key, "%q is not supported, only %q", got, want)
	}
	return err
}

// notObject refuses a detail that is not an object.
func (m *member) notObject() *Error {
	return &Error{
		Code:    CodeMalformedDetail,
		Message: m.key + ": expected an object, found " + jsonType(m.raw[0]) + `; wrap it, as in {"data": …}`,
		Path:    m.key,
	}
}
