package rules

import (
	"errors"
	"strconv"
	"sync"

	"signalbox/document"
	"signalbox/rules/exprenv"
	"signalbox/targets"
)

// report gathers what is wrong, and what is doubtful, while a Set is built.
type report struct {
	problems, warnings document.Problems
	// dec reads documents, and adds their faults to problems.
	dec *document.Decoder
}

func newReport() *report {
	r := &report{}
	r.dec = &document.Decoder{Problems: &r.problems}
	return r
}

// expression puts the fault of an expression at its place in the file.
func (r *report) expression(n *document.Node, path document.Path, err error) {
	pos, text := n.Pos, err.Error()
	if fault, ok := errors.AsType[*exprenv.Error](err); ok {
		pos, text = n.TextPosition(fault.Offset), withHint(fault.Reason, fault.Hint)
	}
	r.problems.Add(pos, path, "%s", text)
}

func withHint(reason, hint string) string {
	if hint == "" {
		return reason
	}
	return reason + " (" + hint + ")"
}

// declared checks the name by which a document declares something, and reports whether no other
// has declared it before; first is where.
func (r *report) declared(what string, member document.Member, first map[string]Position) (document.Path, bool) {
	path := document.In(what + " " + strconv.Quote(member.Key))
	if fault := checkName(member.Key); fault != "" {
		r.problems.Add(member.Pos, path, "the name %s", fault)
	}
	if at, again := first[member.Key]; again {
		r.problems.Add(member.Pos, path, "is declared twice; it is also at %s: rename one", at)
		return path, false
	}
	first[member.Key] = member.Pos
	return path, true
}

// faults puts the mistakes in a mapping at their places in the file.
func (r *report) faults(faults []*targets.FieldError, n *document.Node, path document.Path) {
	for _, fault := range faults {
		at, where := follow(n, path, fault.Path)
		r.problems.Add(at.Pos, where, "%s", fault.Msg)
	}
}

// jsonOf returns the JSON of a node that is a value or holds JSON text.
func jsonOf(n *document.Node) []byte {
	if n.Kind == document.String {
		return []byte(n.Text)
	}
	return n.JSON()
}

// placesOf returns a function that finds a byte of that JSON in the file.
func placesOf(n *document.Node) func(offset int) Position {
	if n.Kind == document.String {
		return n.TextPosition
	}
	rendered := sync.OnceValue(n.Render)
	return func(offset int) Position { return rendered().At(offset) }
}

// follow goes down a path as far as the file has it, so that a fault of what was
// left out is shown where it would stand.
func follow(n *document.Node, path document.Path, steps []string) (*document.Node, document.Path) {
	at, whole := n, true
	for _, step := range steps {
		var next *document.Node
		if i, err := strconv.Atoi(step); err == nil && at.Kind == document.Sequence {
			path = path.Index(i)
			if i < len(at.Items) {
				next = at.Items[i]
			}
		} else {
			path = path.Key(step)
			next = at.Get(step)
		}
		if whole = whole && next != nil; whole {
			at = next
		}
	}
	return at, path
}
