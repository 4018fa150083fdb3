package router

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/replay"
	"signalbox/targets"
)

// withArchive is toA with an archive of all events.
const withArchive = toA + "archives: {all: {folder: archive, every: 1m}}\n"

// trimmed is a bench whose store has dropped events that were delivered to the target a, and that
// its archive has.
func trimmed(t *testing.T, n int, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, withArchive)
		b.opts.Trace, b.opts.Retention = true, store.Retention{MaxAge: 10 * time.Minute}
		b.start()
		defer func() { b.verified() }()
		for i := range n {
			b.send(order(i))
		}
		b.settled()
		time.Sleep(20 * time.Minute)
		if rows := b.rows(0, 1<<63); rows != 0 {
			t.Fatalf("the store still has %d events", rows)
		}
		test(t, b)
	})
}

// rows counts the events in the store from a number on and before another.
func (b *bench) rows(from, before journal.Seq) (n int) {
	b.t.Helper()
	if err := b.journal.Events.Between(from, before, func(journal.Record) bool { n++; return true }); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestArchivedEventsAreReplayed with the ids that their deliveries had. Meanwhile retention goes
// on, and nothing of them is left afterwards.
func TestArchivedEventsAreReplayed(t *testing.T) {
	trimmed(t, 3000, func(t *testing.T, b *bench) {
		a := b.fakes["a"]
		first := idsOf(a.deliveries())
		preview, err := b.router.Replays.Preview(t.Context(), replay.Request{})
		if err != nil || preview.Deliveries != 3000 || preview.ArchivedTo.IsZero() {
			t.Fatalf("%+v, %v", preview, err)
		}
		a.say(func(ctx context.Context, _ *targets.Delivery) error {
			time.Sleep(10 * time.Second)
			return nil
		})
		j, err := b.router.Replays.Begin(replay.Request{Name: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		most, oldest := 0, b.journal.Seqs.Oldest()
		for !j.State.Ended() {
			time.Sleep(time.Minute)
			b.send(&event.Event{Source: "other", DetailType: "Other", Detail: []byte(`{}`)})
			most = max(most, b.rows(0, oldest))
			if j, err = b.router.Replays.Job("slow"); err != nil {
				t.Fatal(err)
			}
		}
		if want := (replay.Tally{Planned: 3000, Delivered: 3000}); j.State != jobs.Finished || j.Tally != want || j.ArchivedTo.IsZero() || !j.MissingTo.IsZero() {
			t.Errorf("%+v", j)
		}
		if now := b.journal.Seqs.Oldest(); now < oldest+journal.Seq(5*time.Minute) {
			t.Errorf("retention stood still at %s", now.Time())
		}
		if most > 2200 {
			t.Errorf("%d events were in the store at a time, want two windows of 1024 and little more", most)
		}
		again := a.deliveries()[3000:]
		for _, d := range again {
			if d.Replay != "slow" {
				t.Fatalf("not marked: %+v", d)
			}
		}
		if !maps.Equal(idsOf(again), first) {
			t.Errorf("%d ids again, of %d", len(idsOf(again)), len(first))
		}
		time.Sleep(2 * time.Minute)
		if rows := b.rows(0, oldest); rows != 0 {
			t.Errorf("%d events are left", rows)
		}
		if c, e := b.journal.Counters.Totals(); c.Delivered != 6000 || e.Accepted < 3000 || e.Accepted > 3000+uint64(time.Since(j.StartedAt)/time.Minute) {
			t.Errorf("the accounts: %+v, %+v", c, e)
		}
	})
}

// TestAStartGoesBackToArchives, also after a restart in the middle, and once.
func TestAStartGoesBackToArchives(t *testing.T) {
	trimmed(t, 50, func(t *testing.T, b *bench) {
		b.send(order(50))
		b.fakes["b"] = &fake{}
		b.fakes["b"].say(down)
		b.write(strings.Replace(withArchive, "rules:", `  b: {type: http, url: "http://127.0.0.1:1/", start: oldest, breaker: off, retry_budget: off}
rules:
  - {name: new, pattern: {source: [shop.orders]}, targets: [b]}`, 1))
		b.swap()
		time.Sleep(time.Second)
		b.stop()
		b.fakes["b"].say(nil)
		b.start()
		jobs := b.router.Replays.Jobs()
		if len(jobs) != 1 {
			t.Fatalf("%+v", jobs)
		}
		if j := b.replayEnds(jobs[0].Name); j.Delivered != 51 {
			t.Errorf("%+v", j)
		}
		b.swap()
		if n := len(b.router.Replays.Jobs()); n != 1 {
			t.Errorf("%d replays", n)
		}
	})
}

// TestADamagedSegmentStopsAReplay which continues when it is whole again.
func TestADamagedSegmentStopsAReplay(t *testing.T) {
	trimmed(t, 50, func(t *testing.T, b *bench) {
		paths, err := filepath.Glob(filepath.Join(b.dir, "archive/all/*/*/*/*.zst"))
		if err != nil || len(paths) != 1 {
			t.Fatal(paths, err)
		}
		whole, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(paths[0], 9); err != nil {
			t.Fatal(err)
		}
		j := b.replayed(replay.Request{})
		if want := filepath.Base(paths[0]) + fmt.Sprintf(": has 9 bytes, not %d; put a copy of it back, and resume the replay", len(whole)); j.State != jobs.Stopped || !strings.Contains(j.Reason, want) {
			t.Errorf("%+v", j)
		}
		if err := os.WriteFile(paths[0], whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.router.Replays.Resume(j.Name); err != nil {
			t.Fatal(err)
		}
		if j = b.replayEnds(j.Name); j.State != jobs.Finished || j.Delivered != 50 {
			t.Errorf("%+v", j)
		}
		as := b.replayed(replay.Request{AsPlanned: true})
		if as.State != jobs.Finished || as.Planned != 0 || as.LeftOut[replay.LeftUnplanned] != 50 {
			t.Errorf("as planned: %+v", as)
		}
	})
}
