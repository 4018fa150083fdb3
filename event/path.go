package event

import (
	"encoding/binary"
	"strings"
)

// Hop is one step of the way on which an event came to be: the event before it,
// and the rule and target whose answer, or whose bus, made the next.
type Hop struct {
	EventID    string `json:"event_id"`
	DetailType string `json:"detail_type"`
	Bus        string `json:"bus"`
	Rule       string `json:"rule"`
	Target     string `json:"target"`
}

// maxPath bounds the hops that an event carries: the first and the latest ones.
const maxPath = 64

// Extend returns a path with one more hop; the path itself stays as it is.
func Extend(path []Hop, next Hop) []Hop {
	longer := make([]Hop, 0, min(len(path)+1, maxPath))
	longer = append(longer, path...)
	if len(longer) == maxPath {
		longer = append(longer[:1], longer[2:]...)
	}
	return append(longer, next)
}

// PathText writes a path for people, as types and the rules between them, up to
// the event that it led to. What goes round is written once.
func PathText(path []Hop, last string) string {
	var b strings.Builder
	from, period := repetition(path)
	for i, hop := range path {
		if period > 0 && i == from+period {
			b.WriteString(hop.DetailType + ", and so on")
			return b.String()
		}
		b.WriteString(hop.DetailType + " -[" + hop.Rule + " > " + hop.Target + "]-> ")
	}
	b.WriteString(last)
	return b.String()
}

// repetition finds where the path begins to repeat itself to its end, and after
// how many hops; a period of 0 means that it does not.
func repetition(path []Hop) (from, period int) {
	same := func(a, b Hop) bool { a.EventID, b.EventID = "", ""; return a == b }
	for period = 1; period <= len(path)/2; period++ {
		from = len(path) - period
		for from > 0 && same(path[from-1], path[from-1+period]) {
			from--
		}
		if len(path)-from >= 2*period {
			return from, period
		}
	}
	return 0, 0
}

func appendPath(dst []byte, path []Hop) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(path)))
	for i := range path {
		for _, field := range path[i].fields() {
			dst = appendText(dst, *field)
		}
	}
	return dst
}

func (h *Hop) fields() [5]*string {
	return [...]*string{&h.EventID, &h.DetailType, &h.Bus, &h.Rule, &h.Target}
}

func (r *binaryReader) path() []Hop {
	n := r.uvarint()
	// Five lengths are the least that a hop takes.
	if n > uint64(len(r.rest)/5) {
		r.failed, r.rest = true, ""
		return nil
	}
	path := make([]Hop, n)
	for i := range path {
		for _, field := range path[i].fields() {
			*field = r.text()
		}
	}
	return path
}
