package router

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
)

// rawSink answers every request with 204 as cheaply as can be, so that a
// benchmark measures the router and not its target. It counts the requests.
func rawSink(b *testing.B) (url string, count *atomic.Int64) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	count = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; count.Add(1) {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if _, err := r.Discard(int(req.ContentLength)); err != nil {
						return
					}
					if _, err := c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), count
}

// cpuTime is the processor time that this process has taken. On a machine that
// does other things too it says more than the time on the wall.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkDeliver takes events of 600 bytes, ten at a time, from acceptance to
// the end of their delivery, with ten rules, in a journal on disk; without and
// with traces.
func BenchmarkDeliver(b *testing.B) {
	for _, way := range []struct {
		kind  string
		trace bool
	}{{"http", false}, {"http", true}, {"batch", false}, {"log", false}, {"log", true}, {"many-keys", false}, {"one-key", false}} {
		kind := way.kind
		b.Run(fmt.Sprintf("target=%s/trace=%t", kind, way.trace), func(b *testing.B) {
			url, _ := rawSink(b)
			text := "targets:\n  sink: {type: http, url: \"" + url + "\"}\nrules:\n"
			if kind == "batch" {
				text = "targets:\n  sink: {type: http, url: \"" + url + "\", batch: {}}\nrules:\n"
			}
			switch kind {
			case "log":
				text = "targets:\n  sink: {type: log}\nrules:\n"
			case "many-keys": // each of one delivery, to a log
				text = "targets:\n  sink: {type: log, order_by: id}\nrules:\n"
			case "one-key": // of which nearly all are parked
				text = "targets:\n  sink: {type: log, order_by: detail_type}\nrules:\n"
			}
			for i := range 10 {
				text += fmt.Sprintf("  - {name: r%d, pattern: {source: [app.s%d]}, targets: [sink]}\n", i, i)
			}
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			set, err := rules.Load(rules.Source{Globs: []string{"rules.yaml"}, Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			j, err := store.Open(filepath.Join(dir, "data"), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			r, err := New(Options{Journal: j, Trace: way.trace}, set)
			if err != nil {
				b.Fatal(err)
			}
			r.Start()
			defer r.Stop(context.Background())

			const batch = 10
			note := strings.Repeat("lorem ipsum ", 36)
			b.ReportAllocs()
			b.SetParallelism(32)
			began := cpuTime(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					evs := make([]*event.Event, batch)
					for i := range evs {
						evs[i] = &event.Event{Source: fmt.Sprintf("app.s%d", i), DetailType: "T", Detail: fmt.Appendf(nil, `{"n":%d,"note":"%s"}`, n, note)}
					}
					if _, err := r.Accept(context.Background(), evs); err != nil {
						b.Error(err)
					}
				}
			})
			for {
				c, _ := j.Counters.Totals()
				if c.Pending() == 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/float64(b.N*batch), "cpu-µs/event")
		})
	}
}
