package pattern

import (
	"math"
	"strconv"
)

// comparableNumber reads a JSON number that a double holds exactly as it is
// written: whose shortest decimal form is the same number. Only such numbers can
// be compared; of all others the reference knows nothing but the text.
func comparableNumber[T []byte | string](text T) (float64, bool) {
	d := readDecimal(text)
	switch {
	case d.digits == 0:
		return 0, !d.overflow // minus nought is nought
	case d.digits > maxShortest || d.overflow:
		return 0, false
	}
	f := nearest(&d, text)
	if math.IsInf(f, 0) {
		return 0, false
	}
	return f, d.isShortest(f)
}

// maxShortest is the most digits that the shortest form of a double can have.
const maxShortest = 17

// decimal is a JSON number: mantissa × 10^exp, without trailing noughts.
type decimal struct {
	negative bool
	mantissa uint64 // of the first 17 digits
	digits   int    // significant digits
	exp      int
	overflow bool // the exponent fits no int32
}

func readDecimal[T []byte | string](text T) decimal {
	var d decimal
	i := 0
	if text[0] == '-' {
		d.negative = true
		i++
	}
	point, noughts := false, 0 // noughts that count once another digit follows
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if point {
			d.exp--
		}
		if c == '0' {
			noughts++
			continue
		}
		if d.digits == 0 {
			noughts = 0 // they led
		}
		for ; noughts > 0; noughts-- {
			d.push(0)
		}
		d.push(uint64(c - '0'))
	}
	d.exp += noughts
	if i < len(text) {
		e, err := strconv.ParseInt(string(text[i+1:]), 10, 32)
		d.exp += int(e)
		d.overflow = err != nil
	}
	return d
}

func (d *decimal) push(digit uint64) {
	if d.digits++; d.digits <= maxShortest {
		d.mantissa = d.mantissa*10 + digit
	}
}

// nearest is the double nearest to the number that text spells.
func nearest[T []byte | string](d *decimal, text T) float64 {
	// Where the mantissa and the power of ten are exact as doubles, one operation
	// rounds once, to the nearest.
	if d.mantissa < 1<<53 && -22 <= d.exp && d.exp <= 22 {
		f := float64(d.mantissa)
		if d.negative {
			f = -f
		}
		if d.exp < 0 {
			return f / powersOfTen[-d.exp]
		}
		return f * powersOfTen[d.exp]
	}
	f, _ := strconv.ParseFloat(string(text), 64)
	return f
}

// isShortest says whether the number is the shortest form of f, its double.
func (d *decimal) isShortest(f float64) bool {
	f = math.Abs(f)
	if f > 1e-290 && f < 1e290 {
		if d.digits <= 15 {
			return true
		}
		// Where the last digit counts for more than the gap between doubles, no
		// two numbers of so many digits share a double.
		gap := math.Float64frombits((math.Float64bits(f)>>52 - 52) << 52)
		if -22 <= d.exp && d.exp < 0 && 1/powersOfTen[-d.exp] > gap {
			return true
		}
	}
	if f < 1e-323 {
		// Of one digit alone the reference takes the nearest of two digits.
		return f != 0 && (d.mantissa == 49 && d.exp == -325 || d.mantissa == 99 && d.exp == -325)
	}
	var buf [32]byte
	shortest := readDecimal(strconv.AppendFloat(buf[:0], f, 'e', -1, 64))
	return shortest.mantissa == d.mantissa && shortest.exp == d.exp
}

var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
