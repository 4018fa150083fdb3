package delivery

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// after returns the allowance that so many looks leave, each with so much live traffic.
func (a allowance) after(looks int, live uint64, short bool) allowance {
	for range looks {
		a = a.next(live, short, yieldEvery)
	}
	return a
}

func TestAllowance(t *testing.T) {
	full := allowance{rate: fullRate}
	second := int(time.Second / yieldEvery)
	for _, c := range []struct {
		name        string
		got         allowance
		least, most float64
	}{
		{"one live event ends that at once", full.next(1, false, yieldEvery), leastBeside, leastBeside},
		{"a burst of live events too", full.next(500, true, yieldEvery), leastRate, 500},
		{"much live traffic allows as much again", full.after(5*second, 50, false), 0.9 * 5000, 5100},
		{"little allows the least", full.after(5*second, 1, false), leastBeside, leastBeside},
		{"processors that are short leave almost nothing", full.after(second, 50, true), leastRate, leastRate},
		{"and more again once they are not", full.after(second, 50, true).after(5*second, 50, false), 0.9 * 5000, 5100},
		{"live traffic that ends a little ago leaves more", full.after(second, 1, false).after(second/2, 0, false), 3 * leastBeside, 5 * leastBeside},
		{"live traffic that ends leaves all", full.after(second, 50, true).after(4*second, 0, true), fullRate, fullRate},
		{"an event a second leaves some hundreds", full.after(second, 1, false).after(second, 0, false), leastBeside, 20 * leastBeside},
		{"a look that is late counts as one", full.next(10, false, 5*time.Second), leastBeside, leastBeside},
	} {
		if c.got.rate < c.least || c.got.rate > c.most || math.IsNaN(c.got.live) {
			t.Errorf("%s: got %+v, want a rate of %v to %v", c.name, c.got, c.least, c.most)
		}
	}
}

// takes takes n deliveries at a time for as long as it is told to, and returns how many went.
func (y *Yield) takes(n float64, during time.Duration) (went float64) {
	for end := time.Now().Add(during); time.Now().Before(end); {
		if wait := y.Take(n, time.Now()); wait > 0 {
			time.Sleep(wait)
			continue
		}
		if went += n; math.IsInf(y.Rate(), 1) {
			time.Sleep(time.Microsecond)
		}
	}
	return went
}

func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live atomic.Uint64
		y := NewYield(live.Load, func() bool { return false })
		defer y.Join()()
		if rate := y.Rate(); !math.IsInf(rate, 1) {
			t.Errorf("it begins with a rate of %v", rate)
		}
		done := make(chan struct{})
		go func() { // 100 live events a second
			for tick := time.NewTicker(yieldEvery); ; live.Add(1) {
				select {
				case <-done:
					tick.Stop()
					return
				case <-tick.C:
				}
			}
		}()
		time.Sleep(20 * time.Millisecond)
		for _, n := range []float64{1, 100} { // one by one, and in batches
			if went := y.takes(n, 10*time.Second); went < 9.5*leastBeside || went > 10.5*leastBeside {
				t.Errorf("beside live traffic %v deliveries went in ten seconds, %v at a time", went, n)
			}
		}
		close(done)
		time.Sleep(3 * time.Second)
		if wait := y.Take(1, time.Now()); wait > 0 || !math.IsInf(y.Rate(), 1) {
			t.Errorf("after live traffic: wait %v at %v", wait, y.Rate())
		}
	})
}

// TestYieldIsNotLookedFor looks at live traffic only while a replay is at work.
func TestYieldIsNotLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		y := NewYield(func() uint64 { looks.Add(1); return 0 }, func() bool { return false })
		if wait := y.Take(1, time.Now()); wait > 0 { // a lane whose replay can't be read
			t.Errorf("the first waits for %v", wait)
		}
		first, second := y.Join(), y.Join()
		time.Sleep(time.Second)
		first()
		before := looks.Load()
		time.Sleep(time.Second)
		if before == 0 || looks.Load() == before {
			t.Errorf("%d looks for two replays, %d more for one", before, looks.Load()-before)
		}
		second()
		before = looks.Load()
		time.Sleep(time.Hour)
		if n := looks.Load() - before; n != 0 {
			t.Errorf("%d looks without a replay", n)
		}
		third := y.Join()
		time.Sleep(time.Second)
		third()
		if looks.Load() == before {
			t.Error("a later replay is not looked for")
		}
	})
}
