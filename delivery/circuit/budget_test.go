package circuit

import (
	"testing"
	"time"

	"signalbox/targets"
)

func TestRetryBudget(t *testing.T) {
	cfg := targets.RetryBudget{Ratio: 0.5, MinRate: targets.Rate{N: 2, Per: time.Second}}
	start := time.Unix(1_000_000, 0)
	// spend takes retries until one must wait, and gives how many did not.
	spend := func(b *Budget, now time.Time) (n int) {
		for b.Retry(now) == 0 {
			n++
		}
		return n
	}
	t.Run("a burst, and then the rate", func(t *testing.T) {
		b := NewBudget(cfg, start)
		if n := spend(&b, start); n != 20 {
			t.Errorf("%d retries at once, want ten seconds' worth", n)
		}
		if wait := b.Retry(start); wait != time.Second {
			t.Errorf("the next but one waits %v, want a second", wait)
		}
		if n := spend(&b, start.Add(3*time.Second)); n != 4 {
			t.Errorf("%d retries three seconds later, want the four that are left of six", n)
		}
	})
	t.Run("first attempts pay in", func(t *testing.T) {
		b := NewBudget(cfg, start)
		spend(&b, start)
		for range 12 {
			b.First()
		}
		if n := spend(&b, start); n != 5 {
			t.Errorf("%d retries, want half of twelve less the deficit of one", n)
		}
	})
	t.Run("the wait counts on the first attempts of late", func(t *testing.T) {
		b := NewBudget(cfg, start)
		for range 96 {
			b.First()
		}
		now := start.Add(2 * time.Second)
		spend(&b, now)
		if b.perSecond != 48 {
			t.Errorf("%v first attempts a second, want 48", b.perSecond)
		}
		b.tokens = -25
		if wait := b.Retry(now); wait != time.Second {
			t.Errorf("a deficit of 26 at 2 + 24 a second is a wait of %v, want a second", wait)
		}
	})
	t.Run("nothing is saved up without end", func(t *testing.T) {
		b := NewBudget(cfg, start)
		if n := spend(&b, start.Add(time.Hour)); n != 20 {
			t.Errorf("%d retries after an hour, want 20", n)
		}
	})
	t.Run("off", func(t *testing.T) {
		b := NewBudget(targets.RetryBudget{Off: true}, start)
		for range 1000 {
			if wait := b.Retry(start); wait != 0 {
				t.Fatalf("waits %v", wait)
			}
		}
	})
	t.Run("a clock that is set back", func(t *testing.T) {
		b := NewBudget(cfg, start)
		spend(&b, start)
		b.Retry(start.Add(-time.Hour))
		if n := spend(&b, start.Add(-time.Hour+5*time.Second)); n == 0 {
			t.Error("no retry for an hour")
		}
	})
}
