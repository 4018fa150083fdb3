//go:build linux

package yardstick

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"signalbox/targets/targetstest"
)

// size is how much a router has to do with: targets, of which every other is down where
// deliveries are pending, rules, of which an event meets one, and pending deliveries.
type size struct{ targets, rules, pending int }

// dimension is one way to grow: sizes from the least to the greatest.
type dimension struct {
	name  string
	sizes []size
	// grown is what grows.
	grown func(size) int
}

var dimensions = []dimension{
	{"targets", []size{{10, 1000, 0}, {100, 1000, 0}, {1000, 1000, 0}}, func(s size) int { return s.targets }},
	{"rules", []size{{10, 100, 0}, {10, 1000, 0}, {10, 10_000, 0}}, func(s size) int { return s.rules }},
	{"pending", []size{{10, 100, 10_000}, {10, 100, 100_000}, {10, 100, 1_000_000}}, func(s size) int { return s.pending }},
	{"all", []size{{10, 100, 10_000}, {100, 1000, 100_000}, {1000, 10_000, 1_000_000}}, func(s size) int { return s.rules }},
}

// BenchmarkGrowth measures how a start and the way in grow with each dimension, and with all at
// once, and prints a table with the exponents. An operation is a whole measurement: run it with
// -benchtime 1x.
func BenchmarkGrowth(b *testing.B) {
	buildRouter(b)
	for _, d := range dimensions {
		var all []grown
		for _, s := range d.sizes {
			b.Run(fmt.Sprintf("%s/targets=%d/rules=%d/pending=%d", d.name, s.targets, s.rules, s.pending), func(b *testing.B) {
				for range b.N {
					g := s.measure(b)
					g.report(b)
					b.ReportMetric(g.start, "start-s")
					b.ReportMetric(g.startCPU, "start-cpu-s")
					b.ReportMetric(g.settled, "settled-cpu-s")
					all = append(all, g)
				}
			})
		}
		if len(all) == len(d.sizes) { // else -bench has left some out
			d.print(os.Stdout, all)
		}
	}
}

// grown is what was measured of a size.
type grown struct {
	figures
	// start is how long the start took until the router was ready, startCPU the processor
	// time until then, both in seconds.
	start, startCPU float64
	// settled is how much processor time it took afterwards until it was idle: lanes read
	// what is pending.
	settled float64
}

// settle waits until a process is idle, and returns the processor time that it took, in seconds.
func settle(t testing.TB, pid int) float64 {
	t.Helper()
	const look, most = 250 * time.Millisecond, 20 * time.Second
	first := cpuTime(t, pid)
	for end, before := time.Now().Add(most), first; ; {
		time.Sleep(look)
		now := cpuTime(t, pid)
		if now-before < look/10 || time.Now().After(end) {
			return (now - first).Seconds()
		}
		before = now
	}
}

// loads returns the load of the measurement, and what fills the store; their sources are those of rules
// whose targets are well, and of rules whose targets are down.
func (s size) loads() (live, fill load) {
	live = load{batch: 10, size: 600, connections: 64, sources: s.rules, step: 2}
	fill = load{batch: 100, size: 300, connections: 16, sources: s.rules, step: 2, first: 1, array: true}
	return live, fill
}

// measure fills a store, starts a router with it, and measures the way in beside what is pending.
func (s size) measure(t testing.TB) grown {
	t.Helper()
	dir, address := t.TempDir(), targetstest.FreeAddress(t)
	for name, text := range map[string]string{
		"config.yaml": "listen: " + address + "\ndata_dir: ./data\nrules: [rules.yaml]\n",
		"rules.yaml":  s.ruleFile("http://" + targetstest.FreeAddress(t)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func() *exec.Cmd {
		return exec.Command(program, "serve", "--config", filepath.Join(dir, "config.yaml"))
	}
	live, fill := s.loads()
	if s.pending > 0 {
		cmd := command()
		start(t, cmd, address, "/readyz")
		fill.events = s.pending
		if _, err := fill.send(address, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("the router that was filled: %v", err)
		}
	}
	cmd, begin := command(), time.Now()
	to := start(t, cmd, address, "/readyz")
	g := grown{start: time.Since(begin).Seconds(), startCPU: cpuTime(t, to.pid).Seconds()}
	g.settled = settle(t, to.pid)
	to.ended = func() int { return deliveriesEnded(t, address) }
	g.figures = way{server: func(testing.TB, string) server { return to }, load: live, during: time.Second}.measure(t)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return g
}

// ruleFile returns a rule for each source. Targets write to logs; where deliveries are to be
// pending every other one is at an address that nobody listens at.
func (s size) ruleFile(down string) string {
	var text strings.Builder
	text.WriteString("targets:\n")
	for i := range s.targets {
		if s.pending > 0 && i%2 == 1 {
			fmt.Fprintf(&text, "  t%d: {type: http, url: %q}\n", i, down)
		} else {
			fmt.Fprintf(&text, "  t%d: {type: log, path: out-%d.log}\n", i, i)
		}
	}
	text.WriteString("rules:\n")
	for i := range s.rules {
		fmt.Fprintf(&text, "  - {name: r%d, pattern: {source: [app.s%d], detail: {paid: [true], amount: [{numeric: [\">\", 100]}]}}, targets: [t%d]}\n", i, i, i%s.targets)
	}
	return text.String()
}

// print writes what was measured of a dimension, and for each figure the exponent with which it
// grows from the least size to the greatest: 0 is not at all, 1 in proportion.
func (d dimension) print(out io.Writer, all []grown) {
	columns := []func(grown) float64{
		func(g grown) float64 { return g.start }, func(g grown) float64 { return g.startCPU }, func(g grown) float64 { return g.settled }, func(g grown) float64 { return g.peak },
		func(g grown) float64 { return g.rate }, func(g grown) float64 { return g.cpu }, func(g grown) float64 { return g.ackP99 },
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\ttargets\trules\tpending\tstart s\tstart CPU s\tuntil idle CPU s\tpeak MiB\tevents/s\tCPU s/100k\tack p99 ms\n", d.name)
	for i, g := range all {
		s := d.sizes[i]
		fmt.Fprintf(w, "\t%d\t%d\t%d", s.targets, s.rules, s.pending)
		for _, of := range columns {
			fmt.Fprintf(w, "\t%.2f", of(g))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "exponent\t\t\t")
	first, last := 0, len(all)-1
	for _, of := range columns {
		fmt.Fprintf(w, "\t%.2f", exponent(float64(d.grown(d.sizes[last]))/float64(d.grown(d.sizes[first])), of(all[last])/of(all[first])))
	}
	fmt.Fprintln(w)
	w.Flush()
}

// exponent returns e where a figure grows by a factor of n to the e while something grows by n.
func exponent(n, figure float64) float64 { return math.Log(figure) / math.Log(n) }

// source returns the source of the i-th event of a connection's requests.
func (l load) source(k, i int) int {
	if l.sources == 0 {
		return (k + i) % 10
	}
	return (l.first + cmp.Or(l.step, 1)*(k*l.batch+i)) % l.sources
}

func TestExponent(t *testing.T) {
	for _, tt := range []struct{ n, figure, want float64 }{{100, 1, 0}, {100, 100, 1}, {100, 10_000, 2}, {100, 10, 0.5}, {10, 0.1, -1}} {
		if got := exponent(tt.n, tt.figure); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%v times as much for %v times: %v, want %v", tt.figure, tt.n, got, tt.want)
		}
	}
}
