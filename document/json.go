package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonReader builds nodes from the tokens of encoding/json, which keeps number
// spellings and repeated keys.
type jsonReader struct {
	file  string
	src   []byte
	dec   *json.Decoder
	nodes int
	// at is how far the reader has counted lines and columns, so that positions
	// cost one pass over the file.
	at, line, column int
}

func parseJSON(file string, src []byte) (*Node, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, nil
	}
	r := &jsonReader{file: file, src: src, dec: json.NewDecoder(bytes.NewReader(src)), line: 1, column: 1}
	r.dec.UseNumber()
	n, err := r.value(1)
	if err != nil {
		return nil, err
	}
	if rest := r.next(); rest < len(src) {
		return nil, problem(r.position(rest), "text after the end of the JSON value; a file holds one value")
	}
	return n, nil
}

// next is the offset of the next token's first byte.
func (r *jsonReader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.src) && bytes.IndexByte([]byte(" \t\r\n,:"), r.src[i]) >= 0 {
		i++
	}
	return i
}

// position counts on from the last position asked for.
func (r *jsonReader) position(offset int) Position {
	for ; r.at < offset && r.at < len(r.src); r.at++ {
		switch {
		case r.src[r.at] == '\n':
			r.line++
			r.column = 1
		case utf8.RuneStart(r.src[r.at]):
			r.column++
		}
	}
	return Position{File: r.file, Line: r.line, Column: r.column}
}

func (r *jsonReader) token() (json.Token, Position, error) {
	start := r.next()
	tok, err := r.dec.Token()
	if err == nil {
		return tok, r.position(start), nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, Position{}, problem(positionAt(r.file, r.src, len(r.src)), "the JSON ends too early")
	case errors.As(err, &syntax):
		return nil, Position{}, problem(positionAt(r.file, r.src, max(0, int(syntax.Offset)-1)), "%s", syntax.Error())
	}
	return nil, Position{}, problem(positionAt(r.file, r.src, start), "%s", err)
}

func (r *jsonReader) value(depth int) (*Node, error) {
	tok, pos, err := r.token()
	if err != nil {
		return nil, err
	}
	if depth > MaxDepth {
		return nil, problem(pos, "values nest deeper than %d", MaxDepth)
	}
	if r.nodes++; r.nodes > MaxNodes {
		return nil, problem(pos, "more than %d values in one file: divide it into several", MaxNodes)
	}
	n := &Node{Pos: pos, size: 1}
	switch v := tok.(type) {
	case nil:
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(v)
	case json.Number:
		n.Kind, n.Text = Number, v.String()
	case string:
		n.Kind, n.Text, n.style = String, v, quoted
	case json.Delim:
		if v == '[' {
			return n, r.sequence(n, depth)
		}
		return n, r.mapping(n, depth)
	}
	return n, nil
}

func (r *jsonReader) sequence(n *Node, depth int) error {
	n.Kind = Sequence
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
		n.holds(item)
	}
	_, _, err := r.token()
	return err
}

func (r *jsonReader) mapping(n *Node, depth int) error {
	n.Kind = Mapping
	for r.dec.More() {
		key, pos, err := r.token()
		if err != nil {
			return err
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Members = append(n.Members, Member{Key: key.(string), Pos: pos, Value: value})
		n.holds(value)
	}
	_, _, err := r.token()
	return err
}
