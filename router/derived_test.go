package router

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

const multiplies = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", reply: events}
rules:
  - {name: again, pattern: {source: [s]}, targets: [a]}
`

const threeMore = `[{"source":"s","detail-type":"T","detail":{}},{"source":"s","detail-type":"T","detail":{}},{"source":"s","detail-type":"T","detail":{}}]`

// TestRepliesThatMultiplyAreBounded: three events come of each event, without end; what
// comes of one event is bounded, what is refused is a dead letter, and other events have a
// bound of their own.
func TestRepliesThatMultiplyAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, multiplies)
		b.opts.MaxDerived = 50
		b.start()
		defer b.stop()
		b.fakes["a"].say(answers(threeMore))
		for first := range 2 {
			b.send(&event.Event{Source: "s", DetailType: "T", Detail: []byte("{}")})
			time.Sleep(time.Minute)
			b.settled()
			want := uint64((first + 1) * (1 + 48)) // whole replies of three
			if got := b.router.Accounts().Events.Accepted; got != want {
				t.Fatalf("%d events, want %d", got, want)
			}
		}
		page, err := b.router.DeadLetters.List(dlq.Filter{Code: targets.CodeMaxDerived}, "", 1000)
		if err != nil || len(page.Letters) == 0 {
			t.Fatalf("%d letters, %v", len(page.Letters), err)
		}
		if c := b.counts(); c.Dead != uint64(len(page.Letters)) || c.Pending() != 0 || c.Delivered+c.Dead != c.Planned {
			t.Errorf("%d letters, accounts %+v", len(page.Letters), c)
		}
		if l := page.Letters[0]; l.Attempts != 1 || !strings.HasPrefix(l.ErrorMessage, "the reply would make 51 events that come of one, and max_derived is 50: do replies multiply? the correlation id of the story is ") {
			t.Errorf("the letter says, after %d attempts: %s", l.Attempts, l.ErrorMessage)
		}
	})
}

const copies = `
buses: {there: {publish_dead_letters: true}}
targets:
  a: {type: bus, bus: default, retry: {max_attempts: 1}}
  b: {type: bus, bus: there, retry: {max_attempts: 1}}
  c: {type: bus, bus: there, retry: {max_attempts: 1}}
  d: {type: http, url: "http://127.0.0.1:1/", reply: events}
rules:
  - {name: back, bus: there, pattern: {source: [s]}, targets: [a]}
  - {name: forth, pattern: {source: [s]}, targets: [b, c]}
  - {name: deaths, bus: there, pattern: {source: [signalbox]}, targets: [d]}
`

// TestCopiesThatMultiplyAreBounded: two events come of each by way of a bus, and of the deaths
// of deliveries come more; what comes of one event is bounded all the same, over a restart too.
func TestCopiesThatMultiplyAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, copies)
		b.opts.MaxDerived = 20
		b.start()
		b.fakes["d"].say(answers(threeMore))
		b.send(&event.Event{Source: "s", DetailType: "T", Detail: []byte("{}")})
		time.Sleep(time.Minute)
		b.settled()
		b.stop()
		b.start()
		defer func() { b.stop() }()
		letters := b.letters(dlq.Filter{Code: targets.CodeMaxDerived})
		ofCopies, there := 0, 0
		for _, l := range letters {
			if l.Rule == "back" {
				there++
			}
			if l.RuleTarget != "d" {
				ofCopies++
				if !strings.Contains(l.ErrorMessage, "this would be event 21 that comes of one, and max_derived is 20: do rules multiply events? the correlation id of the story is ") {
					t.Errorf("the letter says: %s", l.ErrorMessage)
				}
			}
		}
		// The first, 20 copies, and the deaths on the bus that tells of them: whether there are any
		// depends on which copies came first.
		told := len(b.fakes["d"].deliveries())
		if got := b.router.Accounts().Events.Accepted; got != uint64(1+20+told) || told != there || ofCopies == 0 {
			t.Errorf("%d events, %d of %d deaths told, %d copies refused", got, told, there, ofCopies)
		}
		b.redrive(dlq.Redrive{Attempts: 1})
		time.Sleep(time.Minute)
		b.settled()
		if again := b.letters(dlq.Filter{Code: targets.CodeMaxDerived}); len(again) < len(letters) {
			t.Errorf("after a restart %d letters, want the %d of before again", len(again), len(letters))
		}
		if c := b.counts(); c.Pending() != 0 || c.Delivered+c.Dead != c.Planned {
			t.Errorf("accounts %+v", c)
		}
	})
}

// TestRepliesThatMultiplyAreBoundedOverRestarts: the bound holds however often the router
// stops meanwhile.
func TestRepliesThatMultiplyAreBoundedOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, multiplies)
		b.opts.MaxDerived = 300
		b.start()
		var calls atomic.Int32
		more := answers(threeMore)
		b.fakes["a"].say(func(ctx context.Context, d *targets.Delivery) error {
			if calls.Add(1)%20 == 0 {
				<-ctx.Done() // until the restart
				return ctx.Err()
			}
			return more(ctx, d)
		})
		b.send(&event.Event{Source: "s", DetailType: "T", Detail: []byte("{}")})
		for range 5 {
			synctest.Wait()
			stopped, cancel := context.WithCancel(t.Context())
			cancel()
			_ = b.router.Stop(stopped)
			if err := b.journal.Close(); err != nil {
				t.Fatal(err)
			}
			b.start()
		}
		b.fakes["a"].say(more)
		time.Sleep(time.Minute)
		b.settled()
		defer b.stop()
		if c := b.counts(); c.Pending() != 0 || c.Dead == 0 {
			t.Errorf("accounts %+v", c)
		}
		if got := b.router.Accounts().Events.Accepted; got < 250 || got > 1+300 {
			t.Errorf("%d events, want the first and some 300", got)
		}
	})
}

func TestDerivations(t *testing.T) {
	onDisk := map[journal.Seq]int{2: 7}
	d := derivations{last: func(root journal.Seq) (int, error) { return onDisk[root], nil }}
	take := func(root journal.Seq, n, want int, wantOK bool) {
		t.Helper()
		if from, ok, err := d.take(root, n, 10); from != want || ok != wantOK || err != nil {
			t.Errorf("take(%d, %d): %d, %v, %v, want %d, %v", root, n, from, ok, err, want, wantOK)
		}
	}
	take(1, 5, 0, true)
	take(1, 6, 5, false)
	take(1, 5, 5, true)
	take(1, 1, 10, false)
	d.give(1, 2)
	take(1, 2, 8, true)
	take(2, 3, 7, true) // after a restart
	take(2, 1, 10, false)
	onDisk[1] = 10
	for root := range journal.Seq(maxCounted) {
		take(100+root, 1, 0, true)
	}
	take(1, 1, 10, false)
	if n := len(d.counts); n > maxCounted {
		t.Errorf("%d are kept", n)
	}
}
