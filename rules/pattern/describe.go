package pattern

import (
	"encoding/json"
	"strings"
)

// String returns what a test wants, in words for people: numeric > 100.
func (t *test) String() string {
	switch t.op {
	case opString, opAddress:
		return quote(t.text)
	case opNumber, opNumberText, opTrue, opFalse, opNull:
		return t.text
	case opPrefix:
		return "prefix " + quote(t.text)
	case opSuffix:
		return "suffix " + quote(t.text)
	case opEqualsFold:
		return "equals-ignore-case " + quote(t.text)
	case opPrefixFold:
		return "prefix equals-ignore-case " + quote(t.text)
	case opSuffixFold:
		return "suffix equals-ignore-case " + quote(t.text)
	case opGlob:
		return "wildcard " + quote(t.text)
	case opGlobFold:
		return "wildcard equals-ignore-case " + quote(t.text)
	case opRange:
		return "numeric " + t.more.rng.words
	case opCIDR:
		return "cidr " + quote(t.text)
	case opPresent:
		return "exists true"
	case opAbsent:
		return "exists false"
	case opAnythingBut:
		return "anything-but " + joinTests(t.more.tests, ", ")
	case opAllOf:
		return "all of " + joinTests(t.more.tests, " and ")
	}
	return "?"
}

func joinTests(tests []test, sep string) string {
	words := make([]string, len(tests))
	for i := range tests {
		words[i] = tests[i].String()
	}
	return strings.Join(words, sep)
}

// quote writes a string as JSON, without escaping for HTML.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes, and a Builder never fails
	return strings.TrimSuffix(b.String(), "\n")
}

// String is the value as JSON.
func (l *leaf) String() string {
	if l.kind == kindString {
		return quote(string(l.text))
	}
	return string(l.text)
}
