package redis

import (
	"fmt"
	"testing"

	redisio "github.com/gomodule/redigo/redis"

	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
)

// BenchmarkSource reads a stream beside a loop that reads as many entries at a time in a group, and
// acknowledges them.
func BenchmarkSource(b *testing.B) {
	const n, batch = 20_000, 256
	s := targetstest.StartRedis(b)
	c, err := redisio.Dial("tcp", s.Address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	streams := 0
	sourcestest.Beside(b, n, func() (sources.Config, sourcestest.Bare) {
		streams++
		stream := fmt.Sprint("stream", streams)
		for range n {
			if err := c.Send("XADD", stream, "*", fieldBody, sourcestest.Envelope()); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := c.Do(""); err != nil {
			b.Fatal(err)
		}
		config := config(s.Address)
		config.Map = nil
		config.Options.(*Options).Stream = stream
		return config, func(take sourcestest.Take, done <-chan struct{}) error {
			if _, err := c.Do("XGROUP", "CREATE", stream, "bare", "0"); err != nil {
				return err
			}
			for !sourcestest.Over(done) {
				streams, err := redisio.Values(c.Do("XREADGROUP", "GROUP", "bare", "bare", "COUNT", batch, "STREAMS", stream, ">"))
				if err != nil {
					return err
				}
				entries := streams[0].([]any)[1].([]any)
				ids, bodies := []any{stream, "bare"}, [][]byte{}
				for _, e := range entries {
					ids = append(ids, e.([]any)[0])
					bodies = append(bodies, e.([]any)[1].([]any)[1].([]byte))
				}
				if err := take(bodies); err != nil {
					return err
				}
				if _, err := c.Do("XACK", ids...); err != nil {
					return err
				}
			}
			return nil
		}
	})
}
