package router

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// TestRetentionForgetsStories: work requests, also open ones, and traces go with their
// events; the latest states of objects stay.
func TestRetentionForgetsStories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, bdsRules)
		b.opts.Trace, b.opts.Retention = true, store.Retention{MaxAge: 10 * time.Minute}
		b.start()
		defer b.stop()
		bds := b.fakes["bds"]
		bds.say(answerWith(202, ""))
		open := command(b, time.Second).Work.ID
		bds.say(answerWith(200, "done"))
		ended := command(b, time.Second).Work.ID
		b.send(customer(`{"id":"1","n":1}`))
		b.settled()
		was, err := b.router.States.Get("CustomerState", "1", "")
		if err != nil {
			t.Fatal(err)
		}

		time.Sleep(12 * time.Minute) // the router looks each minute
		bds.say(answerWith(202, ""))
		young := command(b, time.Second).Work.ID
		for _, id := range []string{open, ended} {
			if _, err := b.router.Commands.Find(id); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("the work request %s: %v", id, err)
			}
			if _, err := b.router.Commands.Cancel(id); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("the end of %s: %v", id, err)
			}
			if _, err := b.router.Traces.OfEvent(t.Context(), id, 0); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("the trace of %s: %v", id, err)
			}
			if _, err := b.router.Traces.OfCorrelation(id, 0); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("the trace of the story %s: %v", id, err)
			}
		}
		for before, want := range map[string]int{"": 1, young: 0, open: 0} {
			n := 0
			if err := b.router.Commands.Each(before, func(*work.Request) bool { n++; return true }); err != nil || n != want {
				t.Errorf("before %q there are %d work requests, want %d (%v)", before, n, want, err)
			}
		}
		if b.router.Commands.Open() != 1 {
			t.Errorf("%d work requests are open, want the young one", b.router.Commands.Open())
		}
		for _, version := range []string{"", was.Version} {
			if s, err := b.router.States.Get("CustomerState", "1", version); err != nil || s.EventID != was.EventID {
				t.Errorf("the state of version %q: %+v, %v", version, s, err)
			}
		}
		b.tell("CreateBdsInstanceSucceeded", `{}`, open) // too late: it moves nothing, and is an event
		late := &event.Event{Source: "bds", DetailType: "Said", Detail: []byte(`{}`), Meta: event.Metadata{CausationID: open}}
		b.send(late)
		b.settled()
		trace := b.trace(late.ID)
		if len(trace.Notes) != 1 || !strings.Contains(trace.Notes[0], "the event that caused "+late.ID+" ("+open+") is not kept: retention has dropped it") {
			t.Errorf("the trace of an event whose cause is gone notes %q", trace.Notes)
		}
	})
}
