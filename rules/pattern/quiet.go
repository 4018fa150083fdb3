package pattern

import (
	"bytes"
	"slices"
	"strings"
)

// Once every field has had a value, a further one would have to repeat a key. A
// search for the keys in the rest of the event is much quicker than a walk, and
// if it finds none the walk can stop. All of this is a shortcut: keys that come
// twice still count, however they are spelled.

const (
	// mostNeedles is how many keys a search may look for and still pay.
	mostNeedles = 4
	// mostQuietFields is how many fields a set may have for that to be worked out.
	mostQuietFields = 16
	// mostAsked is how often one event is searched at most.
	mostAsked = 4
)

// quietAsked is where in an event the search has been tried without success.
type quietAsked struct {
	node  *node
	times int
}

// quiet reports whether the rest of the event, after a member of an object that
// belongs to n and lies in no array, can hold no further value of any field.
func (m *matcher) quiet(rest []byte, n *node) bool {
	asked := &m.quietAsked
	if asked.node == n || asked.times == mostAsked || n.needles == nil {
		return false
	}
	asked.node = n
	asked.times++
	for _, needle := range n.needles {
		if bytes.Contains(rest, needle) {
			return false
		}
	}
	return true
}

// addNeedles works out, for n and the nodes below, what a search must look for
// where the walk is in an object of that node, whose path is open.
func (n *node) addNeedles(fields []field, open []string) {
	if len(n.children) == 0 {
		return
	}
	n.needles = needles(fields, open)
	for _, c := range n.children {
		c.node.addNeedles(fields, append(open[:len(open):len(open)], c.name))
	}
}

// needles are the keys that a further value of any field needs. A field needs
// every name of its path that does not belong to an open object; the longest is
// the least likely to stand in the event for another reason.
func needles(fields []field, open []string) [][]byte {
	// What is spelled with escapes is found by them.
	list := [][]byte{[]byte(`\u`)}
	for i := range fields {
		path := strings.Split(fields[i].path, ".")
		shared := 0
		for shared < len(open) && shared < len(path)-1 && path[shared] == open[shared] {
			shared++
		}
		longest := ""
		for j, name := range path[shared:] {
			if shared+j == len(path)-1 {
				name += `"` // the last name of a path ends a key
			}
			if len(name) > len(longest) {
				longest = name
			}
		}
		if strings.ContainsAny(longest[:len(longest)-1], "\"\\/") || !isASCII(longest) {
			return nil // it has other escapes
		}
		needle := []byte(longest)
		if !slices.ContainsFunc(list, func(n []byte) bool { return bytes.Equal(n, needle) }) {
			list = append(list, needle)
		}
	}
	if len(list) > mostNeedles+1 {
		return nil
	}
	return list
}
