package pattern

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// The benchmarks of real data read it from the directory that SIGNALBOX_BENCH
// names: citylots-20k.jsonl.gz, citylots-patterns.json, and what
// `gen_scale.py 7 DIR` writes. Without them they are skipped.

func BenchmarkCityLots(b *testing.B) {
	events := readLines(b, sharedFile("SIGNALBOX_BENCH", "bench", "citylots-20k.jsonl.gz"))
	text, err := os.ReadFile(sharedFile("SIGNALBOX_BENCH", "bench", "citylots-patterns.json"))
	if err != nil {
		b.Fatal(err)
	}
	var groups map[string][]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		b.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text)) // again, for the order
	_, _ = d.Token()
	for d.More() {
		name, _ := d.Token()
		var skip json.RawMessage
		_ = d.Decode(&skip)
		var sources [][]byte
		for _, src := range groups[name.(string)] {
			sources = append(sources, src)
		}
		b.Run(name.(string), func(b *testing.B) { benchmarkMatch(b, sources, events) })
	}
}

func BenchmarkEnvelopes(b *testing.B) {
	sources := readLines(b, sharedFile("SIGNALBOX_BENCH", "bench", "scale-rules.jsonl"))
	for _, n := range []int{10, 1000, 10_000, 100_000} {
		events := readLines(b, sharedFile("SIGNALBOX_BENCH", "bench", fmt.Sprintf("scale-events-%d.jsonl", n)))
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchmarkMatch(b, sources[:n], events) })
	}
}

// BenchmarkSynthetic needs no files.
func BenchmarkSynthetic(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{10, 10_000} {
		var sources, events [][]byte
		for i := range n {
			sources = append(sources, fmt.Appendf(nil, `{"source":["shop.%d"],"detail-type":["Order %d"],"detail":{"sku":["s-%d"]}}`, i%50, i%20, i))
		}
		for range 1000 {
			i := r.IntN(2 * n)
			events = append(events, fmt.Appendf(nil, `{"version":"0","id":"%032x","detail-type":"Order %d","source":"shop.%d","account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-east-1","resources":[],"detail":{"note":"%s","items":[{"qty":%d,"price":9.5}],"sku":"s-%d"}}`,
				r.Uint64(), i%20, i%50, strings.Repeat("lorem ipsum ", r.IntN(40)), r.IntN(9), i))
		}
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchmarkMatch(b, sources, events) })
	}
}

// benchmarkMatch measures one event per operation. Beside it stands the same for
// encoding/json.Valid on the same events, as a yardstick that moves with the
// machine. Both are in processor time, which others on the machine disturb least.
func benchmarkMatch(b *testing.B, sources, events [][]byte) {
	var patterns []*Pattern
	for _, src := range sources {
		p, err := Parse(src, Options{})
		if err != nil {
			b.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	set, err := Compile(patterns)
	if err != nil {
		b.Fatal(err)
	}
	var dst []int
	b.ReportAllocs()
	n, before := 0, cpuTime()
	for b.Loop() {
		dst = set.Match(events[n%len(events)], dst[:0])
		n++
	}
	matching := perEvent(cpuTime()-before, n)
	b.StopTimer()
	n = max(n/4, 1000)
	before = cpuTime()
	for i := range n {
		json.Valid(events[i%len(events)])
	}
	validating := perEvent(cpuTime()-before, n)
	b.ReportMetric(matching*1e9, "cpu-ns/op")
	b.ReportMetric(validating/matching, "x-json.Valid")
}

// perEvent is the time of one event in seconds.
func perEvent(total time.Duration, n int) float64 { return total.Seconds() / float64(n) }

func readLines(tb testing.TB, file string) [][]byte {
	f, err := os.Open(file)
	if err != nil {
		tb.Skipf("SKIPPED, not run: %v", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			tb.Fatal(err)
		}
	}
	var lines [][]byte
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, bytes.Clone(s.Bytes()))
	}
	if err := s.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}
