package pattern

import (
	"math"
	"math/bits"
	"strconv"
)

// decimal is a number as JSON spells it, without its sign: mantissa × 10^exp.
type decimal struct {
	mantissa uint64
	exp      int32
	// simple means that mantissa and exp hold the whole number: it has at most 19
	// digits and no exponent.
	simple bool
}

// scanNumber reads the number that begins at i and returns the position after it.
// It is on the hot path, so it leaves what is rare to others.
func scanNumber(b []byte, i int) (d decimal, end int) {
	if b[i] == '-' {
		i++
	}
	start, m := i, uint64(0)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		m = m*10 + uint64(b[i]-'0')
	}
	digits := i - start
	if i < len(b) && b[i] == '.' {
		i++
		start = i
		for i+8 <= len(b) {
			w := load(b, i)
			if !eightDigits(w) {
				break
			}
			m = m*1e8 + readEight(w)
			i += 8
		}
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			m = m*10 + uint64(b[i]-'0')
		}
		d.exp = int32(start - i)
		digits += i - start
	}
	d.mantissa, d.simple = m, digits <= 19
	if i < len(b) && b[i]|0x20 == 'e' {
		d.simple = false
		i = skipScalar(b, i)
	}
	return d, i
}

// eightDigits reports whether all bytes of w are digits.
func eightDigits(w uint64) bool {
	const high, six = 0xF0F0F0F0F0F0F0F0, 0x0606060606060606
	return w&high|(w+six)&high>>4 == 0x3333333333333333
}

// readEight is the number that eight digits spell: pairs, fours, then all.
func readEight(w uint64) uint64 {
	w = w & 0x0F0F0F0F0F0F0F0F * (10<<8 + 1) >> 8
	w = w & 0x00FF00FF00FF00FF * (100<<16 + 1) >> 16
	return w & 0x0000FFFF0000FFFF * (10_000<<32 + 1) >> 32
}

// comparableNumber reads a JSON number that a double holds exactly as it is
// written: whose shortest decimal form is the same number. Only such numbers can
// be compared; of all others the reference knows nothing but the text.
func comparableNumber(text []byte) (float64, bool) {
	d, _ := scanNumber(text, 0)
	f, ok := d.float(text)
	return f, ok && d.isShortest(f, text)
}

// float is the double nearest to the number that text spells; there is none for
// numbers too great.
func (d *decimal) float(text []byte) (float64, bool) {
	if d.simple && d.exp >= -19 {
		f := quotient(d.mantissa, -d.exp)
		if text[0] == '-' {
			f = 0 - f // minus nought is nought
		}
		return f, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f + 0, err == nil
}

// quotient is the double nearest to m / 10^k, for k up to 19.
func quotient(m uint64, k int32) float64 {
	if m < 1<<53 {
		return float64(m) / powersOfTen[k] // both are exact, so the nearest
	}
	// 64 bits of the quotient, the first of them set; 2^exp is what it was
	// shifted by. What is left over only matters for being there or not.
	d := wholePowersOfTen[k]
	shiftM, shiftD := bits.LeadingZeros64(m), bits.LeadingZeros64(d)
	m, d = m<<shiftM, d<<shiftD
	exp := shiftD - shiftM
	var q, left uint64
	if m < d {
		q, left = bits.Div64(m, 0, d)
		exp--
	} else {
		q, left = bits.Div64(m>>1, m<<63, d)
	}
	// A double holds 53 of them, rounded to the nearest, halves to even.
	const dropped = 11
	half, low := uint64(1)<<(dropped-1), q&(1<<dropped-1)
	q >>= dropped
	if low > half || low == half && (left != 0 || q&1 == 1) {
		q++
	}
	return float64(q) * math.Float64frombits(uint64(exp-52+1023)<<52)
}

// isShortest reports whether the number that text spells is the shortest form of its
// double, f.
func (d *decimal) isShortest(f float64, text []byte) bool {
	if d.simple && d.exp >= -22 {
		if d.mantissa < 1e15 {
			return true // at most 15 digits
		}
		// Where the last digit counts for more than the gap between doubles, no
		// two numbers of so many digits share a double.
		gap := math.Float64frombits((math.Float64bits(math.Abs(f))>>52 - 52) << 52)
		if 1/powersOfTen[-d.exp] > gap {
			return true
		}
	}
	mantissa, exp, ok := significant(text)
	switch {
	case !ok:
		return false
	case f == 0:
		return mantissa == 0 // else it was rounded away
	}
	// Of one digit alone the reference takes the nearest of two digits.
	switch math.Abs(f) {
	case 5e-324:
		return mantissa == 49 && exp == -325
	case 1e-323:
		return mantissa == 99 && exp == -325
	}
	var buf [32]byte
	shortest, shortestExp, _ := significant(strconv.AppendFloat(buf[:0], f, 'e', -1, 64))
	return mantissa == shortest && exp == shortestExp
}

// significant takes a number apart into its digits, without noughts before or
// after and without sign, and the power of ten of the last one. It fails where
// the digits are more than a uint64 surely holds, or the exponent fits no int32.
func significant(text []byte) (mantissa uint64, exp int, ok bool) {
	digits, noughts, point := 0, 0, 0 // noughts count once another digit follows
	for i, c := range text {
		switch {
		case c == '.':
			point = 1
		case c|0x20 == 'e':
			e, err := strconv.ParseInt(string(text[i+1:]), 10, 32)
			return mantissa, exp + noughts + int(e), err == nil && digits <= 19
		case c == '0':
			noughts++
			exp -= point
		case c != '-':
			exp -= point
			if digits > 0 {
				digits += noughts
				for ; noughts > 0 && digits <= 19; noughts-- {
					mantissa *= 10
				}
			}
			noughts = 0
			digits++
			mantissa = mantissa*10 + uint64(c-'0')
		}
	}
	return mantissa, exp + noughts, digits <= 19
}

var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

var wholePowersOfTen = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}
