package delivery

import (
	"math/rand/v2"
	"time"

	"signalbox/targets"
)

// backoff is how long to wait after a failed attempt, the n-th of its round:
// full jitter under an exponential that ends at MaxBackoff. What the target
// asked for is honoured where it is longer, up to MaxBackoff.
func backoff(cfg targets.Retry, n int, asked time.Duration) time.Duration {
	ceiling := cfg.MaxBackoff
	if n < 32 {
		if c := cfg.MinBackoff << (n - 1); c > 0 && c < ceiling {
			ceiling = c
		}
	}
	wait := time.Duration(0)
	if ceiling > 0 {
		wait = rand.N(ceiling)
	}
	return max(wait, min(asked, cfg.MaxBackoff))
}
