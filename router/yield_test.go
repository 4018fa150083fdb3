package router

import (
	"testing"
	"time"

	"signalbox/jobs"
	"signalbox/replay"
)

// beside sends an event each 10 ms for as long as it is told to, and returns how many deliveries a
// replay makes meanwhile.
func (b *bench) beside(name string, during time.Duration) uint64 {
	b.t.Helper()
	before, err := b.router.Replays.Job(name)
	b.must(err)
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.send(order(1_000_000))
	}
	after, err := b.router.Replays.Job(name)
	b.must(err)
	return after.Delivered - before.Delivered
}

// processorsThatSuffice keep nothing waiting, whatever else the machine does.
func processorsThatSuffice(b *bench) { b.opts.processorsShort = func() bool { return false } }

// TestAReplayGivesWay holds how fast a replay goes beside live traffic, by itself and at a rate that
// was asked for, and that it goes at once when nothing else is there to do.
func TestAReplayGivesWay(t *testing.T) {
	takenOn(t, processorsThatSuffice, toA, 20_000, func(t *testing.T, b *bench) {
		begin := func(name string, rate float64) {
			_, err := b.router.Replays.Begin(replay.Request{Name: name, Rate: rate})
			b.must(err)
		}
		begin("polite", 0)
		b.beside("polite", 100*time.Millisecond)
		b.beside("polite", 5*time.Second) // what was planned at first goes
		if n := b.beside("polite", 5*time.Second); n < 1500 || n > 2200 {
			t.Errorf("%d deliveries in 5 s beside live traffic, want 400 a second", n)
		}
		if j, err := b.router.Replays.Job("polite"); err != nil || j.YieldRate < 300 || j.YieldRate > 401 {
			t.Errorf("beside live traffic: %+v, %v", j, err)
		}
		began := time.Now()
		if j := b.replayEnds("polite"); j.State != jobs.Finished || j.Delivered < 20_000 || j.YieldRate != 0 {
			t.Errorf("the replay: %+v", j)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("without live traffic the rest took %v", took)
		}

		begin("at-a-rate", 2000)
		if n := b.beside("at-a-rate", 5*time.Second); n < 9000 || n > 11_000 {
			t.Errorf("%d deliveries in 5 s, want those that were asked for", n)
		}
		if j := b.replayEnds("at-a-rate"); j.State != jobs.Finished {
			t.Errorf("the replay: %+v", j)
		}
	})
}

// TestAReplayThatEndsIsNoLiveTraffic: its deliveries become those of the target's lane, and another
// replay goes no faster for that.
func TestAReplayThatEndsIsNoLiveTraffic(t *testing.T) {
	takenOn(t, processorsThatSuffice, toA, 20_000, func(t *testing.T, b *bench) {
		_, err := b.router.Replays.Begin(replay.Request{Name: "polite"})
		b.must(err)
		_, err = b.router.Replays.Begin(replay.Request{Name: "ends", Rate: 8000})
		b.must(err)
		b.beside("polite", 2*time.Second)
		n := b.beside("polite", 3*time.Second)
		if j, err := b.router.Replays.Job("ends"); err != nil || j.State != jobs.Finished {
			t.Errorf("the other: %+v, %v", j, err)
		}
		if n > 1500 {
			t.Errorf("%d deliveries in 3 s beside live traffic, want 400 a second", n)
		}
		b.replayEnds("polite")
	})
}

// TestAReplayThatOnlyLooksGivesWay holds that a replay without deliveries gives way too: what it looks
// through takes the processor.
func TestAReplayThatOnlyLooksGivesWay(t *testing.T) {
	takenOn(t, processorsThatSuffice, toA, 20_000, func(t *testing.T, b *bench) {
		_, err := b.router.Replays.Begin(replay.Request{Name: "first"})
		b.must(err)
		b.beside("first", 100*time.Millisecond)
		_, err = b.router.Replays.Begin(replay.Request{Name: "none", Pattern: []byte(`{"source": ["other"]}`)})
		b.must(err)
		b.beside("none", time.Second)
		if j, err := b.router.Replays.Job("none"); err != nil || j.State != jobs.Running {
			t.Errorf("after a second beside live traffic: %+v, %v", j, err)
		}
		if j := b.replayEnds("none"); j.State != jobs.Finished || j.Planned != 0 {
			t.Errorf("the replay: %+v", j)
		}
		b.replayEnds("first")
	})
}
