package dlq

import (
	"testing"
	"time"

	"signalbox/journal"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// left returns how many letters are in the queue, and the id of the oldest one's event.
func (b *bench) left() (n int, oldest string) {
	b.t.Helper()
	page, err := b.List(Filter{}, "", 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(page.Letters) > 0 {
		oldest = page.Letters[0].EventID
	}
	return len(page.Letters), oldest
}

func TestOldDeadLettersAreDropped(t *testing.T) {
	dead(t, 0, func(t *testing.T, b *bench) {
		if _, err := b.Purge(t.Context(), Filter{}, false, nil); err != nil {
			t.Fatal(err)
		}
		die := func(n int) {
			for i := range n {
				b.die(i, "here", "TIMEOUT", func(d *journal.Delivery) { d.Death.At = time.Now() })
			}
		}
		core, logs := observer.New(zap.WarnLevel)
		b.opts.Log = zap.New(core)
		trim := b.NewTrimmer(Bounds{MaxAge: time.Hour})
		die(600)
		if n, err := trim(t.Context()); n != 0 || err != nil {
			t.Fatalf("young letters: %d dropped, %v", n, err)
		}
		time.Sleep(30 * time.Minute)
		b.die(99, "here", "TIMEOUT", func(d *journal.Delivery) { d.Death.At = time.Now().Add(30 * time.Minute) }) // after long retries
		time.Sleep(31 * time.Minute)
		die(10)
		n, err := trim(t.Context())
		if err != nil || n != 600 {
			t.Fatalf("%d dropped, %v, want the 600 of an hour ago", n, err)
		}
		time.Sleep(40 * time.Minute)
		if n, err := trim(t.Context()); n != 0 || err != nil {
			t.Errorf("%d dropped, %v: a letter's age counts from its death", n, err)
		}
		if n, _ := b.left(); n != 11 {
			t.Errorf("%d are left, want the 11 young ones", n)
		}
		if c, _ := b.lanes.journal.Counters.Totals(); c.Dropped != 601 || c.Dead != 11 || !c.Balanced() {
			t.Errorf("the counters are %+v", c)
		}
		if logs.Len() != 1 || logs.All()[0].ContextMap()["dead_letters"] != int64(600) {
			t.Errorf("logged %v", logs.All())
		}
	})
}

func TestTheOldestBeyondTheBytesAreDropped(t *testing.T) {
	dead(t, 500, func(t *testing.T, b *bench) {
		look := &trimmer{letters: b.letters, bounds: Bounds{MaxBytes: 1 << 40}, log: zap.NewNop()}
		if n, err := look.trim(t.Context()); n != 0 || err != nil {
			t.Fatalf("within the bound: %d dropped, %v", n, err)
		}
		all := look.bytes
		if all == 0 || look.count != 501 {
			t.Fatalf("found %d letters with %d bytes", look.count, all)
		}
		_, before := b.left()
		trim := b.NewTrimmer(Bounds{MaxBytes: all / 2})
		n, err := trim(t.Context())
		if err != nil || n < 250 || n > 275 {
			t.Fatalf("%d of 501 dropped, %v, want a bit more than half", n, err)
		}
		now, oldest := b.left()
		if now != 501-n || oldest == before {
			t.Errorf("%d are left from %s on; the oldest was %s", now, oldest, before)
		}
		if again, err := trim(t.Context()); again != 0 || err != nil {
			t.Errorf("%d more are dropped of a queue within its bound, %v", again, err)
		}
		for i := range 300 {
			b.die(1000+i, "here", "TIMEOUT", nil)
		}
		if more, err := trim(t.Context()); more < 250 || err != nil {
			t.Errorf("%d are dropped after 300 more have come, %v", more, err)
		}
	})
}

func TestLargerLettersAreFoundToo(t *testing.T) {
	dead(t, 100, func(t *testing.T, b *bench) {
		trim := b.NewTrimmer(Bounds{MaxBytes: 1 << 20})
		if n, err := trim(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d dropped, %v", n, err)
		}
		for i := range 20 {
			b.die(1000+i, "here", "TIMEOUT", func(d *journal.Delivery) { d.Body = make([]byte, 100<<10) })
		}
		time.Sleep(lookEvery)
		if n, err := trim(t.Context()); n < 100 || err != nil {
			t.Errorf("%d dropped of 2 MB where 1 MB is the bound, %v", n, err)
		}
	})
}

func TestALargeQueueIsWarnedOfOnce(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	w := share{log: zap.New(core)}
	for _, bytes := range []uint64{5, 11, 9, 12, 50, 9, 11, 7, 9, 11} {
		w.tell(bytes, 100)
	}
	if logs.FilterMessageSnippet("large share of the disk").Len() != 2 {
		t.Errorf("logged %v, want one warning each time it grows beyond a tenth", logs.All())
	}
}
