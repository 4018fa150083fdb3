package targets

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of deliveries in a time; the zero Rate is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// UnmarshalText reads a rate: 300/s, 10/m, 5/h, or a number in any duration,
// 1000/10s. Empty means no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		*r = Rate{}
		return nil
	}
	number, per, ok := strings.Cut(s, "/")
	if !ok {
		return fmt.Errorf("rate %q: write a number and a time, such as 300/s or 10/m", s)
	}
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 1 {
		return fmt.Errorf("rate %q: %q is not a whole number of at least 1", s, number)
	}
	per = strings.TrimSpace(per)
	if per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per
	}
	d, err := time.ParseDuration(per)
	if err != nil || d <= 0 {
		return fmt.Errorf("rate %q: the time after the slash must be s, m, h or a duration such as 10s", s)
	}
	*r = Rate{N: n, Per: d}
	return nil
}

// MarshalText is the opposite of UnmarshalText.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the rate as it is written in a file; empty for no limit.
func (r Rate) String() string {
	switch {
	case r.IsZero():
		return ""
	case r.Per == time.Second:
		return strconv.Itoa(r.N) + "/s"
	case r.Per == time.Minute:
		return strconv.Itoa(r.N) + "/m"
	case r.Per == time.Hour:
		return strconv.Itoa(r.N) + "/h"
	}
	return strconv.Itoa(r.N) + "/" + r.Per.String()
}

// IsZero reports whether there is no limit.
func (r Rate) IsZero() bool { return r.N == 0 || r.Per == 0 }

// PerSecond is the rate in deliveries a second; 0 means no limit.
func (r Rate) PerSecond() float64 {
	if r.IsZero() {
		return 0
	}
	return float64(r.N) / r.Per.Seconds()
}
