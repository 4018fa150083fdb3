package document

import (
	"strings"
	"unicode/utf8"
)

// quickReader reads the YAML that most files are written in, several times as fast as the
// parser for all of it: block mappings and lists, and scalars and flow collections on one line.
// It declines anything else, faults among it, and the whole file is then read by that parser;
// FuzzQuickYAML compares the two.
type quickReader struct {
	file  string
	lines []quickLine
	at    int
	// declined means that the file is for the parser.
	declined bool
	// ascii means that a byte is a character.
	ascii bool
}

// quickLine is a line that holds something, without comments at its end.
type quickLine struct {
	number, indent int
	text           string
}

// quickYAML returns the root of a file, and whether it could be read.
func quickYAML(file string, src []byte) (*Node, bool) {
	r := &quickReader{file: file, ascii: true}
	if !r.split(string(src)) || len(r.lines) == 0 || r.lines[0].indent != 0 {
		return nil, false
	}
	n := r.block(0, 1)
	if r.declined || r.at < len(r.lines) || n.size > MaxNodes {
		return nil, false
	}
	return n, true
}

// split takes the lines apart, and reports whether the reader knows all of their characters.
func (r *quickReader) split(text string) bool {
	r.lines = make([]quickLine, 0, strings.Count(text, "\n")+1)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		for i := range len(line) {
			if c := line[i]; c >= utf8.RuneSelf {
				r.ascii = false
			} else if c < ' ' || c == 0x7f {
				return false
			}
		}
		indent := 0
		for indent < len(line) && line[indent] == ' ' {
			indent++
		}
		if indent == len(line) || line[indent] == '#' {
			continue
		}
		if indent == 0 && (line[0] == '%' || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")) {
			return false
		}
		if strings.HasSuffix(line, " ") {
			return false // the parser sees places of its own
		}
		r.lines = append(r.lines, quickLine{number, indent, line})
	}
	return r.ascii || !strings.ContainsAny(text, "\u0085\u2028\u2029\ufeff")
}

func (r *quickReader) decline() *Node {
	r.declined = true
	return &Node{size: 1}
}

// pos is the place of a byte of the line that is read.
func (r *quickReader) pos(offset int) Position {
	l := &r.lines[r.at]
	column := offset
	if !r.ascii {
		column = utf8.RuneCountInString(l.text[:offset])
	}
	return Position{File: r.file, Line: l.number, Column: column + 1}
}

// item reports whether a text begins an item of a list.
func item(text string) bool { return strings.HasPrefix(text, "- ") || text == "-" }

// block reads the mapping or the list that the next line begins.
func (r *quickReader) block(indent, depth int) *Node {
	if depth >= MaxDepth {
		return r.decline()
	}
	if item(r.lines[r.at].text[indent:]) {
		return r.list(indent, depth)
	}
	return r.mapping(indent, depth)
}

func (r *quickReader) more(indent int) bool {
	return !r.declined && r.at < len(r.lines) && r.lines[r.at].indent == indent
}

func (r *quickReader) list(indent, depth int) *Node {
	n := &Node{Kind: Sequence, Pos: r.pos(indent), size: 1}
	for r.more(indent) && item(r.lines[r.at].text[indent:]) {
		l := &r.lines[r.at]
		begin := indent + 1
		for begin < len(l.text) && l.text[begin] == ' ' {
			begin++
		}
		var value *Node
		switch rest := l.text[begin:]; {
		case rest == "" || rest[0] == '#':
			r.at++
			value = r.below(indent, depth)
		case item(rest):
			return r.decline()
		case keyEnd(rest) > 0:
			l.indent = begin // a mapping that begins on the line of its item
			value = r.mapping(begin, depth+1)
		default:
			value = r.inline(begin, indent, depth+1)
		}
		if r.declined {
			return n
		}
		n.Items = append(n.Items, value)
		n.holds(value)
	}
	return n
}

// below reads the block that is further in than the line before it.
func (r *quickReader) below(indent, depth int) *Node {
	if r.at == len(r.lines) || r.lines[r.at].indent <= indent {
		return r.decline() // nothing, which the parser knows the place of
	}
	return r.block(r.lines[r.at].indent, depth+1)
}

func (r *quickReader) mapping(indent, depth int) *Node {
	n := &Node{Kind: Mapping, Pos: r.pos(indent), size: 1}
	for r.more(indent) {
		l := &r.lines[r.at]
		end := keyEnd(l.text[indent:])
		if end <= 0 || depth >= MaxDepth {
			return r.decline()
		}
		m := Member{Key: unquoted(l.text[indent : indent+end]), Pos: r.pos(indent)}
		begin := indent + end + 1
		for begin < len(l.text) && l.text[begin] == ' ' {
			begin++
		}
		switch {
		case begin < len(l.text) && l.text[begin] != '#':
			m.Value = r.inline(begin, indent, depth+1)
		default:
			r.at++
			if r.more(indent) && item(r.lines[r.at].text[indent:]) {
				m.Value = r.list(indent, depth+1)
			} else {
				m.Value = r.below(indent, depth)
			}
		}
		if r.declined {
			return n
		}
		n.Members = append(n.Members, m)
		n.holds(m.Value)
	}
	if r.at < len(r.lines) && r.lines[r.at].indent > indent {
		return r.decline()
	}
	return n
}

