package http

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// BenchmarkHTTP delivers to a server in another process over 32 connections, and
// reports the CPU time of this process for each delivery.
func BenchmarkHTTP(b *testing.B) {
	url := startSink(b)
	for _, bench := range []struct {
		name   string
		change func(*targets.Config, *targets.Delivery)
	}{
		{"envelope", func(*targets.Config, *targets.Delivery) {}},
		{"transformed", func(_ *targets.Config, d *targets.Delivery) { d.Body = d.Envelope }},
		{"signed", func(c *targets.Config, _ *targets.Delivery) {
			c.Options.(*Options).SigningSecrets = []string{exampleSecret}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c, d := targets.Config{Options: &Options{Options: remote.Options{URL: url}}}, targetstest.Delivery()
			bench.change(&c, d)
			target := open(b, c, targets.Env{})
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			before := cpuTime(b)
			deliverAll(b, ctx, target, d, 32)
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}

func deliverAll(b *testing.B, ctx context.Context, target targets.Target, d *targets.Delivery, concurrency int) {
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
	c := targets.Config{Options: &Options{Options: remote.Options{URL: "http://127.0.0.1:9"}}}
	c.SetDefaults()
	r, err := remote.NewRenderer(&c, &c.Options.(*Options).Options, c.Options.(*Options).SigningSecrets, targets.Env{Version: "1"})
	if err != nil {
		b.Fatal(err)
	}
	d, now := targetstest.Delivery(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(d, now); err != nil {
			b.Fatal(err)
		}
	}
}
