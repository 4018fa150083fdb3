package circuit

import (
	"math/rand/v2"
	"time"

	"signalbox/targets"
)

// Backoff returns how long to wait after a failed attempt, the n-th of its round: a random
// time from MinBackoff to a ceiling that doubles with each attempt, up to MaxBackoff.
// What the target asked for is honoured where it is longer, up to MaxBackoff.
func Backoff(cfg targets.Retry, n int, asked time.Duration) time.Duration {
	ceiling := cfg.MaxBackoff
	if n < 32 {
		if c := cfg.MinBackoff << n; c > 0 && c < ceiling {
			ceiling = c
		}
	}
	wait := min(cfg.MinBackoff, ceiling)
	if ceiling > wait {
		wait += rand.N(ceiling - wait)
	}
	return max(wait, min(asked, cfg.MaxBackoff))
}
