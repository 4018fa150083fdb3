//go:build linux

// Package yardstick measures the whole way of events, from producers to targets, beside
// yardsticks: servers that do a part of the router's work, in the same minutes. It has
// tests alone.
package yardstick

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// way is one thing that is measured.
type way struct {
	name   string
	server func(t testing.TB, sink string) server
	load   load
	// copies is how often the sink gets each event; 0 for a server that delivers to none.
	copies int
	during time.Duration
}

var (
	tens   = load{batch: 10, size: 600, connections: 64}
	single = load{batch: 1, size: 600, connections: 64}
	large  = load{batch: 1, size: 1_000_000, connections: 16}
	arrays = load{batch: 10, size: 600, connections: 64, array: true}
	steady = load{batch: 10, size: 600, connections: 64, rate: 10_000}
)

const (
	toHTTP  = `{type: http, url: "%s"}`
	toBatch = `{type: http, url: "%s", batch: {max_events: 100}}`
	toLog   = `{type: log, path: out.log}`
)

// ways are in an order in which those that are compared stand together. Where delivery may
// fall behind, less is sent, as it has to be waited for.
var ways = []way{
	{"discard", strawman(discards), tens, 0, time.Second},
	{"http:strawman-nethttp", strawman(netHTTP), tens, 1, time.Second},
	{"http:strawman-raw", strawman(rawHTTP), tens, 1, time.Second},
	{"http:router", router(toHTTP, 1), tens, 1, time.Second},
	{"http-batch-100:router", router(toBatch, 1), tens, 1, time.Second},
	{"http-fanout-10:router", router(toHTTP, 10), tens, 10, time.Second / 4},
	{"log:strawman", strawman(logs), tens, 0, 2 * time.Second},
	{"log:router", router(toLog, 1), tens, 0, 2 * time.Second},
	{"log-array:router", router(toLog, 1), arrays, 0, 2 * time.Second},
	{"discard-single", strawman(discards), single, 0, time.Second},
	{"log-single:strawman", strawman(logs), single, 0, 2 * time.Second},
	{"log-single:router", router(toLog, 1), single, 0, 2 * time.Second},
	{"log-1MB:strawman", strawman(logs), large, 0, time.Second},
	{"log-1MB:router", router(toLog, 1), large, 0, time.Second},
	{"http-10000-a-second:strawman-nethttp", strawman(netHTTP), steady, 1, 2 * time.Second},
	{"http-10000-a-second:strawman-raw", strawman(rawHTTP), steady, 1, 2 * time.Second},
	{"http-10000-a-second:router", router(toHTTP, 1), steady, 1, 2 * time.Second},
}

// roundsVariable says how often all is measured; defaultRounds in its absence.
const (
	roundsVariable = "YARDSTICK_ROUNDS"
	defaultRounds  = 2
	// limit is how long all rounds may take, where their number is not given.
	limit = 170 * time.Second
)

// BenchmarkWholeWay measures each way once in a round, so that drifts of the machine meet
// all of them, and prints the ratios of each round's neighbours. An operation is a whole
// measurement: run it with -benchtime 1x.
func BenchmarkWholeWay(b *testing.B) {
	rounds, given := defaultRounds, os.Getenv(roundsVariable)
	if given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 {
			b.Fatalf("%s is %q, not a number of rounds", roundsVariable, given)
		}
		rounds = n
	}
	buildRouter(b)
	var all report
	begin := time.Now()
	for round := range rounds {
		if given == "" && round > 0 && time.Since(begin)*time.Duration(round+1)/time.Duration(round) > limit {
			b.Logf("the machine is slow: %d of %d rounds", round, rounds)
			break
		}
		all = append(all, map[string]figures{})
		for _, w := range ways {
			b.Run("way="+w.name+"/round="+strconv.Itoa(round+1), func(b *testing.B) {
				for range b.N {
					f := w.measure(b)
					f.report(b)
					all[round][w.name] = f
				}
			})
		}
	}
	all.print(os.Stdout)
}

// warming is how long a server gets the load before it is measured.
const warming = 200 * time.Millisecond

// measure starts a server and a sink, sends, waits until all is delivered, and ends both.
func (w way) measure(t testing.TB) figures {
	t.Helper()
	s := newSink(t)
	to := w.server(t, s.address)
	warm := w.sendAll(t, s, to, warming, 0)
	s.reset()
	var before float64
	if to.allocated != nil {
		before = to.allocated()
	}
	routers := append([]int{to.pid}, to.followers...)
	cpu, beside, begin := cpuTime(t, routers...), cpuTime(t, to.beside...), time.Now()
	out := w.sendAll(t, s, to, w.during, warm.events)
	per100k := 1e5 / float64(out.events*max(w.copies, 1))
	f := figures{
		events: float64(out.events), ackedRate: float64(out.events) / out.took.Seconds(),
		cpu: (cpuTime(t, routers...) - cpu).Seconds() * per100k, beside: (cpuTime(t, to.beside...) - beside).Seconds() * per100k, peak: peakMemory(t, to.pid),
		ackP50: quantile(out.acked, 0.5), ackP99: quantile(out.acked, 0.99),
	}
	if to.allocated != nil {
		f.allocated = (to.allocated() - before) / float64(out.events) / 1e3
	}
	f.rate = f.ackedRate
	if w.copies > 0 {
		f.rate = float64(out.events*w.copies) / time.Unix(0, s.last.Load()).Sub(begin).Seconds()
		s.mu.Lock()
		f.sinkP50, f.sinkP99 = quantile(s.took, 0.5), quantile(s.took, 0.99)
		s.mu.Unlock()
	}
	return f
}

// sendAll sends for a while, and waits until what was sent has been delivered; before is how
// many events were sent earlier.
func (w way) sendAll(t testing.TB, s *sink, to server, during time.Duration, before int) sent {
	t.Helper()
	out, err := w.load.send(to.address, during)
	if err != nil {
		t.Fatal(err)
	}
	if out.events == 0 {
		t.Fatal("nothing was acknowledged")
	}
	delivered := func() bool {
		if to.ended != nil {
			return to.ended() >= before+out.events
		}
		return s.count.Load() >= int64(out.events*w.copies)
	}
	for end := time.Now().Add(time.Minute); !delivered(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of %d events, the sink got %d deliveries in a minute", out.events, s.count.Load())
		}
	}
	return out
}

// TestYardsticks runs each strawman for a moment.
func TestYardsticks(t *testing.T) {
	for _, w := range ways {
		if strings.HasSuffix(w.name, ":router") {
			continue
		}
		w.load.connections, w.load.rate, w.during = 4, 0, 20*time.Millisecond
		t.Run(w.name, func(t *testing.T) {
			f := w.measure(t)
			if f.events < 1 || f.rate <= 0 || f.cpu <= 0 || f.peak <= 1 || f.ackP99 <= 0 || (f.sinkP99 > 0) != (w.copies > 0) {
				t.Errorf("measured %+v", f)
			}
		})
	}
}
