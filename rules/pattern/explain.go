package pattern

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Reason is in what way a value fails a condition.
type Reason string

// The reasons, from the nearest miss to the farthest.
const (
	// ReasonArray: every condition is met, but by different elements of one array.
	ReasonArray Reason = "array-consistency"
	// ReasonCase: the value, or a key on the way to it, differs in case alone.
	ReasonCase Reason = "case-differs"
	// ReasonType: the value would do if it had another type: a number in quotes.
	ReasonType Reason = "wrong-type"
	// ReasonValue: the value is another.
	ReasonValue Reason = "value-differs"
	// ReasonPresent: the field is there, and must not be.
	ReasonPresent Reason = "present"
	// ReasonAbsent: the event has no value at the path.
	ReasonAbsent Reason = "absent"
)

// credit is how much of a condition counts as met, for nearness.
var credit = map[Reason]float64{
	ReasonArray: 0.8, ReasonCase: 0.8, ReasonType: 0.7, ReasonValue: 0.2, ReasonPresent: 0.2, ReasonAbsent: 0,
}

// Explanation is whether a pattern matches an event and, if it does not, why.
type Explanation struct {
	Matched bool `json:"matched"`
	// Failures are the conditions that fail. Where the pattern has several
	// combinations ($or), they are those of the one that came nearest.
	Failures []Failure `json:"failures,omitempty"`
	// Nearness is how near the event came: from 0, nothing is met, to 1, it matches.
	Nearness float64 `json:"nearness"`
}

// Failure is one condition that an event does not meet.
type Failure struct {
	// Path is the dotted path of the field. For ReasonArray it names all fields
	// that must lie in one element.
	Path string `json:"path"`
	// Expected is what the pattern wants, in words: numeric > 100.
	Expected string `json:"expected"`
	// Actual is the value that comes nearest, as JSON, or what is there instead.
	Actual string `json:"actual"`
	Reason Reason `json:"reason"`
	// Hint is the likely fix; it may be empty.
	Hint string `json:"hint,omitempty"`
}

// String is the failure in one line: detail.total: 90, wanted numeric > 100.
func (f Failure) String() string {
	line := fmt.Sprintf("%s: %s, wanted %s", f.Path, f.Actual, f.Expected)
	if f.Hint != "" {
		line += " (" + f.Hint + ")"
	}
	return line
}

// Explain returns whether the pattern matches an event and, if it does not, which
// conditions fail and how. There is an error if the event is not one JSON object.
// It takes its time: use Match where only the answer counts.
func (p *Pattern) Explain(event []byte) (Explanation, error) {
	if matched, err := p.Match(event); err != nil || matched {
		return Explanation{Matched: matched, Nearness: 1}, err
	}
	set := compileKeepingAll(p)
	m := newMatcher(set)
	m.match(event, nil)
	m.event = event
	best := Explanation{Nearness: -1}
	for i := range set.conjs {
		if e := m.explain(&set.conjs[i]); e.Nearness > best.Nearness {
			best = e
		}
	}
	return best, nil
}

// compileKeepingAll builds a set whose walk keeps the value of every field.
func compileKeepingAll(p *Pattern) *Set {
	set := compile([]*Pattern{p})
	for i := range set.fields {
		set.fields[i].kept = true
	}
	set.nested = true
	return set
}

func (m *matcher) explain(conj *compiledConjunction) Explanation {
	var e Explanation
	score := 0.0
	for i := range conj.conds {
		failure, failed := m.failure(&conj.conds[i])
		if !failed {
			score++
			continue
		}
		score += credit[failure.Reason]
		e.Failures = append(e.Failures, failure)
	}
	if len(e.Failures) == 0 {
		e.Failures = []Failure{m.arrayFailure(conj)}
		score -= 1 - credit[ReasonArray]
	}
	e.Nearness = score / float64(len(conj.conds))
	return e
}

