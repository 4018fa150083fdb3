package cli

import (
	"strconv"
	"strings"

	"signalbox/targets"
)

// RateFlag reads the flag --rate: deliveries a second; a number alone is that, and nothing no
// bound.
func RateFlag(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > 0 && n < 1e9 {
			return n, nil
		}
		return 0, WrongUsage("--rate %q: must be more than 0", text)
	}
	var rate targets.Rate
	if err := rate.UnmarshalText([]byte(text)); err != nil {
		return 0, WrongUsage("--rate: %s", strings.TrimPrefix(err.Error(), "rate "))
	}
	return float64(rate.N) / rate.Per.Seconds(), nil
}
