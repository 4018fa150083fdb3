package delivery

import (
	"testing"
	"time"

	"signalbox/targets"
)

func TestBackoffStaysUnderItsCeiling(t *testing.T) {
	cfg := targets.Retry{MinBackoff: time.Second, MaxBackoff: 10 * time.Second}
	for n, ceiling := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 31: 10, 32: 10, 1000: 10} {
		longest := time.Duration(0)
		for range 2000 {
			longest = max(longest, backoff(cfg, n, 0))
		}
		if ceiling *= time.Second; longest > ceiling || longest < ceiling*9/10 {
			t.Errorf("attempt %d: the longest of 2000 waits is %v, want just under %v", n, longest, ceiling)
		}
	}
}
