package rules

import (
	"fmt"
	"runtime"
	"testing"

	"signalbox/rules/rulestest"
)

// company writes the rules of a company: n of them in so many files.
func company(t testing.TB, n, files int) (rulestest.Company, Source) {
	c := rulestest.Company{Dir: t.TempDir(), Rules: n, Files: files}
	c.Write(t)
	return c, Source{Globs: []string{"*.yaml"}, Dir: c.Dir, Account: "000000000000", Region: "local"}
}

// BenchmarkLoad loads rules for the first time. live-MiB is what the Set holds.
func BenchmarkLoad(b *testing.B) {
	for _, size := range []struct{ rules, files int }{{100, 1}, {1000, 10}, {10_000, 100}, {10_000, 1000}, {100_000, 1000}} {
		b.Run(fmt.Sprintf("rules=%d/files=%d", size.rules, size.files), func(b *testing.B) {
			_, src := company(b, size.rules, size.files)
			before := live()
			var set *Set
			for b.Loop() {
				var err error
				if set, err = Load(src); err != nil || len(set.Rules) != size.rules {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(live()-before)/(1<<20), "live-MiB")
			runtime.KeepAlive(set)
		})
	}
}

// BenchmarkReloadOneOf1000 loads rules of which those of one file in a thousand have changed.
func BenchmarkReloadOneOf1000(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			c, src := company(b, n, 1000)
			set, err := Load(src)
			if err != nil {
				b.Fatal(err)
			}
			before := live()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				c.WriteFile(b, 7, fmt.Sprint(" ", i))
				b.StartTimer()
				src.Previous = set
				next, err := Load(src)
				if err != nil || next.Revision == set.Revision {
					b.Fatal(err)
				}
				set = next
			}
			src.Previous = nil
			b.ReportMetric(float64(live()-before)/(1<<20), "grown-MiB")
			runtime.KeepAlive(set)
		})
	}
}

// live returns the bytes of the heap that are in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