// keyEnd returns where the colon behind a key stands; 0 or less where a text begins no key
// that the reader knows.
func keyEnd(text string) int {
	end := 0
	switch text[0] {
	case '"', '\'':
		end = quotedEnd(text)
		if end <= 2 { // not closed, or empty
			return -1
		}
	default:
		for end < len(text) && keyByte(text[end]) {
			end++
		}
		if end > 0 && text[0] == '-' {
			return -1
		}
	}
	if end < len(text) && text[end] == ':' && (end+1 == len(text) || text[end+1] == ' ') {
		return end
	}
	return -1
}

// keyByte reports whether a plain key may have a byte: no indicator of YAML is among them.
func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/' || c == '$'
}

// quotedEnd returns the end of the quoted text that a text begins with; 0 where it is not
// closed, or has escapes.
func quotedEnd(text string) int {
	end := strings.IndexByte(text[1:], text[0]) + 2
	if end < 2 || text[0] == '"' && strings.IndexByte(text[1:end-1], '\\') >= 0 || text[0] == '\'' && end < len(text) && text[end] == '\'' {
		return 0
	}
	return end
}

func unquoted(text string) string {
	if text[0] == '"' || text[0] == '\'' {
		return text[1 : len(text)-1]
	}
	return text
}

// inline reads a value that stands on one line, to its end; what is further in than outer
// would belong to it.
func (r *quickReader) inline(begin, outer, depth int) *Node {
	l := &r.lines[r.at]
	var n *Node
	end := len(l.text)
	switch l.text[begin] {
	case '[', '{':
		n, end = r.flow(begin, depth)
	case '"', '\'':
		n, end = r.quoted(begin)
	default:
		if i := strings.Index(l.text[begin:], " #"); i >= 0 {
			end = begin + i
		}
		text := strings.TrimRight(l.text[begin:end], " ")
		if strings.Contains(text, ": ") || strings.HasSuffix(text, ":") {
			return r.decline()
		}
		n = r.plain(text, begin)
	}
	rest := strings.TrimLeft(l.text[end:], " ")
	if r.declined || rest != "" && (rest[0] != '#' || len(rest) == len(l.text[end:])) {
		return r.decline()
	}
	if r.at++; r.at < len(r.lines) && r.lines[r.at].indent > outer {
		return r.decline() // it goes on
	}
	return n
}

// plain returns a scalar without quotes, whose first byte is no indicator.
func (r *quickReader) plain(text string, begin int) *Node {
	if text == "" || strings.IndexByte("&*!|>%@`?,]}[{:#\"'<=", text[0]) >= 0 || text[0] == '-' && (len(text) == 1 || text[1] == ' ') {
		return r.decline()
	}
	n := &Node{Kind: plainKind(text, false), Pos: r.pos(begin), Text: text, size: 1}
	if n.Kind == Null {
		n.Text = ""
	}
	return n
}

func (r *quickReader) quoted(begin int) (n *Node, end int) {
	text := r.lines[r.at].text[begin:]
	end = quotedEnd(text)
	if end == 0 {
		return r.decline(), begin
	}
	return &Node{Kind: String, Pos: r.pos(begin), Text: text[1 : end-1], style: quoted, size: 1}, begin + end
}

// flow reads a list or a mapping in brackets.
func (r *quickReader) flow(begin, depth int) (n *Node, end int) {
	text := r.lines[r.at].text
	n = &Node{Kind: Sequence, Pos: r.pos(begin), size: 1}
	closing := byte(']')
	if text[begin] == '{' {
		n.Kind, closing = Mapping, '}'
	}
	at := spaces(text, begin+1)
	if depth >= MaxDepth {
		return r.decline(), at
	}
	if at < len(text) && text[at] == closing {
		return n, at + 1
	}
	for !r.declined {
		var value *Node
		m := Member{}
		if n.Kind == Mapping {
			k := -1
			if at < len(text) {
				k = keyEnd(text[at:])
			}
			if k <= 0 {
				return r.decline(), at
			}
			m.Key, m.Pos = unquoted(text[at:at+k]), r.pos(at)
			at = spaces(text, at+k+1)
		}
		value, at = r.flowValue(at, depth+1)
		if r.declined || at == len(text) {
			return r.decline(), at
		}
		if m.Value = value; n.Kind == Mapping {
			n.Members = append(n.Members, m)
		} else {
			n.Items = append(n.Items, value)
		}
		n.holds(value)
		switch text[at] {
		case closing:
			return n, at + 1
		case ',':
			at = spaces(text, at+1)
		default:
			return r.decline(), at
		}
	}
	return n, at
}

// flowValue reads a value in brackets, and the spaces behind it.
func (r *quickReader) flowValue(at, depth int) (n *Node, end int) {
	text := r.lines[r.at].text
	if at >= len(text) {
		return r.decline(), at
	}
	switch text[at] {
	case '[', '{':
		n, end = r.flow(at, depth)
	case '"', '\'':
		n, end = r.quoted(at)
	default:
		end = at
		for end < len(text) && strings.IndexByte(",[]{}", text[end]) < 0 {
			end++
		}
		value := strings.TrimRight(text[at:end], " ")
		if strings.ContainsAny(value, "#:") {
			return r.decline(), end
		}
		n = r.plain(value, at)
	}
	return n, spaces(text, min(end, len(text)))
}

// spaces returns the place behind the spaces at a place.
func spaces(text string, at int) int {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	return at
}
