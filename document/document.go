// Package document reads strict YAML and JSON files: every value keeps its
// position, every fault of a file is reported at once, and numbers keep their
// spelling.
package document

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of one file. They keep a broken or hostile file from costing more
// than a moment.
const (
	// MaxBytes is the greatest size of a file.
	MaxBytes = 4 << 20
	// MaxDepth is how deep values may nest.
	MaxDepth = 128
	// MaxNodes is how many values a file may hold, each alias counted as all
	// that it stands for.
	MaxNodes = 200_000
)

// Kind is the type of a value, in JSON's terms.
type Kind uint8

// The kinds of value.
const (
	Null Kind = iota
	Bool
	Number
	String
	Sequence
	Mapping
)

// String names the kind as an error message does.
func (k Kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "a string", "a list", "a mapping"}[k]
}

// Position is a place in a file. Line and Column count from 1, columns in
// characters; the zero Line means the file as a whole.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns the position as file:line:column.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// style is how a scalar was written, which decides where its characters stand.
type style uint8

const (
	plain style = iota
	quoted
	literal
	folded
	tagged
)

// Node is one value of a file. An alias shares the node that it stands for, so
// a node is never changed once its file has been parsed.
type Node struct {
	Kind Kind
	Pos  Position
	// Text is what a scalar says: a number's own spelling, "true", "false", or a
	// string without its quotes.
	Text string
	// Members are a mapping's entries in the order of the file, repeated keys
	// included.
	Members []Member
	// Items are a sequence's values.
	Items []*Node

	style  style
	indent int
	// size is how many nodes this one is with all below it, aliases expanded.
	size int
	// height is how deep values nest below this one, aliases expanded.
	height int
}

// Member is one entry of a mapping.
type Member struct {
	Key   string
	Pos   Position
	Value *Node
}

// Get finds the value of a key; where a key is repeated, the last.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := len(n.Members) - 1; i >= 0; i-- {
		if n.Members[i].Key == key {
			return n.Members[i].Value
		}
	}
	return nil
}

// holds notes a value below the node.
func (n *Node) holds(value *Node) {
	n.size += value.size
	n.height = max(n.height, value.height+1)
}

// IsZero reports whether the node is absent or null.
func (n *Node) IsZero() bool { return n == nil || n.Kind == Null }

// TextPosition is where the byte at offset of a scalar's text stands in the
// file. Where the way of writing hides that (folded lines, escapes), it is the
// scalar's own position.
func (n *Node) TextPosition(offset int) Position {
	offset = max(0, min(offset, len(n.Text)))
	before := n.Text[:offset]
	pos := n.Pos
	switch {
	case n.style == literal:
		line := strings.Count(before, "\n")
		start := strings.LastIndexByte(before, '\n') + 1
		pos.Line += 1 + line
		pos.Column = n.indent + 1 + utf8.RuneCountInString(before[start:])
	case n.style == plain && !strings.Contains(n.Text, "\n"):
		pos.Column += utf8.RuneCountInString(before)
	case n.style == quoted && !strings.ContainsAny(n.Text, "\n\"\\'"):
		pos.Column += 1 + utf8.RuneCountInString(before)
	}
	return pos
}

// Parse reads one file: JSON if its name ends in .json, else YAML. An empty
// file, or one of comments alone, gives a nil Node. The error is a *Problem.
func Parse(file string, src []byte) (*Node, error) { return parseAs(file, src, false) }

// ParseTemplate is Parse for CloudFormation templates: the short forms of functions,
// such as !GetAtt in YAML, become their long ones, {"Fn::GetAtt": …}.
func ParseTemplate(file string, src []byte) (*Node, error) { return parseAs(file, src, true) }

func parseAs(file string, src []byte, functions bool) (*Node, error) {
	if len(src) > MaxBytes {
		return nil, problem(Position{File: file}, "the file has more than %d MiB: divide it into several; all files of a folder are read where the configuration names the folder", MaxBytes>>20)
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if at := invalidUTF8(src); at >= 0 {
		return nil, problem(positionAt(file, src, at), "invalid UTF-8")
	}
	if at := bytes.IndexByte(src, 0); at >= 0 {
		return nil, problem(positionAt(file, src, at), "a NUL byte: this is no text file")
	}
	if strings.EqualFold(filepath.Ext(file), ".json") {
		return parseJSON(file, src)
	}
	return parseYAML(file, src, functions)
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// positionAt counts out the line and column of a byte.
func positionAt(file string, src []byte, offset int) Position {
	before := src[:min(offset, len(src))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return Position{
		File:   file,
		Line:   1 + bytes.Count(before, []byte("\n")),
		Column: 1 + utf8.RuneCount(before[start:]),
	}
}
