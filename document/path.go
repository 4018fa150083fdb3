package document

import "strconv"

// Path leads to a value inside a file: what it belongs to (`rule "big"`) and
// the keys below that (`targets[0].retry`).
type Path struct {
	context string
	keys    string
}

// In starts a path within something that has a name, such as `rule "big"`.
func In(context string) Path { return Path{context: context} }

// PathOf returns the path of these Parts.
func PathOf(context, keys string) Path { return Path{context, keys} }

// Parts returns what the path belongs to, and the keys below that.
func (p Path) Parts() (context, keys string) { return p.context, p.keys }

// plainKey reports whether a key stands in a path as it is. Paths are made for every value
// of every file: a regular expression is too dear here.
func plainKey(key string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '$', c == '-':
		default:
			return false
		}
	}
	return key != ""
}

// Key is the path of a mapping's value.
func (p Path) Key(key string) Path {
	switch {
	case !plainKey(key):
		p.keys += "[" + strconv.Quote(key) + "]"
	case p.keys == "":
		p.keys = key
	default:
		p.keys += "." + key
	}
	return p
}

// Index is the path of a list's value, counted from 0.
func (p Path) Index(i int) Path {
	p.keys += "[" + strconv.Itoa(i) + "]"
	return p
}

// String returns context and keys, joined by a colon.
func (p Path) String() string {
	if p.context == "" || p.keys == "" {
		return p.context + p.keys
	}
	return p.context + ": " + p.keys
}
