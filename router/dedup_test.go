package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/trace"
)

func named(id string) *event.Event {
	e := order(1)
	e.ID = id
	return e
}

func dedupBench(t *testing.T) *bench {
	b := newBench(t, toA+"buses: {audit: {}}\n")
	b.opts.DedupWindow = 5 * time.Minute
	b.start()
	return b
}

func TestWhatCountsAsADuplicate(t *testing.T) {
	change := func(f func(*event.Event)) *event.Event {
		e := named("1")
		f(e)
		return e
	}
	key := func(id, key string) *event.Event {
		e := named(id)
		e.Meta.DedupKey = key
		return e
	}
	for _, test := range []struct {
		name          string
		first, second *event.Event
		after         time.Duration
		want          bool
	}{
		{"the same", named("1"), named("1"), 0, true},
		{"within the window", named("1"), named("1"), 5*time.Minute - time.Second, true},
		{"after the window", named("1"), named("1"), 5*time.Minute + time.Second, false},
		{"another id", named("1"), named("2"), 0, false},
		{"no id", named(""), named(""), 0, false},
		{"another source", named("1"), change(func(e *event.Event) { e.Source = "shop.returns" }), 0, false},
		{"another bus", named("1"), change(func(e *event.Event) { e.Meta.Bus = "audit" }), 0, false},
		{"a test", named("1"), change(func(e *event.Event) { e.Meta.Synthetic = true }), 0, false},
		{"a replay", named("1"), change(func(e *event.Event) { e.ReplayName = "again" }), 0, false},
		{"back from another bus", named("1"), change(func(e *event.Event) { e.Meta.Hops = 2 }), 0, false},
		{"the same key", key("1", "k"), key("2", "k"), 0, true},
		{"the same key without an id", key("", "k"), key("", "k"), 0, true},
		{"another key", key("1", "k"), key("1", "l"), 0, false},
		{"another detail", named("1"), change(func(e *event.Event) { e.Detail = []byte(`{"id":2}`) }), 0, false},
		{"a number written otherwise", named("1"), change(func(e *event.Event) { e.Detail = []byte(`{"id":1.0}`) }), 0, false},
		{"a detail spaced otherwise", named("1"), change(func(e *event.Event) { e.Detail = []byte(`{ "id" : 1 }`) }), 0, true},
		{"a detail in another order", change(func(e *event.Event) { e.Detail = []byte(`{"a":1,"b":{"c":1,"d":2}}`) }), change(func(e *event.Event) { e.Detail = []byte(`{"b":{"d":2,"c":1},"a":1}`) }), 0, true},
		{"another type", named("1"), change(func(e *event.Event) { e.DetailType = "OrderChanged" }), 0, false},
		{"other resources", named("1"), change(func(e *event.Event) { e.Resources = []string{"r"} }), 0, false},
		{"another time", named("1"), change(func(e *event.Event) { e.Time = time.Unix(1, 0) }), 0, true},
		{"a key and another detail", key("1", "k"), change(func(e *event.Event) { e.Meta.DedupKey, e.Detail = "k", []byte(`{}`) }), 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := dedupBench(t)
				defer b.stop()
				b.send(test.first)
				time.Sleep(test.after)
				b.send(test.second)
				b.settled()
				if test.second.Duplicate != test.want || test.want && test.second.ID != test.first.ID {
					t.Errorf("got duplicate %v, id %q after %q", test.second.Duplicate, test.second.ID, test.first.ID)
				}
				want := journal.EventCounts{Accepted: 2, Unmatched: 0}
				if test.want {
					want = journal.EventCounts{Accepted: 1, Duplicates: 1}
				}
				got := b.router.Accounts().Events
				if got.Unmatched = 0; got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		})
	}
}

// Several events with one id are each known again by their content, whatever came
// between, in one request or in several, and after a restart.
func TestContentsOfOneIDAreToldApart(t *testing.T) {
	content := func(n int) *event.Event {
		e := order(n)
		e.ID = "sample"
		return e
	}
	for name, send := range map[string]func(b *bench, evs ...*event.Event){
		"one by one": func(b *bench, evs ...*event.Event) {
			for _, e := range evs {
				b.send(e)
				time.Sleep(30 * time.Second)
			}
		},
		"in one request": func(b *bench, evs ...*event.Event) { b.send(evs...) },
		"restarts": func(b *bench, evs ...*event.Event) {
			for _, e := range evs {
				b.send(e)
				b.settled()
				b.stop()
				b.start()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := dedupBench(t)
				defer func() { b.stop() }()
				var got []bool
				evs := []*event.Event{content(1), content(2), content(1), content(3), content(2), content(3), content(1)}
				send(b, evs...)
				for _, e := range evs {
					got = append(got, e.Duplicate)
				}
				if want := []bool{false, false, true, false, true, true, true}; !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				b.settled()
				if got := b.router.Accounts().Events; got.Accepted != 3 || got.Duplicates != 4 {
					t.Errorf("got %+v", got)
				}
				// The window is that of each content.
				time.Sleep(4*time.Minute + 30*time.Second)
				last := content(3)
				b.send(last)
				if want := name != "one by one"; last.Duplicate != want {
					t.Errorf("a repeat after the window of some: duplicate %v", last.Duplicate)
				}
				b.settled()
			})
		})
	}
}

func TestAnIDThatIsReusedIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.DedupWindow = 5 * time.Minute
		registry := prometheus.NewRegistry()
		core, logs := observer.New(zap.WarnLevel)
		b.opts.Registerer, b.opts.Logger = registry, zap.New(core)
		b.start()
		defer b.stop()
		for n := range 5 {
			e := order(n)
			e.ID = "sample"
			again := *e
			b.send(e, &again)
		}
		b.settled()
		if all := logs.FilterMessageSnippet("has the id and the source of another").All(); len(all) != 1 || all[0].ContextMap()["event_id"] != "sample" {
			t.Errorf("logged: %v", all)
		}
		if n := figure(t, registry, "signalbox_events_id_reused_total"); n != 4 {
			t.Errorf("%v are counted, want 4", n)
		}
	})
}

func TestSendersDoNotRepeatEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := dedupBench(t)
		defer b.stop()
		for _, test := range []struct {
			sender, key string
			want        bool
		}{{"", "", false}, {"shop", "", false}, {"bank", "", false}, {"shop", "", true}, {"", "", true}, {"shop", "k", false}, {"bank", "k", false}, {"bank", "k", true}} {
			e := named("1")
			e.Meta.DedupKey = test.key
			ctx := t.Context()
			if test.sender != "" {
				ctx = event.WithSender(ctx, test.sender)
			}
			if errs, err := b.router.Accept(ctx, []*event.Event{e}); err != nil || errs[0] != nil || e.Duplicate != test.want {
				t.Errorf("%+v: duplicate %v, %v, %v", test, e.Duplicate, errs, err)
			}
		}
		b.settled()
	})
}

func TestDuplicatesAreKnownAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := dedupBench(t)
		b.send(named("1"))
		b.send(named("1"))
		b.settled()
		b.stop()
		b.start()
		defer b.stop()
		e := named("1")
		b.send(e)
		b.settled()
		if got := b.router.Accounts().Events; !e.Duplicate || got != (journal.EventCounts{Accepted: 1, Duplicates: 2}) {
			t.Errorf("got %v, %+v", e.Duplicate, got)
		}
		time.Sleep(6 * time.Minute)
		e = named("1")
		b.send(e)
		if e.Duplicate {
			t.Error("a duplicate of one that the window has passed by")
		}
	})
}

func TestTwiceInOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := dedupBench(t)
		defer b.stop()
		lost := named("2")
		lost.Meta.Bus = "nowhere"
		again := *lost
		evs := []*event.Event{named("1"), named(""), named("1"), lost, &again, named("1")}
		errs, err := b.router.Accept(t.Context(), evs)
		if err != nil || errs[0] != nil || errs[2] != nil || errs[5] != nil {
			t.Fatalf("got %v, %v", errs, err)
		}
		if errs[3] == nil || errs[4] == nil {
			t.Error("the repeat of a refused event was answered with success")
		}
		for i, want := range []bool{false, false, true, false, false, true} {
			if evs[i].Duplicate != want {
				t.Errorf("event %d: duplicate %v", i, evs[i].Duplicate)
			}
		}
		b.settled()
		if got := b.router.Accounts().Events; got != (journal.EventCounts{Accepted: 2, Duplicates: 2}) {
			t.Errorf("got %+v", got)
		}
	})
}

// Requests that share ids in all orders neither stand in each other's way nor
// take an event in twice.
func TestOneOfRacingRequestsIsAccepted(t *testing.T) {
	b := dedupBench(t)
	defer b.stop()
	const requests, ids = 16, 20
	var wg sync.WaitGroup
	for n := range requests {
		wg.Go(func() {
			var evs []*event.Event
			for i := range ids {
				evs = append(evs, named(fmt.Sprint((i*7+n*3)%ids)))
			}
			errs, err := b.router.Accept(context.Background(), evs)
			if err = errors.Join(append(errs, err)...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.router.journal.Sync()
	_, got := b.journal.Counters.Totals()
	if want := (journal.EventCounts{Accepted: ids, Duplicates: (requests - 1) * ids}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRepeatsAreCountedBesideTheirFirst: each repeat of an event counts, also within a request,
// of many at once, and after a restart; the events that came again are listed.
func TestRepeatsAreCountedBesideTheirFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := dedupBench(t)
		if _, err := b.router.Accept(t.Context(), []*event.Event{named("once"), named("flood"), named("twice"), named("twice")}); err != nil {
			t.Fatal(err)
		}
		var senders sync.WaitGroup
		for range 50 {
			senders.Go(func() {
				for range 10 {
					b.send(named("flood"))
				}
			})
		}
		senders.Wait()
		b.settled()
		b.stop()
		b.start()
		defer b.stop()
		last := time.Now()
		b.send(named("flood"))
		b.settled()
		search := func(f trace.Filter, limit int) trace.Page {
			page, err := b.router.Traces.Search(t.Context(), f, "", limit, false)
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		page := search(trace.Filter{Outcome: trace.OutcomeDuplicate}, 10)
		if len(page.Events) != 2 || page.Looked != 2 || page.Events[0].ID != "twice" || page.Events[0].Repeats != 1 ||
			page.Events[1].ID != "flood" || page.Events[1].Repeats != 501 || page.Events[1].LastRepeat.Before(last.Truncate(time.Millisecond)) {
			t.Errorf("listed %+v", page.Events)
		}
		if page := search(trace.Filter{Outcome: trace.OutcomeDuplicate}, 1); len(page.Events) != 1 || page.Next == "" {
			t.Errorf("the first page: %+v", page)
		}
		if page := search(trace.Filter{ID: "once"}, 1); len(page.Events) != 1 || page.Events[0].Repeats != 0 {
			t.Errorf("the one that came once: %+v", page.Events)
		}
		if got := b.router.Accounts().Events; got != (journal.EventCounts{Accepted: 3, Duplicates: 502}) {
			t.Errorf("counted %+v", got)
		}
	})
}
