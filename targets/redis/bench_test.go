package redis

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// BenchmarkAdd adds 600-byte events in batches of 100, beside the bare client that sends as
// many at a time, in one field and in the fields that the target writes.
func BenchmarkAdd(b *testing.B) {
	server := start(b)
	batch := targetstest.Sized(100, 600)
	b.Run("target", func(b *testing.B) {
		server.t = b
		target := server.open(with(func(o *Options) { o.CreateStream, o.MaxLen = true, 10_000 }), targets.Env{})
		for b.Loop() {
			if each, whole := target.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
				b.Fatal(each, whole)
			}
		}
		b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
	})
	b.Run("bare", func(b *testing.B) {
		bare(b, server, batch, func(d *targets.Delivery) []any { return []any{"event", d.Envelope} })
	})
	b.Run("bare, with the same fields", func(b *testing.B) {
		target := server.open(nil, targets.Env{}).(*target)
		bare(b, server, batch, func(d *targets.Delivery) []any {
			e, err := target.render(d)
			if err != nil {
				b.Fatal(err)
			}
			return target.arguments(e)[1+len(target.options):]
		})
	})
}

// bare adds deliveries with their fields.
func bare(b *testing.B, server *server, batch []*targets.Delivery, fields func(*targets.Delivery) []any) {
	c, err := redis.Dial("tcp", server.Address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var all [][]any
	for _, d := range batch {
		all = append(all, append([]any{"bare", "MAXLEN", "~", 10_000, "*"}, fields(d)...))
	}
	for b.Loop() {
		for _, args := range all {
			if err := c.Send("XADD", args...); err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Flush(); err != nil {
			b.Fatal(err)
		}
		for range all {
			if _, err := c.Receive(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
}
