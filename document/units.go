package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads what time.ParseDuration reads, and d and w for days of 24
// hours and weeks in front of it: 7d, 1d12h. Negative durations are errors.
func ParseDuration(text string) (time.Duration, error) {
	fault := fmt.Errorf("%q is no duration; write a number and its unit, such as 500ms, 30s, 5m, 24h or 7d", text)
	if strings.ContainsAny(text, "+-") {
		return 0, fault
	}
	var total time.Duration
	rest := text
	for _, unit := range []struct {
		letter byte
		length time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		n := digits(rest)
		if n == 0 || n == len(rest) || rest[n] != unit.letter {
			continue
		}
		count, err := strconv.ParseInt(rest[:n], 10, 64)
		if err != nil || count > int64((math.MaxInt64-total)/unit.length) {
			return 0, fault
		}
		total += time.Duration(count) * unit.length
		rest = rest[n+1:]
	}
	if rest == "" && text != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > math.MaxInt64-total {
		return 0, fault
	}
	return total + d, nil
}

// FormatDuration writes a duration as ParseDuration reads it, in the largest
// units that leave no zeros: 7d, 24h, 1m30s.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Size is a number of bytes, written with or without a unit: 512, 512KB,
// 1MiB, 10GiB.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads a size. Fractions, such as 1.5GiB, are allowed where the
// result is whole.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for _, unit := range sizeUnits {
		if before, ok := strings.CutSuffix(number, unit.suffix); ok {
			number, factor = strings.TrimRight(before, " "), unit.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	bytes := f * float64(factor)
	if err != nil || !IsNumber(number) || bytes < 0 || bytes != math.Trunc(bytes) || bytes > 1<<53 {
		return fmt.Errorf("%q is no size; write a number and its unit, such as 512KB, 1MiB or 10GiB", text)
	}
	*s = Size(bytes)
	return nil
}

// String writes the size in the largest unit of 1024 that divides it.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if unit := sizeUnits[i]; s != 0 && int64(s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText is the opposite of UnmarshalText.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Percent is a part of a whole, in hundredths: 1 is 1 %.
type Percent float64

// UnmarshalText reads a part such as 1%, 0.5% or 100%.
func (p *Percent) UnmarshalText(text []byte) error {
	number := strings.TrimRight(strings.TrimSuffix(string(text), "%"), " ")
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !IsNumber(number) || number == string(text) || f < 0 || f > 100 {
		return fmt.Errorf("%q is no part of a whole; write a percentage from 0%% to 100%%, such as 1%% or 0.5%%", text)
	}
	*p = Percent(f)
	return nil
}

// String writes the part as UnmarshalText reads it.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// MarshalText is the opposite of UnmarshalText.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
