package document

import (
	"regexp"
	"strconv"
)

// Path leads to a value inside a file: what it belongs to (`rule "big"`) and
// the keys below that (`targets[0].retry`).
type Path struct {
	context string
	keys    string
}

// In starts a path within something that has a name, such as `rule "big"`.
func In(context string) Path { return Path{context: context} }

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$-]+$`)

// Key is the path of a mapping's value.
func (p Path) Key(key string) Path {
	switch {
	case !plainKey.MatchString(key):
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

// String gives context and keys, joined by a colon.
func (p Path) String() string {
	if p.context == "" || p.keys == "" {
		return p.context + p.keys
	}
	return p.context + ": " + p.keys
}
