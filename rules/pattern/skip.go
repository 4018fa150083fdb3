package pattern

import (
	"encoding/binary"
	"math/bits"
)

// The functions here move over valid JSON without looking at it, eight bytes at
// a time: most of an event is of no interest to any rule.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// zeros marks the zero bytes of w in their highest bits. Marks above the lowest
// one may be wrong.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// quotes marks the quotes and backslashes of w, like zeros.
func quotes(w uint64) uint64 { return zeros(w^('"'*ones)) | zeros(w^('\\'*ones)) }

// skipSpace is the position of the first byte from i on that is not white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// stringEnd is the position of the quote that closes the string whose inside
// begins at i, and whether there is a backslash before it.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(b) {
			if m := quotes(load(b, i)); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for b[i] != '"' && b[i] != '\\' {
			i++
		}
		if b[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
}

// skipString is the position after the string whose inside begins at i.
func skipString(b []byte, i int) int {
	end, _ := stringEnd(b, i)
	return end + 1
}

// skipScalar is the position after the number or literal that i lies in.
func skipScalar(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

// skipValue is the position after the value that begins at i.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i+1)
	case '{', '[':
		return skipContainer(b, i+1)
	}
	return skipScalar(b, i+1)
}

// skipContainer is the position after the bracket that closes the object or array
// whose inside begins at i. It counts the brackets of eight bytes at once, without
// a branch for each string: strings are short, and the branches would be guessed
// wrong.
func skipContainer(b []byte, i int) int {
	depth := 1
	for {
		inside := uint64(0) // all ones within a string
		for ; i+8 <= len(b); i += 8 {
			w := load(b, i)
			quote := zeroBytes(w ^ '"'*ones)
			// Byte k of the product counts the quotes up to there: odd is inside.
			within := (quote*ones ^ inside) & ones
			open := zeroBytes((w|0x20*ones)^'{'*ones) &^ within
			closed := zeroBytes((w|0x20*ones)^'}'*ones) &^ within
			if zeros(w^'\\'*ones) != 0 || bits.OnesCount64(closed) >= depth {
				break
			}
			depth += bits.OnesCount64(open) - bits.OnesCount64(closed)
			inside = -(within >> 56)
		}
		if inside != 0 {
			i = skipString(b, i)
		}
		// An escape, perhaps the end of the container, or the end of the event:
		// byte by byte past it.
		for stop := i + 8; i < stop; i++ {
			switch b[i] {
			case '"':
				i = skipString(b, i+1) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
}

// zeroBytes has a 1 in every byte that is zero in w, and 0 in all others.
func zeroBytes(w uint64) uint64 {
	return ^((w&^highs + ^uint64(highs)) | w | ^uint64(highs)) >> 7
}
