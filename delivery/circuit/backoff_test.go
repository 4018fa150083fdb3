package circuit

import (
	"testing"
	"time"

	"signalbox/targets"
)

func TestBackoffLiesBetweenItsBounds(t *testing.T) {
	cfg := targets.Retry{MinBackoff: time.Second, MaxBackoff: 10 * time.Second}
	for n, ceiling := range map[int]time.Duration{1: 2, 2: 4, 3: 8, 4: 10, 5: 10, 31: 10, 32: 10, 1000: 10} {
		shortest, longest := time.Hour, time.Duration(0)
		for range 2000 {
			wait := Backoff(cfg, n, 0)
			shortest, longest = min(shortest, wait), max(longest, wait)
		}
		if ceiling *= time.Second; longest > ceiling || longest < ceiling*9/10 {
			t.Errorf("attempt %d: the longest of 2000 waits is %v, want just under %v", n, longest, ceiling)
		}
		if shortest < cfg.MinBackoff || shortest > cfg.MinBackoff+ceiling/10 {
			t.Errorf("attempt %d: the shortest of 2000 waits is %v, want just over %v", n, shortest, cfg.MinBackoff)
		}
	}
	same := targets.Retry{MinBackoff: time.Second, MaxBackoff: time.Second}
	if wait := Backoff(same, 3, 0); wait != time.Second {
		t.Errorf("waits %v, want a second", wait)
	}
}
