package router

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
)

// watch looks at what the lane a holds, in fake time, until the end that it
// returns is called, which gives the most that it has seen.
func (b *bench) watch() (end func() int) {
	b.t.Helper()
	l, err := b.router.Lanes.of("a")
	if err != nil {
		b.t.Fatal(err)
	}
	until, most := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-until:
				most <- n
				return
			case <-time.After(time.Millisecond):
				has := l.Memory()
				n = max(n, has.Deliveries+has.Resumes, has.Keys)
			}
		}
	}()
	return func() int { close(until); return <-most }
}

func TestMemoryIsBoundedHoweverManyFollow(t *testing.T) {
	const n, window = 6_000, 64
	for _, test := range []struct {
		name string
		key  func(i int) string
	}{
		{"one key", func(int) string { return "x" }},
		{"as many keys", func(i int) string { return fmt.Sprint("k", i) }},
		{"keys of ten", func(i int) string { return fmt.Sprint("k", i%(n/10)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := startInOrder(t, inOrder, window)
				defer b.stop()
				s.say(func(_ context.Context, k string, _ int) error {
					if k == "other" {
						return nil
					}
					return errDown
				})
				end := b.watch()
				seen := map[string]int{}
				for i := 0; i < n; i += 1000 {
					evs := make([]*event.Event, 1000)
					for k := range evs {
						key := test.key(i + k)
						evs[k] = keyed(key, seen[key])
						seen[key]++
					}
					b.send(evs...)
				}
				b.send(keyed("other", 0))
				time.Sleep(3 * time.Second)
				if got := s.of("other"); len(got) != 1 {
					t.Errorf("another key waits behind them: %+v", b.counts())
				}
				most := end()
				b.stop()
				s.say(nil)
				b.start()
				end = b.watch()
				time.Sleep(5 * time.Minute)
				b.settled()
				if m := max(most, end()); m > 2*window {
					t.Errorf("%d deliveries or keys in memory with a window of %d", m, window)
				}
				if c := b.counts(); c.Delivered != n+1 {
					t.Errorf("got %+v", c)
				}
				for key, n := range seen {
					if got := s.of(key); !slices.Equal(got, upTo(n)) {
						t.Errorf("key %s got %d of %d, or not in order", key, len(got), n)
					}
				}
				checkNoKeys(t, b)
			})
		})
	}
}
