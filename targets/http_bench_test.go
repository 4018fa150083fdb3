package targets

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkHTTP delivers to a server in another process over 32 connections, and
// reports the CPU time of this process for each delivery.
func BenchmarkHTTP(b *testing.B) {
	url := startSink(b)
	for _, bench := range []struct {
		name   string
		change func(*Config, *Delivery)
	}{
		{"envelope", func(*Config, *Delivery) {}},
		{"transformed", func(_ *Config, d *Delivery) { d.Body = d.Envelope }},
		{"signed", func(c *Config, _ *Delivery) { c.SigningSecrets = []string{exampleSecret} }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c, d := Config{Type: TypeHTTP, URL: url}, delivery()
			bench.change(&c, d)
			target := open(b, c, Env{})
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			before := cpuTime(b)
			deliverAll(b, ctx, target, d, 32)
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}

func deliverAll(b *testing.B, ctx context.Context, target Target, d *Delivery, concurrency int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := target.Deliver(ctx, d); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkRender(b *testing.B) {
	c := Config{Type: TypeHTTP, URL: "http://127.0.0.1:9"}
	c.SetDefaults()
	r, err := newRenderer(c, Env{Version: "1"})
	if err != nil {
		b.Fatal(err)
	}
	d, now := delivery(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.render(d, now); err != nil {
			b.Fatal(err)
		}
	}
}
