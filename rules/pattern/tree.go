package pattern

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// node is one name on the way to the fields that patterns use.
type node struct {
	children []child
	// byName finds children where there are many.
	byName map[string]*node
	// field is the number of the field that ends here, or -1.
	field int32
	// needles are the keys to search for; see quiet.
	needles [][]byte
}

// child is a name below a node. word holds the first eight bytes of the name, so
// that most names are told apart by one comparison.
type child struct {
	word uint64
	name string
	node *node
}

// manyChildren is how many children a node may have before a table of them is
// quicker than looking at each.
const manyChildren = 12

func buildTree(fields []field) *node {
	root := &node{field: -1}
	for i := range fields {
		n := root
		for name := range strings.SplitSeq(fields[i].path, ".") {
			n = n.add(name)
		}
		n.field = int32(i)
	}
	if len(fields) <= mostQuietFields {
		root.addNeedles(fields, nil)
	}
	return root
}

func (n *node) add(name string) *node {
	if next := n.findPlain([]byte(name)); next != nil {
		return next
	}
	next := &node{field: -1}
	n.children = append(n.children, child{word: firstWordOf(name), name: name, node: next})
	if len(n.children) <= manyChildren {
		return next
	}
	if n.byName == nil {
		n.byName = make(map[string]*node)
		for _, c := range n.children {
			n.byName[c.name] = c.node
		}
	}
	n.byName[name] = next
	return next
}

// firstWordOf packs the first eight bytes of a name, or all of a shorter one.
func firstWordOf[T []byte | string](name T) uint64 {
	var buf [8]byte
	copy(buf[:], name)
	return binary.LittleEndian.Uint64(buf[:])
}

// find is the child of that name; word is firstWordOf the name.
func (n *node) find(name []byte, word uint64) *node {
	if n.byName != nil {
		if next := n.byName[string(name)]; next != nil {
			return next
		}
		return n.findDotted(name)
	}
	for i := range n.children {
		if c := &n.children[i]; c.word == word && c.name == string(name) {
			return c.node
		}
	}
	return n.findDotted(name)
}

// findDotted follows a key with dots as the path that it spells.
func (n *node) findDotted(name []byte) *node {
	dot := bytes.IndexByte(name, '.')
	if dot < 0 {
		return nil
	}
	n = n.findPlain(name[:dot])
	if n == nil {
		return nil
	}
	rest := name[dot+1:]
	if bytes.IndexByte(rest, '.') >= 0 {
		return n.findDotted(rest)
	}
	return n.findPlain(rest)
}

// findPlain is the child of a name without dots, if there is one.
func (n *node) findPlain(name []byte) *node {
	if n.byName != nil {
		return n.byName[string(name)]
	}
	for i := range n.children {
		if n.children[i].name == string(name) {
			return n.children[i].node
		}
	}
	return nil
}
