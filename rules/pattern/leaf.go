package pattern

import "math"

// kind is what a leaf of an event is.
type kind uint8

const (
	kindString kind = iota
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// leaf is one value of an event: a string, number, true, false or null.
type leaf struct {
	// text is the decoded string, or the value as written.
	text    []byte
	decimal decimal // of a number
	value   float64 // the number's double, once it has been asked for
	frame   int32   // the innermost element of an array that holds the leaf; 0 if none
	next    int32   // the next leaf of the same field, or 0
	kind    kind
	known   known
}

// known is what has been worked out of a number so far. Most numbers pass no
// test, so whether they are comparable is asked last.
type known uint8

const (
	knownNothing known = iota
	knownValue
	knownComparable
	knownIncomparable
)

// number is the double nearest to a number, NaN if there is none. A test that it
// passes counts only if the number is comparable.
func (l *leaf) number() float64 {
	if l.known == knownNothing {
		value, ok := l.decimal.float(l.text)
		l.value, l.known = value, knownValue
		if !ok {
			l.value, l.known = math.NaN(), knownIncomparable
		}
	}
	return l.value
}

// comparable reports whether the number can be compared; see comparableNumber.
func (l *leaf) comparable() bool {
	if l.known <= knownValue {
		value := l.number()
		if l.known == knownValue {
			l.known = knownIncomparable
			if l.decimal.isShortest(value, l.text) {
				l.known = knownComparable
			}
		}
	}
	return l.known == knownComparable
}
