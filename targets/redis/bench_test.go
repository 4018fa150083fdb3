package redis

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// BenchmarkAdd adds 600-byte events in batches of 100, beside the bare client that sends as
// many at a time, in one field and in the fields that the target writes.
func BenchmarkAdd(b *testing.B) {
	server := start(b)
	batch := targetstest.Sized(100, 600)
	opened := server.open(with(func(o *Options) { o.CreateStream, o.MaxLen = true, 10_000 }), targets.Env{}).(*target)
	for name, fields := range map[string]func(*targets.Delivery) []any{
		"beside one field": func(d *targets.Delivery) []any { return []any{"event", d.Envelope} },
		"beside the same fields": func(d *targets.Delivery) []any {
			e, err := opened.entry(d, new(remote.Message))
			if err != nil {
				b.Fatal(err)
			}
			return e.arguments[1+len(opened.options):]
		},
	} {
		b.Run(name, func(b *testing.B) {
			targetstest.Beside(b, len(batch), targetstest.Sends(b, opened, batch), bare(b, server, batch, fields))
		})
	}
}

// bare returns what adds deliveries with their fields.
func bare(b *testing.B, server *server, batch []*targets.Delivery, fields func(*targets.Delivery) []any) func(worker int) error {
	var conns []redis.Conn
	for range targetstest.InFlight {
		c, err := redis.Dial("tcp", server.Address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		conns = append(conns, c)
	}
	var all [][]any
	for _, d := range batch {
		all = append(all, append([]any{"bare", "MAXLEN", "~", 10_000, "*"}, fields(d)...))
	}
	return func(worker int) error {
		c := conns[worker]
		for _, args := range all {
			if err := c.Send("XADD", args...); err != nil {
				return err
			}
		}
		if err := c.Flush(); err != nil {
			return err
		}
		for range all {
			if _, err := c.Receive(); err != nil {
				return err
			}
		}
		return nil
	}
}
