package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// company writes the rules of a company: n of them in so many files, a target for each
// hundred, a condition in every fifth and a body of its own in every fourth.
func company(t testing.TB, n, files int) Source {
	dir := t.TempDir()
	var targets strings.Builder
	targets.WriteString("targets:\n")
	for i := range max(1, n/100) {
		fmt.Fprintf(&targets, "  service-%d: {type: http, url: \"http://127.0.0.1:9000/%d\", retry: {max_attempts: 5}}\n", i, i)
	}
	companyFile(t, dir, "targets.yaml", targets.String())
	for f := range files {
		companyRules(t, dir, n, files, f, "")
	}
	return Source{Globs: []string{"*.yaml"}, Dir: dir, Account: "000000000000", Region: "local"}
}

// companyRules writes one of the files.
func companyRules(t testing.TB, dir string, n, files, f int, mark string) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := f; i < n; i += files {
		fmt.Fprintf(&text, `  - name: rule-%d
    description: Orders of region %d go to a service%s.
    pattern:
      source: [shop.region-%d]
      detail-type: [OrderCreated, OrderChanged]
      detail:
        customer: {id: [c-%d], tier: [gold, silver]}
        total: [{numeric: [">", %d]}]
`, i, i%50, mark, i%500, i, i%1000)
		if i%5 == 0 {
			text.WriteString("    when: detail.total > detail.paid\n")
		}
		fmt.Fprintf(&text, "    targets:\n      - target: service-%d\n", i%max(1, n/100))
		if i%4 == 0 {
			text.WriteString("        input_transformer: {input_paths_map: {id: $.detail.customer.id}, input_template: '{\"customer\": <id>}'}\n")
		}
	}
	companyFile(t, dir, fmt.Sprintf("rules-%04d.yaml", f), text.String())
}

func companyFile(t testing.TB, dir, name, text string) {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkLoad loads rules for the first time. live-MiB is what the Set holds.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := company(b, n, n/100)
			before := live()
			var set *Set
			for b.Loop() {
				var err error
				if set, err = Load(src); err != nil || len(set.Rules) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(live()-before)/(1<<20), "live-MiB")
			runtime.KeepAlive(set)
		})
	}
}

// BenchmarkReload loads 10,000 rules of which those of one file in a thousand have changed.
func BenchmarkReload(b *testing.B) {
	src := company(b, 10_000, 1000)
	set, err := Load(src)
	if err != nil {
		b.Fatal(err)
	}
	before := live()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		companyRules(b, src.Dir, 10_000, 1000, 7, fmt.Sprint(" ", i))
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
}

// live returns the bytes of the heap that are in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
