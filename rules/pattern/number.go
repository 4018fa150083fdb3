package pattern

import (
	"math"
	"strconv"
	"strings"
)

// comparableNumber reads a JSON number that a double holds exactly as it is
// written: whose shortest decimal form is the same number. Only such numbers can
// be compared; of all others the reference knows nothing but the text.
func comparableNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, false
	}
	digits, exp := decimal(text)
	if len(digits) == 0 {
		return 0, exp != exponentOverflow // minus nought is nought
	}
	var buf [32]byte
	shortest := strconv.AppendFloat(buf[:0], math.Abs(f), 'e', -1, 64)
	sdigits, sexp := decimal(string(shortest))
	if sdigits == digits && sexp == exp {
		return f, f != 5e-324 && f != 1e-323
	}
	// Of one-digit forms the reference takes the nearest of two digits instead.
	return f, f != 0 && (sameDecimal(digits, exp, "49", -325) || sameDecimal(digits, exp, "99", -325))
}

func sameDecimal(d1 string, e1 int, d2 string, e2 int) bool { return d1 == d2 && e1 == e2 }

// exponentOverflow is the exponent of numbers whose exponent fits no int32.
const exponentOverflow = math.MinInt

// decimal takes a JSON number apart into its significant digits, without
// leading or trailing noughts, and the power of ten of the last digit.
func decimal(text string) (digits string, exp int) {
	text = strings.TrimPrefix(text, "-")
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(text[i+1:], 10, 32)
		if err != nil {
			return "", exponentOverflow
		}
		exp, text = int(e), text[:i]
	}
	if i := strings.IndexByte(text, '.'); i >= 0 {
		exp -= len(text) - i - 1
		text = text[:i] + text[i+1:]
	}
	text = strings.TrimLeft(text, "0")
	digits = strings.TrimRight(text, "0")
	return digits, exp + len(text) - len(digits)
}
