package router

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/targets"
)

// inOrder is toA with an order by the key k of the detail.
const inOrder = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", order_by: detail.k, concurrency: 4, breaker: off, retry: {max_attempts: 100, max_age: 100h, min_backoff: 1s, max_backoff: 10s}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
`

var inOrderOrStop = strings.Replace(inOrder, "order_by: detail.k", "order_by: detail.k, on_dead_letter: stop", 1)

func keyed(key string, n int) *event.Event {
	return &event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: fmt.Appendf(nil, `{"k":%q,"n":%d}`, key, n)}
}

// sequence is a target that remembers the order in which deliveries of each key
// succeeded, and how many of a key were ever under way at once.
type sequence struct {
	mu      sync.Mutex
	got     map[string][]int
	active  map[string]int
	overlap int
	// answer decides an attempt; nil lets it succeed.
	answer func(ctx context.Context, key string, n int) error
}

func newSequence() *sequence {
	return &sequence{got: map[string][]int{}, active: map[string]int{}}
}

func (s *sequence) deliver(ctx context.Context, d *targets.Delivery) error {
	var k string
	var n int
	_, detail, _ := strings.Cut(string(d.Envelope), `"detail":`)
	if _, err := fmt.Sscanf(detail, `{"k":%q,"n":%d}}`, &k, &n); err != nil {
		return fmt.Errorf("%s: %w", d.Envelope, err)
	}
	s.mu.Lock()
	s.active[k]++
	s.overlap = max(s.overlap, s.active[k])
	answer := s.answer
	s.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(ctx, k, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[k]--
	if err == nil {
		s.got[k] = append(s.got[k], n)
	}
	return err
}

func (s *sequence) say(answer func(ctx context.Context, key string, n int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// of returns what came of a key, each once, in the order of their first success.
func (s *sequence) of(key string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got[key])
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func failing(key string, n int, err error) func(context.Context, string, int) error {
	return func(_ context.Context, k string, m int) error {
		if k == key && m == n {
			return err
		}
		return nil
	}
}

var (
	errDown  = &targets.Error{Code: targets.CodeConnectionFailure, Err: errors.New("connection refused")}
	errFinal = &targets.Error{Code: targets.CodeErrorFromTarget, Status: 400, Final: true, Err: errors.New("answered 400")}
)

// startInOrder starts a bench whose target a is a sequence.
func startInOrder(t *testing.T, text string, window int) (*bench, *sequence) {
	b := newBench(t, text)
	b.opts.Window = window
	s := newSequence()
	b.fakes["a"] = &fake{}
	b.fakes["a"].say(s.deliver)
	b.start()
	return b, s
}

func TestAFailingHeadHoldsItsKeyAlone(t *testing.T) {
	for _, window := range []int{1, 2, 5, 64} {
		t.Run(fmt.Sprintf("window=%d", window), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := startInOrder(t, inOrder, window)
				defer b.stop()
				s.say(failing("x", 0, errDown))
				for i := range 20 {
					b.send(keyed("x", i), keyed("y", i), keyed(fmt.Sprint("z", i), 0))
				}
				time.Sleep(300 * time.Millisecond) // a small window takes its time
				b.settled()
				if got := s.of("x"); len(got) != 0 {
					t.Errorf("x got %v before its head", got)
				}
				if got := s.of("y"); !slices.Equal(got, upTo(20)) {
					t.Errorf("y got %v", got)
				}
				if c := b.counts(); c.Parked != 19 || c.Waiting != 1 || c.Delivered != 40 || c.BlockedKeys != 1 {
					t.Errorf("got %+v", c)
				}
				s.say(nil)
				time.Sleep(time.Minute)
				b.settled()
				if got := s.of("x"); !slices.Equal(got, upTo(20)) {
					t.Errorf("x got %v", got)
				}
				if c := b.counts(); c.Parked != 0 || c.BlockedKeys != 0 || c.Delivered != 60 {
					t.Errorf("got %+v", c)
				}
				if s.overlap != 1 {
					t.Errorf("%d deliveries of a key at once", s.overlap)
				}
				checkNoKeys(t, b)
			})
		})
	}
}

// checkNoKeys checks that a lane in which nothing is pending remembers no key.
func checkNoKeys(t *testing.T, b *bench) {
	t.Helper()
	l := b.router.Lanes.byName["a"]
	if left := l.Memory(); left != (delivery.Memory{}) {
		t.Errorf("at the end: %+v", left)
	}
	err := b.journal.Keys.Blocked(l.ID, 0, func(r journal.KeyRecord) bool {
		t.Errorf("the record %+v is left", r)
		return true
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAfterADeadLetterItsKeyGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := startInOrder(t, inOrder, 8)
		defer b.stop()
		s.say(failing("x", 2, errFinal))
		for i := range 20 {
			b.send(keyed("x", i))
		}
		b.settled()
		if got, want := s.of("x"), slices.Delete(upTo(20), 2, 3); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		checkNoKeys(t, b)
	})
}

// stoppedAt lets the third of twenty deliveries of x die, which stops the key.
func stoppedAt(t *testing.T, b *bench, s *sequence) {
	t.Helper()
	s.say(failing("x", 2, errFinal))
	for i := range 20 {
		b.send(keyed("x", i), keyed("y", i))
	}
	time.Sleep(300 * time.Millisecond) // a small window takes its time
	b.settled()
	if got := s.of("x"); !slices.Equal(got, upTo(2)) {
		t.Fatalf("got %v, want the first two", got)
	}
	if c := b.counts(); c.Dead != 1 || c.Parked != 17 || c.BlockedKeys != 1 {
		t.Fatalf("got %+v", c)
	}
	if got := s.of("y"); !slices.Equal(got, upTo(20)) {
		t.Errorf("y got %v", got)
	}
	s.say(nil)
}

func TestAStoppedKeyGoesOn(t *testing.T) {
	rest := slices.Delete(upTo(22), 2, 3)
	for _, how := range []struct {
		name string
		do   func(b *bench)
		want []int
	}{
		{"after the redrive of its head, which goes first", func(b *bench) { b.redrive(dlq.Redrive{}) }, upTo(22)},
		{"after the redrive of its head to another target", func(b *bench) { b.redrive(dlq.Redrive{To: "other"}) }, rest},
		{"after a purge", func(b *bench) {
			if _, err := b.router.DeadLetters.Purge(b.t.Context(), dlq.Filter{}, false, nil); err != nil {
				b.t.Error(err)
			}
		}, rest},
		{"by command", func(b *bench) {
			if err := b.router.Lanes.ResumeKey("a", "x"); err != nil {
				b.t.Error(err)
			}
		}, rest},
		{"when dead letters stop no key any more", func(b *bench) {
			b.write(strings.Replace(inOrderOrStop, "stop", "continue", 1))
			b.swap()
		}, rest},
	} {
		for _, restart := range []bool{false, true} {
			for _, window := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s/restart=%v/window=%d", how.name, restart, window), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						text := strings.Replace(inOrderOrStop, "targets:\n", "targets:\n  other: {type: http, url: \"http://127.0.0.1:1/\"}\n", 1)
						b, s := startInOrder(t, text, window)
						defer b.stop()
						stoppedAt(t, b, s)
						if restart {
							b.stop()
							b.start()
						}
						b.send(keyed("x", 20), keyed("x", 21))
						time.Sleep(time.Hour)
						b.settled()
						if got := s.of("x"); len(got) != 2 {
							t.Fatalf("got %v while the key is stopped", got)
						}
						how.do(b)
						time.Sleep(300 * time.Millisecond)
						b.settled()
						if got := s.of("x"); !slices.Equal(got, how.want) {
							t.Errorf("got %v, want %v", got, how.want)
						}
						checkNoKeys(t, b)
					})
				})
			}
		}
	}
}

func TestTheFollowersOfATargetThatIsGoneDieInOrder(t *testing.T) {
	for _, text := range []string{inOrder, inOrderOrStop} {
		synctest.Test(t, func(t *testing.T) {
			b, s := startInOrder(t, text, 8)
			defer b.stop()
			s.say(failing("x", 2, errFinal))
			if text == inOrder {
				s.say(failing("x", 2, errDown))
			}
			for i := range 20 {
				b.send(keyed("x", i))
			}
			b.settled()
			b.write("targets: {}\n")
			b.swap()
			time.Sleep(time.Minute)
			b.settled()
			if c := b.counts(); c.Dead != 18 || c.Pending() != 0 || c.BlockedKeys != 0 {
				t.Errorf("got %+v", c)
			}
			checkNoKeys(t, b)
		})
	}
}

func TestWithoutOrderByWhatIsNewIsInNoOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := startInOrder(t, inOrder, 8)
		defer b.stop()
		s.say(failing("x", 0, errDown))
		for i := range 10 {
			b.send(keyed("x", i))
		}
		b.settled()
		b.write(strings.Replace(inOrder, "order_by: detail.k, ", "", 1))
		b.swap()
		b.send(keyed("x", 10))
		b.settled()
		if got := s.of("x"); !slices.Equal(got, []int{10}) {
			t.Errorf("got %v, want the new one alone", got)
		}
		s.say(nil)
		time.Sleep(time.Minute)
		b.settled()
		if got := s.of("x"); !slices.Equal(got, append([]int{10}, upTo(10)...)) {
			t.Errorf("got %v", got)
		}
		checkNoKeys(t, b)
	})
}

func TestARestartKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := startInOrder(t, inOrder, 8)
		defer b.stop()
		s.say(failing("x", 3, errDown))
		for i := range 40 {
			b.send(keyed("x", i), keyed("y", i))
		}
		b.settled()
		b.stop()
		s.say(nil)
		b.start()
		b.send(keyed("x", 40))
		b.settled()
		if got := s.of("x"); !slices.Equal(got, upTo(3)) {
			t.Errorf("got %v while the head waits", got)
		}
		time.Sleep(time.Minute)
		b.settled()
		if got := s.of("x"); !slices.Equal(got, upTo(41)) {
			t.Errorf("got %v", got)
		}
		checkNoKeys(t, b)
	})
}

func TestAnEventWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(inOrder, "detail.k", "detail.order.id", 1))
		b.start()
		defer b.stop()
		b.fakes["a"].say(hang(nil))
		send := func(detail string) {
			b.send(&event.Event{Source: "shop.orders", DetailType: "T", Detail: []byte(detail)})
		}
		send(`{"order":{}}`)
		send(`{"order":{}}`)
		send(`{"order":{"id":""}}`)
		send(`{"order":{"id":7}}`)
		send(`{"order":{"id":7}}`)
		b.settled()
		if n := len(b.fakes["a"].deliveries()); n != 4 {
			t.Errorf("%d under way, want the three without a key, and one of the others", n)
		}
		send(`{}`)
		send(`{"order":{"id":[7]}}`)
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 2 {
			t.Fatalf("got %+v, %v, want two dead letters", page, err)
		}
		for i, want := range []string{"order_by: at byte 13: cannot fetch id from <nil>", "order_by: at byte 0: the result is a list, which can't be an ordering key"} {
			if got := page.Letters[i].ErrorMessage; !strings.Contains(got, want) {
				t.Errorf("got %q, want %q in it", got, want)
			}
		}
		b.fakes["a"].say(nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.router.Stop(ctx)
	})
}

// deadTwice stops the key x at its second letter: the first was passed over.
func deadTwice(t *testing.T) (*bench, *sequence) {
	t.Helper()
	b, s := startInOrder(t, inOrderOrStop, 8)
	s.say(func(context.Context, string, int) error { return errFinal })
	b.send(keyed("x", 0), keyed("x", 1), keyed("x", 2))
	b.settled()
	b.must(b.router.Lanes.ResumeKey("a", "x"))
	b.settled()
	if c := b.counts(); c.Dead != 2 || c.Parked != 1 {
		t.Fatalf("got %+v", c)
	}
	s.say(nil)
	return b, s
}

func TestARedriveDoesNotWaitForALetterThatItHasYetToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := deadTwice(t)
		defer func() { b.stop() }()
		if j := b.redrive(dlq.Redrive{}); j.Delivered != 1 || j.Skips[dlq.SkipKeyStopped] != 1 || j.Left+j.InFlight != 0 {
			t.Errorf("got %+v", j)
		}
		if j := b.redrive(dlq.Redrive{}); j.Delivered != 1 || j.Total != 1 {
			t.Errorf("again: %+v", j)
		}
		if got := s.of("x"); !slices.Equal(got, []int{1, 2, 0}) {
			t.Errorf("got %v", got)
		}
		checkNoKeys(t, b)
	})
}

func TestALetterOnItsWayComesBackWhereItsKeyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := deadTwice(t)
		defer func() { b.stop() }()
		s.say(failing("x", 2, errDown))
		b.must(b.router.Lanes.ResumeKey("a", "x")) // 2 waits for its next attempt
		b.settled()
		j, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{})
		b.must(err)
		b.settled()
		time.Sleep(time.Second)
		if c := b.counts(); c.Parked != 2 {
			t.Fatalf("got %+v, want both letters on their way behind the head", c)
		}
		s.say(failing("x", 2, errFinal))
		if j := b.ended(j.ID); j.State != jobs.Finished || j.Skips[dlq.SkipKeyStopped] != 2 || len(j.SkippedLetters) != 2 {
			t.Errorf("got %+v", j)
		}
		if c := b.counts(); c.Dead != 3 || c.Parked != 0 {
			t.Errorf("got %+v", c)
		}
	})
}

// overwrite changes values of one of the store's tables while the router is stopped.
func (b *bench) overwrite(prefix string, to func(k, v []byte) []byte) {
	b.t.Helper()
	b.must(journaltest.Overwrite(b.disk, "data", prefix, to))
}

func TestParkedDeliveriesThatCannotBeReadAreNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := startInOrder(t, inOrderOrStop, 8)
		stoppedAt(t, b, s)
		b.stop()
		var place, value []byte
		b.overwrite("b", func(k, v []byte) []byte {
			if len(k) < 20 || place != nil { // the first that is parked
				return nil
			}
			place, value = slices.Clone(k), slices.Clone(v)
			return []byte("?")
		})
		b.start()
		b.must(b.router.Lanes.ResumeKey("a", "x"))
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Parked != 17 || c.BlockedKeys != 1 {
			t.Errorf("got %+v", c)
		}
		b.stop()
		b.overwrite("b", func(k, _ []byte) []byte {
			if bytes.Equal(k, place) {
				return value
			}
			return nil
		})
		b.start()
		defer func() { b.stop() }()
		b.settled()
		if got := s.of("x"); len(got) != 19 {
			t.Errorf("got %v", got)
		}
	})
}
