package replay

import (
	"math"
	"testing"
	"time"
)

func TestPacing(t *testing.T) {
	for _, c := range []struct {
		rate float64
		room int
		want pacing
	}{
		{math.Inf(1), 1024, pacing{1024, time.Second}},
		{1e6, 1024, pacing{1024, time.Second + 2048*time.Microsecond}},
		{2000, 1024, pacing{500, 1500 * time.Millisecond}},
		{100, 1024, pacing{64, 2280 * time.Millisecond}},
		{0.5, 1024, pacing{64, 257 * time.Second}},
		{100, 10, pacing{10, 1200 * time.Millisecond}}, // of a lane with little room
	} {
		if got := pacingAt(c.rate, c.room); got != c.want {
			t.Errorf("%v a second with room for %d: got %+v, want %+v", c.rate, c.room, got, c.want)
		}
	}
}
