package pattern

import (
	"math/bits"
	"slices"
)

// matcher walks one event at a time. It holds everything that a match needs to
// write to, so that matching allocates nothing.
type matcher struct {
	set   *Set
	event []byte
	out   []int

	// epoch numbers the events; what carries another epoch is from another event.
	epoch     uint32
	matched   []uint32    // by pattern: the epoch in which it last matched
	candidate []uint32    // by conjunction and group: the epoch in which it was last found
	fields    []fieldSeen // by field
	unseen    int         // fields that have had no value yet

	pending []int32 // the candidates, and the groups of them
	leaves  []leaf  // the values kept; the first is never used
	frames  []frame // the elements of arrays; the first stands for none
	arrays  int32   // how many arrays there were
	// inArrays is how many arrays are open: their elements need no key.
	inArrays   int
	quietAsked quietAsked

	text          []byte // the strings of this event that had escapes, decoded
	name          []byte // one key, decoded
	turned, lower []byte // one value, reversed, without case
	choice        chooser
	absence       absenceSearch
}

// fieldSeen is what a matcher knows of a field.
type fieldSeen struct {
	epoch uint32
	first int32 // the first value kept, or 0
	last  int32
}

// frame is an element of an array: one that is an object, or an array itself.
type frame struct {
	parent int32
	array  int32
}

func newMatcher(s *Set) *matcher {
	return &matcher{
		set:       s,
		matched:   make([]uint32, s.patterns),
		candidate: make([]uint32, len(s.conjs)+len(s.groups)),
		fields:    make([]fieldSeen, len(s.fields)),
		leaves:    make([]leaf, 1, 64),
		frames:    make([]frame, 1, 16),
	}
}

func (m *matcher) match(event []byte, dst []int) []int {
	from := len(dst)
	m.begin(event, dst)
	if i := skipSpace(event, 0); i < len(event) && event[i] == '{' {
		m.object(event, i+1, m.set.root, 0)
	}
	for i := 0; i < len(m.pending); i++ { // groups add to it
		if number := m.pending[i]; int(number) < len(m.set.conjs) {
			m.verify(number)
		} else {
			m.search(m.set.groups[int(number)-len(m.set.conjs)])
		}
	}
	for _, conj := range m.set.always {
		m.verify(conj)
	}
	dst = m.out
	slices.Sort(dst[from:])
	m.event, m.out = nil, nil
	return dst
}

func (m *matcher) begin(event []byte, dst []int) {
	if m.epoch++; m.epoch == 0 {
		clear(m.matched)
		clear(m.candidate)
		clear(m.fields)
		m.epoch = 1
	}
	m.event, m.out = event, dst
	m.unseen = len(m.fields)
	m.pending, m.leaves, m.frames, m.arrays = m.pending[:0], m.leaves[:1], m.frames[:1], 0
	m.inArrays = 0
	m.quietAsked = quietAsked{}
	m.text = m.text[:0]
}

// done is the position that says that nothing more in the event can matter.
const done = -1

// object walks an object whose inside begins at i, and returns the position after
// it, or done.
func (m *matcher) object(b []byte, i int, n *node, frame int32) int {
	for {
		for b[i] <= ' ' || b[i] == ',' {
			i++
		}
		if b[i] == '}' {
			return i + 1
		}
		next, value := m.key(b, i+1, n)
		if i = value; next == nil {
			i = skipValue(b, i)
			continue
		}
		if i = m.value(b, i, next, frame); i == done {
			return done
		}
		if m.unseen == 0 && m.inArrays == 0 && m.quiet(b[i:], n) {
			return done
		}
	}
}

// key reads the key whose inside begins at i. It returns the node below n that it
// leads to, if any, and the position of the value.
func (m *matcher) key(b []byte, i int, n *node) (*node, int) {
	var next *node
	end, word := i, uint64(0)
	if i+8 <= len(b) {
		word = load(b, i)
		if q := quotes(word); q != 0 {
			length := bits.TrailingZeros64(q) &^ 7
			end += length >> 3
			word &= 1<<length - 1
		} else {
			end += 8
		}
	}
	end, escaped := stringEnd(b, end)
	switch {
	case escaped:
		m.name = appendDecoded(m.name[:0], b[i:end])
		next = n.find(m.name, firstWordOf(m.name))
	case i+8 <= len(b):
		next = n.find(b[i:end], word)
	default:
		next = n.find(b[i:end], firstWordOf(b[i:end]))
	}
	for i = end + 1; b[i] != ':'; i++ {
	}
	for i++; b[i] <= ' '; i++ {
	}
	return next, i
}

// value walks the value that begins at i, and returns the position after it, or
// done.
func (m *matcher) value(b []byte, i int, n *node, frame int32) int {
	var l leaf
	end := i
	switch b[i] {
	case '{':
		if n.children == nil {
			return skipContainer(b, i+1)
		}
		return m.object(b, i+1, n, frame)
	case '[':
		return m.array(b, i+1, n, frame)
	case '"':
		var escaped bool
		end, escaped = stringEnd(b, i+1)
		if n.field < 0 {
			return end + 1
		}
		l.text = b[i+1 : end]
		if escaped {
			// Growing the buffer leaves earlier values where they are.
			from := len(m.text)
			m.text = appendDecoded(m.text, l.text)
			l.text = m.text[from:]
		}
		end++
	case 't', 'f', 'n':
		end = skipScalar(b, i+1)
		l.text, l.kind = b[i:end], literalKind(b[i])
	default:
		l.decimal, end = scanNumber(b, i)
		l.text, l.kind = b[i:end], kindNumber
	}
	if n.field < 0 {
		return end
	}
	l.frame = frame
	return m.leaf(n.field, l, end)
}

func literalKind(c byte) kind {
	switch c {
	case 't':
		return kindTrue
	case 'f':
		return kindFalse
	}
	return kindNull
}

// array walks an array whose inside begins at i, and returns the position after
// it, or done. Its elements count as values of the array's own field; those that
// have an inside are frames, so that conditions can be held to one of them.
func (m *matcher) array(b []byte, i int, n *node, parent int32) int {
	m.arrays++
	m.inArrays++
	array := m.arrays
	for {
		for b[i] <= ' ' || b[i] == ',' {
			i++
		}
		in := parent
		switch b[i] {
		case ']':
			m.inArrays--
			return i + 1
		case '{', '[':
			if m.set.nested && (n.children != nil || b[i] == '[') {
				in = int32(len(m.frames))
				m.frames = append(m.frames, frame{parent: parent, array: array})
			}
		}
		if i = m.value(b, i, n, in); i == done {
			return done
		}
	}
}

// leaf takes note of a value of a field, which ends at end. It returns end, or
// done.
func (m *matcher) leaf(number int32, l leaf, end int) int {
	seen := &m.fields[number]
	f := &m.set.fields[number]
	if seen.epoch != m.epoch {
		*seen = fieldSeen{epoch: m.epoch}
		m.unseen--
	}
	m.find(&f.index, &l)
	if f.kept {
		m.leaves = append(m.leaves, l)
		at := int32(len(m.leaves) - 1)
		if seen.first == 0 {
			seen.first = at
		} else {
			m.leaves[seen.last].next = at
		}
		seen.last = at
	}
	return end
}
