package document

import (
	"bytes"
	"encoding/json"
	"sort"
)

// Rendering is a node as JSON text, and where each value of it came from.
type Rendering struct {
	JSON  []byte
	marks []mark
	// unmarked writes the text alone.
	unmarked bool
}

// mark is a value's first byte in the text and its place in the file.
type mark struct {
	offset int
	pos    Position
}

// Render writes a node as JSON. Numbers keep their spelling, mappings their
// order and their repeated keys.
func (n *Node) Render() *Rendering {
	r := &Rendering{}
	r.value(n)
	return r
}

// JSON returns what Render writes, without the places.
func (n *Node) JSON() []byte {
	r := Rendering{unmarked: true, JSON: make([]byte, 0, 256)}
	r.value(n)
	return r.JSON
}

// At is where the value that holds the given byte of the text stands in its
// file.
func (r *Rendering) At(offset int) Position {
	i := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].offset > offset })
	return r.marks[max(0, i-1)].pos
}

func (r *Rendering) mark(pos Position) {
	if r.unmarked {
		return
	}
	r.marks = append(r.marks, mark{offset: len(r.JSON), pos: pos})
}

func (r *Rendering) value(n *Node) {
	r.mark(n.Pos)
	switch n.Kind {
	case Null:
		r.JSON = append(r.JSON, "null"...)
	case Bool, Number:
		r.JSON = append(r.JSON, n.Text...)
	case String:
		r.string(n.Text)
	case Sequence:
		r.JSON = append(r.JSON, '[')
		for i, item := range n.Items {
			if i > 0 {
				r.JSON = append(r.JSON, ',')
			}
			r.value(item)
		}
		r.JSON = append(r.JSON, ']')
	case Mapping:
		r.mapping(n)
	}
}

func (r *Rendering) mapping(n *Node) {
	r.JSON = append(r.JSON, '{')
	for i, member := range n.Members {
		if i > 0 {
			r.JSON = append(r.JSON, ',')
		}
		r.mark(member.Pos)
		r.string(member.Key)
		r.JSON = append(r.JSON, ':')
		r.value(member.Value)
	}
	r.JSON = append(r.JSON, '}')
}

func (r *Rendering) string(s string) {
	if unescaped(s) {
		r.JSON = append(append(append(r.JSON, '"'), s...), '"')
		return
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	// Encode cannot fail on a string; the parser has checked that it is UTF-8.
	_ = enc.Encode(s)
	r.JSON = append(r.JSON, bytes.TrimSuffix(text.Bytes(), []byte{'\n'})...)
}

// unescaped reports whether a text stands in JSON as it is.
func unescaped(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