// failure returns how one condition fails by itself; false if it does not fail.
func (m *matcher) failure(cond *compiledCondition) (Failure, bool) {
	path := m.set.fields[cond.field].path
	f := Failure{Path: path, Expected: joinTests(cond.tests, " or "), Reason: ReasonAbsent}
	seen := m.fields[cond.field]
	if seen.epoch != m.epoch {
		if cond.absent {
			return f, false
		}
		f.Actual, f.Reason, f.Hint = describeAbsence(m.event, path)
		return f, true
	}
	best := -1.0
	for at := seen.first; at != 0; at = m.leaves[at].next {
		l := &m.leaves[at]
		if cond.matches(l) {
			return f, false
		}
		if reason, hint := compare(cond.tests, l, path); credit[reason] > best {
			best = credit[reason]
			f.Actual, f.Reason, f.Hint = l.String(), reason, hint
		}
	}
	// What must be absent fails only by what lies outside of arrays, or by every
	// element: that is for the conditions together.
	return f, true
}

// compare returns how near a value comes to passing one of the tests.
func compare(tests []test, l *leaf, path string) (Reason, string) {
	absence := true
	for i := range tests {
		t := &tests[i]
		absence = absence && t.op == opAbsent
		if retyped, ok := l.retyped(); ok && t.op != opAnythingBut && t.matches(&retyped) {
			if l.kind == kindString {
				return ReasonType, fmt.Sprintf("the event has %s in quotes, a string", l.text)
			}
			return ReasonType, fmt.Sprintf("the event has %s without quotes; the pattern has a string", l.text)
		}
	}
	for i := range tests {
		if t := tests[i].withoutCase(); t != nil && t.matches(l) {
			return ReasonCase, lastName(path) + " differs only in case"
		}
	}
	if absence {
		return ReasonPresent, ""
	}
	return ReasonValue, ""
}

func lastName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// retyped is the value with its quotes taken off or put on.
func (l *leaf) retyped() (leaf, bool) {
	if l.kind != kindString {
		return leaf{kind: kindString, text: l.text}, true
	}
	var other any
	if json.Unmarshal(l.text, &other) != nil {
		return leaf{}, false
	}
	text := []byte(strings.TrimSpace(string(l.text)))
	switch other.(type) {
	case float64:
		r := leaf{kind: kindNumber, text: text}
		r.decimal, _ = scanNumber(text, 0)
		return r, true
	case bool, nil:
		return leaf{kind: literalKind(text[0]), text: text}, true
	}
	return leaf{}, false
}

// withoutCase is the test for the same string in any case, if it is for a string.
func (t *test) withoutCase() *test {
	fold := map[op]op{opString: opEqualsFold, opPrefix: opPrefixFold, opSuffix: opSuffixFold}
	if loose, ok := fold[t.op]; ok {
		return &test{op: loose, more: &operand{fold: newFolded(t.text)}}
	}
	if t.op != opGlob {
		return nil
	}
	g := &glob{}
	for _, part := range t.more.glob.parts {
		g.parts = append(g.parts, string(appendFoldKey(nil, part)))
	}
	return &test{op: opGlobFold, more: &operand{glob: g}}
}

// arrayFailure is the failure of conditions that hold one by one, but not in the
// same element of an array.
func (m *matcher) arrayFailure(conj *compiledConjunction) Failure {
	f := Failure{Reason: ReasonArray, Actual: "met by different elements of an array",
		Hint: "conditions on one array of objects must hold in the same element"}
	var paths, wants []string
	for i := range conj.conds {
		cond := &conj.conds[i]
		if seen := m.fields[cond.field]; seen.epoch == m.epoch && m.leaves[seen.first].frame != 0 {
			paths = append(paths, m.set.fields[cond.field].path)
			wants = append(wants, joinTests(cond.tests, " or "))
		}
	}
	f.Path, f.Expected = strings.Join(paths, ", "), strings.Join(wants, " with ")
	return f
}

// describeAbsence returns what an event has where a path leads to no value.
func describeAbsence(event []byte, path string) (actual string, reason Reason, hint string) {
	var at any
	if json.Unmarshal(event, &at) != nil {
		return "absent", ReasonAbsent, ""
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		next, ok := object[name]
		if !ok {
			for key := range object {
				if strings.EqualFold(key, name) {
					return "absent", ReasonCase, fmt.Sprintf("the event has the key %q, which differs only in case", key)
				}
			}
			return "absent", ReasonAbsent, ""
		}
		at = next
	}
	switch at.(type) {
	case map[string]any:
		return "an object", ReasonAbsent, "only values count: name a field inside of it"
	case []any:
		return "an array without values", ReasonAbsent, "only values count"
	}
	return "absent", ReasonAbsent, ""
}
