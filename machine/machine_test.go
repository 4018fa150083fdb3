package machine

import (
	"math"
	"sync"
	"testing"
)

func TestShareMemory(t *testing.T) {
	const gib = 1 << 30
	for name, test := range map[string]struct {
		available uint64
		limit     int64
		want      float64
	}{
		"a machine":                     {available: 10 * gib, limit: math.MaxInt64, want: 6 * gib},
		"GOMEMLIMIT is less":            {available: 10 * gib, limit: gib, want: gib},
		"GOMEMLIMIT is more":            {available: gib, limit: 10 * gib, want: 0.6 * gib},
		"nobody knows":                  {limit: math.MaxInt64, want: 1.2 * gib},
		"a control group without limit": {available: math.MaxUint64, limit: math.MaxInt64, want: 1.2 * gib},
	} {
		t.Run(name, func(t *testing.T) {
			if got := defaultMemory(test.available, test.limit); math.Abs(float64(got)-test.want) > 1 {
				t.Errorf("%d, want %.0f", got, test.want)
			}
		})
	}
	for _, total := range []int64{64 << 20, 480 << 20, 8 << 30} {
		m := ShareMemory(total)
		if parts := m.Lanes + m.Bodies + m.Work; m.Total != total || m.Lanes < 5<<20 || parts > total {
			t.Errorf("of %d: %+v", total, m)
		}
	}
	if m := ShareMemory(0); m.Total <= 0 || uint64(m.Total) > available() {
		t.Errorf("this machine has %d bytes, and gets %+v", available(), m)
	}
}

func TestShareFiles(t *testing.T) {
	much := ShareMemory(8 << 30)
	for _, total := range []int{32, 128, 256, 1024, 4096, 20_000, 1 << 20} {
		f := ShareFiles(total, much)
		if f.Store < leastStoreFiles || f.Connections < leastEach || f.Targets < leastEach || f.Connections > mostConnections {
			t.Errorf("of %d: %+v", total, f)
		}
		if sum := f.Store + f.Connections + f.Targets + ownFiles; total >= 256 && sum > total {
			t.Errorf("of %d: %+v are %d", total, f, sum)
		}
	}
	if f := ShareFiles(1<<20, ShareMemory(480<<20)); f.Connections != 480<<20/connectionMemory {
		t.Errorf("with little memory: %+v", f)
	}
	if FileLimit() <= 0 {
		t.Error("no files at all")
	}
}

func TestAccount(t *testing.T) {
	a := NewAccount(100)
	if !a.Take(80, 90) || a.Take(20, 90) || !a.Take(20, 100) || a.Take(1, 1000) {
		t.Errorf("%d in use", a.Used())
	}
	a.Give(100)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if a.Take(30, 100) {
					if used := a.Used(); used < 30 {
						t.Errorf("%d in use, and 30 taken", used)
					}
					a.Give(30)
				}
			}
		})
	}
	wg.Wait()
	if a.Used() != 0 || a.Limit() != 100 {
		t.Errorf("%d of %d in use at the end", a.Used(), a.Limit())
	}
}
