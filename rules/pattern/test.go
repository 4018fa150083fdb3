package pattern

import (
	"math"
	"net/netip"
	"strings"
)

// op is what a test does with a value.
type op uint8

const (
	opString     op = iota // the string is text
	opAddress              // the string is an IP address: prefix
	opNumber               // the number is num
	opNumberText           // the number is written as text (num cannot hold it)
	opTrue
	opFalse
	opNull
	opPrefix      // the string begins with text
	opSuffix      // the string ends with text
	opEqualsFold  // the string is fold, whatever the case
	opPrefixFold  // the string begins with fold, whatever the case
	opSuffixFold  // the string ends with fold, whatever the case
	opGlob        // the string fits glob
	opGlobFold    // the string fits glob, whatever the case (an extension)
	opRange       // the number is in rng
	opCIDR        // the string is an IP address inside prefix
	opPresent     // exists: true
	opAbsent      // exists: false
	opAnythingBut // no test of but holds for the value
	opAllOf       // every test of all holds for the value (an extension)
)

// test is one alternative of a condition: an operator and its operand.
type test struct {
	op op
	// offset is where the test begins in the pattern's source.
	offset int32
	text   string  // the operand's text, as written where it is a number
	num    float64 // opNumber
	more   *operand
}

// operand is what does not fit into a test, as few tests need it.
type operand struct {
	fold   *folded
	glob   *glob
	rng    numberRange
	prefix netip.Prefix
	tests  []test // opAnythingBut: any of them forbids; opAllOf: all of them must hold
	// strings are the tests of a long anything-but of plain strings.
	strings map[string]bool
}

// numberRange is an interval; open ends do not include their bound.
type numberRange struct {
	low, high         float64
	lowOpen, highOpen bool
	// words are the operators as written: "> 1 and < 5".
	words string
}

func (r *numberRange) contains(f float64) bool {
	return (f > r.low || f == r.low && !r.lowOpen) && (f < r.high || f == r.high && !r.highOpen)
}

// matches reports whether the test holds for a leaf. It is the meaning of every
// operator in one place; the index of a set only finds the tests worth asking.
func (t *test) matches(l *leaf) bool {
	switch t.op {
	case opTrue:
		return l.kind == kindTrue
	case opFalse:
		return l.kind == kindFalse
	case opNull:
		return l.kind == kindNull
	case opPresent:
		return true
	case opAbsent:
		return false
	case opNumber, opNumberText, opRange:
		return t.matchesNumber(l)
	case opAnythingBut:
		if t.more.strings != nil {
			return l.kind != kindString || !t.more.strings[string(l.text)]
		}
		return !anyMatches(t.more.tests, l)
	case opAllOf:
		for i := range t.more.tests {
			if !t.more.tests[i].matches(l) {
				return false
			}
		}
		return true
	}
	return l.kind == kindString && t.matchesString(l.text)
}

func anyMatches(tests []test, l *leaf) bool {
	for i := range tests {
		if tests[i].matches(l) {
			return true
		}
	}
	return false
}

func (t *test) matchesNumber(l *leaf) bool {
	if l.kind != kindNumber {
		return false
	}
	if t.op == opNumberText {
		return string(l.text) == t.text
	}
	value := l.number()
	if t.op == opNumber {
		return value == t.num && l.comparable()
	}
	return t.more.rng.contains(value) && l.comparable()
}

func (t *test) matchesString(s []byte) bool {
	switch t.op {
	case opString:
		return string(s) == t.text
	case opAddress, opCIDR:
		addr, ok := parseAddress(s)
		return ok && t.more.prefix.Contains(addr)
	case opPrefix:
		return hasPrefix(s, t.text)
	case opSuffix:
		return hasSuffix(s, t.text)
	case opEqualsFold:
		return t.more.fold.matchWhole(s)
	case opPrefixFold:
		return t.more.fold.matchPrefix(s) >= 0
	case opSuffixFold:
		return t.more.fold.matchSuffix(s)
	case opGlob:
		return t.more.glob.match(s)
	case opGlobFold:
		return t.more.glob.match(appendFoldKey(nil, s))
	}
	return false
}

// newGlob reads a wildcard. The position in the error counts from the quote
// before the text, as the reference's does.
func newGlob(text string) (g *glob, problem string, pos int) {
	g = &glob{}
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			if i+1 < len(text) && text[i+1] == '*' {
				return nil, "Consecutive wildcard characters", i + 1
			}
			g.parts = append(g.parts, part.String())
			part.Reset()
		case '\\':
			if i+1 == len(text) || text[i+1] != '*' && text[i+1] != '\\' {
				return nil, "Invalid escape character", i + 1
			}
			i++
			part.WriteByte(text[i])
		default:
			part.WriteByte(c)
		}
	}
	g.parts = append(g.parts, part.String())
	return g, "", 0
}

// everything is the range of all numbers that a double holds.
var everything = numberRange{low: -math.MaxFloat64, high: math.MaxFloat64}
