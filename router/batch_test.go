package router

import (
	"bytes"
	"context"

	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// toBatch is a rule file whose target takes batches of up to ten; settings are
// more of the target's.
func toBatch(batch, settings string) string {
	return strings.Replace(toA, "type: http,", "type: http, concurrency: 1, batch: {"+batch+"}, "+settings, 1)
}

func ordersFrom(from, n int) []*event.Event {
	evs := make([]*event.Event, n)
	for i := range evs {
		evs[i] = order(from + i)
	}
	return evs
}

// sayOfAll decides about whole batches.
func (f *fake) sayOfAll(whole func(context.Context, []*targets.Delivery) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.whole = whole
}

// sizes are how many deliveries the batches held so far.
func (f *fake) sizes() (n []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ids := range f.batches {
		n = append(n, len(ids))
	}
	return n
}

// firstOnly returns an answer to the first batch alone.
func firstOnly(answer func() error) func(context.Context, []*targets.Delivery) error {
	var given atomic.Bool
	return func(context.Context, []*targets.Delivery) error {
		if given.Swap(true) {
			return nil
		}
		return answer()
	}
}

func refusal(status int, final bool) error {
	return &targets.Error{Code: targets.CodeErrorFromTarget, Status: status, Final: final, Tries: 1, Err: fmt.Errorf("answered %d", status)}
}

// poisoned answers batches that hold one of these orders.
func poisoned(err error, ids ...int) func(context.Context, []*targets.Delivery) error {
	return func(_ context.Context, batch []*targets.Delivery) error {
		for _, d := range batch {
			for _, id := range ids {
				if bytes.Contains(d.Envelope, fmt.Appendf(nil, `{"id":%d}`, id)) {
					return err
				}
			}
		}
		return nil
	}
}

func TestABatchWaitsForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_events: 3, max_wait: 1s", ""))
		b.start()
		defer b.stop()
		b.send(ordersFrom(1, 2)...)
		b.settled()
		if got := b.fakes["a"].sizes(); got != nil {
			t.Errorf("batches of %v before max_wait", got)
		}
		time.Sleep(500 * time.Millisecond)
		b.send(ordersFrom(3, 1)...) // which fills it
		b.settled()
		b.send(ordersFrom(4, 1)...)
		time.Sleep(time.Second)
		b.settled() // before the next ones come at the same instant
		b.send(ordersFrom(5, 7)...)
		b.settled()
		if got, want := b.fakes["a"].sizes(), []int{3, 1, 3, 3}; !slices.Equal(got, want) {
			t.Errorf("batches of %v, want %v", got, want)
		}
		time.Sleep(time.Second)
		b.settled()
		if c := b.counts(); c.Delivered != 11 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestABatchIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_bytes: 1KiB, max_wait: 1m", ""))
		b.start()
		defer b.stop()
		b.send(ordersFrom(100, 20)...) // of about 200 bytes
		b.settled()
		sizes := b.fakes["a"].sizes()
		if len(sizes) < 4 || slices.Max(sizes) > 6 {
			t.Errorf("batches of %v", sizes)
		}
		big := order(1)
		big.Detail = fmt.Appendf(nil, `{"id":1,"note":%q}`, strings.Repeat("x", 2000))
		b.send(big)
		b.settled()
		time.Sleep(time.Hour)
		b.settled()
		if c := b.counts(); c.Delivered != 21 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestAStopSendsWhatWasGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_wait: 5m", ""))
		b.start()
		b.send(ordersFrom(1, 4)...)
		b.settled()
		began := time.Now()
		b.stop()
		if got := b.fakes["a"].sizes(); !slices.Equal(got, []int{4}) || time.Since(began) > time.Second {
			t.Errorf("batches of %v in %v, want one of 4 at once", got, time.Since(began))
		}
	})
}

func TestPoisonStandsAloneInTheEnd(t *testing.T) {
	all := make([]int, 100)
	for i := range all {
		all[i] = i
	}
	for _, test := range []struct {
		name     string
		poison   []int
		requests int
	}{
		{"one of 100", []int{63}, 15},
		{"two of 100", []int{0, 99}, 29},
		{"all", all, 199},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toBatch("", ""))
				b.start()
				defer b.stop()
				b.fakes["a"].sayOfAll(poisoned(refusal(422, true), test.poison...))
				b.send(ordersFrom(0, 100)...)
				b.settled()
				c := b.counts()
				if n := uint64(len(test.poison)); c.Dead != n || c.Delivered != 100-n {
					t.Errorf("got %+v, want %d dead", c, n)
				}
				if n := len(b.fakes["a"].sizes()); n > test.requests {
					t.Errorf("%d requests, want at most %d", n, test.requests)
				}
				err := b.journal.Deliveries.DeadLetters(journal.Cursor{}, func(l journal.DeadLetter) bool {
					if h := l.Delivery.History; len(h) != 1 || h[0].Status != 422 || h[0].Tries < 7 || l.Delivery.Attempts != 1 {
						t.Errorf("history %+v, want one attempt of several requests", h)
					}
					if len(l.Delivery.Death.Request) == 0 {
						t.Error("the letter shows no request")
					}
					return true
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAPartOfABatchIsLeftToTheNextLeader, once this node does not lead its cluster any more.
func TestAPartOfABatchIsLeftToTheNextLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("", ""))
		var follows atomic.Bool
		b.opts.Leads = func() bool { return !follows.Load() }
		b.start()
		defer b.stop()
		b.fakes["a"].sayOfAll(func(context.Context, []*targets.Delivery) error {
			follows.Store(true)
			return refusal(422, true)
		})
		b.send(ordersFrom(0, 4)...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := b.fakes["a"].sizes(); len(n) != 1 {
			t.Errorf("requests of %v deliveries, want one", n)
		}
		if c := b.counts(); c.Dead+c.Delivered > 0 || c.Pending() != 4 {
			t.Errorf("got %+v, want all pending", c)
		}
	})
}

func TestABatchThatFailsComesTogetherAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_wait: 0s", ""))
		b.start()
		defer b.stop()
		b.fakes["a"].sayOfAll(firstOnly(func() error { return refusal(503, false) }))
		b.send(ordersFrom(0, 50)...)
		time.Sleep(time.Minute)
		b.settled()
		got := b.fakes["a"].batches
		if len(got) != 2 || !slices.Equal(got[0], got[1]) {
			t.Errorf("batches of %v, want the same twice", b.fakes["a"].sizes())
		}
	})
}

func TestEachOfABatchEndsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_wait: 0s", ""))
		b.start()
		defer b.stop()
		failed := 0
		b.fakes["a"].say(func(_ context.Context, d *targets.Delivery) error {
			switch {
			case bytes.Contains(d.Envelope, []byte(`{"id":3}`)):
				return refusal(200, true)
			case bytes.Contains(d.Envelope, []byte(`{"id":4}`)) && d.Attempt == 1:
				failed++
				return refusal(200, false)
			}
			return nil
		})
		b.send(ordersFrom(0, 10)...)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 9 || c.Dead != 1 || failed != 1 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestOneThatCrashesItsTargetDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toBatch("max_wait: 10ms", ""), "max_attempts: 3", "max_attempts: 12", 1))
		b.start()
		defer b.stop()
		b.fakes["a"].sayOfAll(poisoned(refusal(500, false), 42))
		b.send(ordersFrom(0, 100)...)
		time.Sleep(time.Hour)
		b.settled()
		if c := b.counts(); c.Delivered != 99 || c.Dead != 1 {
			t.Errorf("got %+v, want one dead", c)
		}
	})
}

func TestARateLimitCountsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_wait: 0s", "rate_limit: 10/s,"))
		b.start()
		defer b.stop()
		began := time.Now()
		b.send(ordersFrom(0, 40)...)
		b.settled()
		time.Sleep(10 * time.Second)
		b.settled()
		times := b.fakes["a"].times
		if len(times) != 40 || slices.Max(b.fakes["a"].sizes()) > 10 {
			t.Fatalf("%d deliveries in batches of %v", len(times), b.fakes["a"].sizes())
		}
		if took := times[39].Sub(began); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("40 deliveries at 10/s took %v", took)
		}
	})
}

func TestSyntheticEventsOfABatchHaveTheirOwnPolicy(t *testing.T) {
	for _, test := range []struct {
		policy          string
		batches         []int
		dropped, logged uint64
	}{{"drop", []int{6}, 4, 0}, {"log", []int{6}, 0, 4}, {"deliver", []int{6, 4}, 0, 0}} {
		t.Run(test.policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toBatch("max_wait: 0s", "synthetic: "+test.policy+","))
				b.opts.Logger = zap.NewNop()
				b.start()
				defer b.stop()
				evs := ordersFrom(0, 10)
				for _, i := range []int{1, 4, 5, 9} {
					evs[i].Meta.Synthetic = true
				}
				b.send(evs...)
				b.settled()
				if c := b.counts(); c.Dropped != test.dropped || c.Logged != test.logged || c.Delivered != 10-test.dropped-test.logged {
					t.Errorf("got %+v", c)
				}
				if got := b.fakes["a"].sizes(); !slices.Equal(got, test.batches) {
					t.Errorf("batches of %v, want %v", got, test.batches)
				}
			})
		})
	}
}

func TestATargetThatPanicsFailsTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_wait: 0s", ""))
		b.start()
		defer b.stop()
		b.fakes["a"].sayOfAll(firstOnly(func() error { panic("no") }))
		b.send(ordersFrom(0, 5)...)
		time.Sleep(time.Minute)
		b.settled()
		if got, want := b.fakes["a"].sizes(), []int{5, 5}; !slices.Equal(got, want) {
			t.Errorf("batches of %v, want %v", got, want)
		}
		if c := b.counts(); c.Delivered != 5 {
			t.Errorf("got %+v", c)
		}
	})
}

// TestBatchesOverHTTP sends to a real server, which refuses one event, breaks
// off the first request, and excepts one event of the first answer.
func TestBatchesOverHTTP(t *testing.T) {
	var requests atomic.Int64
	var excepted atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if requests.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		if bytes.Contains(body, []byte(`{"id":17}`)) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		if i := strings.Index(string(body), `{"id":5}`); i >= 0 && excepted.CompareAndSwap(false, true) {
			before := string(body[:i])
			id, _, _ := strings.Cut(before[strings.LastIndex(before, `"id":"`)+6:], `"`)
			fmt.Fprintf(w, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, id)
		}
	}))
	defer server.Close()
	b := newBench(t, strings.NewReplacer("http://127.0.0.1:1/", server.URL, "min_backoff: 1s", "min_backoff: 1ms").
		Replace(toBatch("", "quick_retries: 0,")))
	b.real = true
	b.start()
	defer b.stop()
	b.send(ordersFrom(0, 60)...)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if c := b.counts(); c.Pending() == 0 {
			if c.Delivered != 59 || c.Dead != 1 || !excepted.Load() {
				t.Errorf("got %+v", c)
			}
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("not delivered in time")
		}
	}
}
