package dlq

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/targets"
)

// here chooses the dead letters whose target is there.
var here = Filter{Target: "here"}

// dead runs a test on a queue of n dead letters to "here", and one to "gone".
func dead(t *testing.T, n int, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, fill(t, n)) })
}

func TestARedriveSendsEveryDeadLetterOnce(t *testing.T) {
	dead(t, 700, func(t *testing.T, b *bench) {
		j := b.ended(b.begin(Redrive{}).ID)
		if want := (Tally{Total: 701, Delivered: 700, Skipped: 1}); j.State != jobs.Finished || j.Tally != want || j.Skips[SkipTargetGone] != 1 {
			t.Errorf("got %+v", j)
		}
		sent := b.sentPlaces()
		if len(sent) != 700 || len(slices.Compact(sent)) != 700 {
			t.Errorf("%d were sent", len(sent))
		}
		if left := b.list(Filter{}); len(left) != 1 || left[0].Target != "gone" {
			t.Errorf("%d are left", len(left))
		}
		if jobs := b.Jobs(); len(jobs) != 1 || jobs[0].ID != j.ID || b.Running() != 0 {
			t.Errorf("jobs: %+v", jobs)
		}
	})
}

func TestARedriveStopsItselfAndPutsTheRestBackAsItWas(t *testing.T) {
	dead(t, 300, func(t *testing.T, b *bench) {
		b.say(down)
		old := map[string]*Letter{}
		for _, l := range b.list(here) {
			old[l.ID] = l
		}
		j := b.ended(b.begin(Redrive{Filter: here}).ID)
		if j.State != jobs.Stopped || j.Reason != `target "here": 10 attempts in a row failed, the last with CONNECTION_FAILURE: connection refused` {
			t.Fatalf("got %+v", j)
		}
		if j.DiedAgain == 0 || j.DiedAgain > 10 || j.Left != 300-j.DiedAgain || j.Total != 300 || j.InFlight != 0 {
			t.Errorf("got %+v", j.Tally)
		}
		again := 0
		for _, l := range b.list(here) {
			if l.Redriven == 0 {
				was := old[l.ID]
				if !l.DiedAt.Equal(was.DiedAt) || l.RetryAttempts != was.RetryAttempts || l.Attempts != was.Attempts || len(l.History) != len(was.History) {
					t.Errorf("%s was %+v and is %+v", l.ID, was, l)
				}
				continue
			}
			again++
			r := l.Redrives[0]
			if l.Redriven != 1 || r.Job != j.ID || r.As != Stored || r.Code != "TIMEOUT" || r.Attempts != 3 || l.Attempts <= 3 || !l.DiedAt.After(r.DiedAt) {
				t.Errorf("%s: %+v", l.ID, l)
			}
		}
		if again != j.DiedAgain {
			t.Errorf("%d died again, and the job says %d", again, j.DiedAgain)
		}
		b.say(nil)
		if _, err := b.Resume(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		if j = b.ended(j.ID); j.State != jobs.Finished || j.Delivered != 300 || j.Reason != "" || j.ResumedAt.IsZero() {
			t.Errorf("resumed: %+v", j)
		}
	})
}

// A target that fails in the middle of a redrive has many on their way: those that
// are not under way go back untouched.
func TestAFailureInTheMiddleCallsTheRestBack(t *testing.T) {
	dead(t, 600, func(t *testing.T, b *bench) {
		n := 0
		b.say(func(d *journal.Delivery) *targets.Error {
			b.lanes.mu.Lock()
			n++
			fails := n > 200
			b.lanes.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			if fails {
				return down(d)
			}
			return nil
		})
		j := b.ended(b.begin(Redrive{Filter: here}).ID)
		if j.State != jobs.Stopped || j.Delivered != 200 || j.InFlight != 0 || j.Left+j.DiedAgain != 400 || j.DiedAgain > 150 {
			t.Errorf("got %+v", j)
		}
		if c, _ := b.lanes.journal.Counters.Totals(); c.Delivered != 200 || c.Dead != 401 || c.Pending() != 0 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestWhatFailsAloneGoesBackAndTheOthersContinue(t *testing.T) {
	dead(t, 50, func(t *testing.T, b *bench) {
		poison := b.list(here)[20].place.Seq
		b.say(func(d *journal.Delivery) *targets.Error {
			if d.Seq == poison {
				return down(d)
			}
			return nil
		})
		j := b.ended(b.begin(Redrive{Filter: here, Attempts: 2}).ID)
		if want := (Tally{Total: 50, Delivered: 49, DiedAgain: 1}); j.State != jobs.Finished || j.Tally != want || j.Targets[0].Failures != 2 {
			t.Errorf("got %+v", j)
		}
		if left := b.list(here); len(left) != 1 || left[0].place.Seq != poison || left[0].Attempts != 5 {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestARedriveKeepsItsRateAndItsLimit(t *testing.T) {
	dead(t, 80, func(t *testing.T, b *bench) {
		began := time.Now()
		j := b.ended(b.begin(Redrive{Filter: here, Rate: 10, Limit: 60}).ID)
		if took := time.Since(began); took < 5*time.Second || took > 8*time.Second || j.Delivered != 60 {
			t.Errorf("%d at 10/s took %v", j.Delivered, took)
		}
		if left := b.list(here); len(left) != 20 || left[0].EventID != "60" {
			t.Errorf("left: %v", eventIDs(left))
		}
	})
}

func TestACancelledRedriveLeavesTheRest(t *testing.T) {
	dead(t, 60, func(t *testing.T, b *bench) {
		j := b.begin(Redrive{Filter: here, Rate: 10})
		time.Sleep(2 * time.Second)
		if _, err := b.Cancel(j.ID); err != nil {
			t.Fatal(err)
		}
		j = b.ended(j.ID)
		if j.State != jobs.Cancelled || j.Delivered < 15 || j.Delivered > 25 || j.Left != 60-j.Delivered || len(b.list(here)) != j.Left {
			t.Errorf("got %+v", j)
		}
	})
}

func TestTwoRedrivesAndAPurgeTakeADeadLetterOnce(t *testing.T) {
	dead(t, 500, func(t *testing.T, b *bench) {
		b.say(func(*journal.Delivery) *targets.Error { time.Sleep(time.Millisecond); return nil })
		one, two := b.begin(Redrive{Filter: here}), b.begin(Redrive{Filter: here})
		purged, err := b.Purge(t.Context(), here, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		one, two = b.ended(one.ID), b.ended(two.ID)
		if sum := one.Delivered + two.Delivered + purged.Done; sum != 500 || one.Ended() != one.Total || two.Ended() != two.Total {
			t.Errorf("%+v, %+v and %+v", one.Tally, two.Tally, purged)
		}
		if sent := b.sentPlaces(); len(sent) != one.Delivered+two.Delivered {
			t.Errorf("%d were sent", len(sent))
		}
	})
}

// A redrive continues after a crash, from what is on disk.
func TestARedriveContinuesAfterACrash(t *testing.T) {
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("waiting=%v", waits), func(t *testing.T) {
			dead(t, 200, func(t *testing.T, b *bench) {
				b.say(func(d *journal.Delivery) *targets.Error {
					time.Sleep(100 * time.Millisecond)
					if waits && d.Attempts == 3 && d.Seq%2 == 0 {
						return down(d)
					}
					return nil
				})
				j := b.begin(Redrive{Filter: here, StopAfter: 1000})
				time.Sleep(650 * time.Millisecond)
				b.crash()
				j = b.ended(j.ID)
				if want := (Tally{Total: 200, Delivered: 200}); j.State != jobs.Finished || j.Tally != want {
					t.Errorf("got %+v", j)
				}
			})
		})
	}
}

func TestWhatARedriveThatIsLostHadOnItsWayGoesBack(t *testing.T) {
	for name, state := range map[string][]byte{"forgotten": nil, "not to be read": []byte("{")} {
		t.Run(name, func(t *testing.T) {
			dead(t, 20, func(t *testing.T, b *bench) {
				j := b.begin(Redrive{Filter: here, Rate: 1})
				b.say(func(*journal.Delivery) *targets.Error { <-b.stopped; return down(nil) })
				time.Sleep(5 * time.Second)
				if err := b.lanes.journal.MoveJob(nil, j.ID, func() []byte { return state }); err != nil {
					t.Fatal(err)
				}
				fs := b.disk
				b.stop()
				b.disk = fs
				b.say(nil)
				b.open()
				if err := b.Queue.Start(); (err != nil) != (state != nil) || state != nil && !strings.Contains(err.Error(), j.ID) {
					t.Errorf("start: %v", err)
				}
				b.lanes.start()
				time.Sleep(time.Minute)
				if c, _ := b.lanes.journal.Counters.Totals(); c.Pending() != 0 || c.Delivered+c.Dead != 21 {
					t.Errorf("got %+v", c)
				}
			})
		})
	}
}

func TestCurrentSendsWhatTodaysRulesMake(t *testing.T) {
	for name, tc := range map[string]struct {
		render func(bus, rule, entry string) (Rendering, error)
		to     string
		skip   string
		body   string
	}{
		"rendered anew": {render: func(string, string, string) (Rendering, error) {
			return Rendering{Target: "here", Body: []byte("new")}, nil
		}, body: "new"},
		"another target": {render: func(string, string, string) (Rendering, error) { return Rendering{Target: "other"}, nil }, skip: SkipTargetChanged},
		"to another target": {
			render: func(string, string, string) (Rendering, error) {
				return Rendering{Target: "other", Body: []byte("new")}, nil
			}, to: "other", body: "new",
		},
		"the rule's word": {
			render: func(bus, rule, entry string) (Rendering, error) {
				return Rendering{}, &Skip{SkipRuleGone, fmt.Sprintf("%s on %s is gone, with %s", rule, bus, entry)}
			},
			skip: SkipRuleGone,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dead(t, 1, func(t *testing.T, b *bench) {
				b.lanes.render = tc.render
				o := Redrive{Filter: here, As: Current, To: tc.to}
				p, err := b.Preview(t.Context(), o, 10)
				if err != nil || p.Total != 1 || len(p.Letters) != 1 || len(b.list(here)) != 1 {
					t.Fatalf("preview: %+v, %v", p, err)
				}
				j := b.ended(b.begin(o).ID)
				if tc.skip != "" {
					if j.Skips[tc.skip] != 1 || j.Skipped != 1 || len(j.SkippedLetters) != 1 || len(b.list(here)) != 1 || p.Skips[tc.skip] != 1 || p.Letters[0].Skip.Code != tc.skip {
						t.Errorf("got %+v, preview %+v", j, p)
					}
					return
				}
				if j.Delivered != 1 || p.Send != 1 || p.Changed != 1 || p.Letters[0].Request.Body != tc.body || string(b.sent[0].Body) != tc.body {
					t.Errorf("got %+v, preview %+v, sent %+v", j, p, b.sent)
				}
				if target := b.TargetName(b.sent[0].Lane); tc.to != "" && target != tc.to {
					t.Errorf("sent to %s", target)
				}
			})
		})
	}
}

func TestAPreviewShowsWhatChanges(t *testing.T) {
	dead(t, 3, func(t *testing.T, b *bench) {
		b.die(7, "here", "TIMEOUT", func(d *journal.Delivery) {
			d.Body = []byte("old")
			d.Death.Request = []byte(`{"method":"POST","address":"http://was/"}`)
		})
		b.die(8, "here", "TIMEOUT", func(d *journal.Delivery) { d.Body = []byte("bad") })
		p, err := b.Preview(t.Context(), Redrive{}, 10)
		if err != nil || p.Total != 6 || p.Send != 5 || p.Targets["here"] != 5 || p.Skips[SkipTargetGone] != 1 || len(p.Letters) != 6 {
			t.Fatalf("got %+v, %v", p, err)
		}
		if got := p.Letters[4].Changes; len(got) != 1 || got[0] != (Change{"address", "http://was/", "http://here/"}) || p.Letters[4].Request.Body != "old" {
			t.Errorf("changes: %+v", got)
		}
		if got := p.Letters[5]; got.Error != "no JSON" || got.Request != nil {
			t.Errorf("one that can't be rendered: %+v", got)
		}
		if p, err = b.Preview(t.Context(), Redrive{Limit: 2}, 1); err != nil || p.Total != 2 || len(p.Letters) != 1 {
			t.Errorf("limited: %+v, %v", p, err)
		}
		if _, err = b.Preview(t.Context(), Redrive{As: "x"}, 1); err == nil {
			t.Error("a faulty redrive has a preview")
		}
	})
}

// What was rendered anew and fails is again to be sent as it was planned.
func TestAFailureOfCurrentLeavesThePlannedBody(t *testing.T) {
	for _, waits := range []bool{true, false} {
		dead(t, 0, func(t *testing.T, b *bench) {
			b.die(1, "here", "TIMEOUT", func(d *journal.Delivery) { d.Body = []byte("old") })
			b.lanes.render = func(string, string, string) (Rendering, error) {
				return Rendering{Target: "other", Body: []byte("new")}, nil
			}
			b.say(func(d *journal.Delivery) *targets.Error {
				if string(d.Body) != "new" {
					t.Errorf("sent %q", d.Body)
				}
				f := down(d)
				f.Final = !waits
				return f
			})
			j := b.begin(Redrive{Filter: here, As: Current, To: "other"})
			if waits { // cancelled between two attempts
				time.Sleep(500 * time.Millisecond)
				if _, err := b.Cancel(j.ID); err != nil {
					t.Fatal(err)
				}
			}
			if j = b.ended(j.ID); j.DiedAgain != 1 {
				t.Fatalf("got %+v", j)
			}
			letters := b.list(Filter{Target: "other"})
			if len(letters) != 1 || *letters[0].Body != "old" || letters[0].Redrives[0].As != Current || letters[0].ErrorCode != targets.CodeConnectionFailure || letters[0].Attempts != 4 {
				t.Errorf("got %+v", letters)
			}
		})
	}
}

func TestARedriveToAnotherTargetThatStopsLeavesTheRestToTheirs(t *testing.T) {
	dead(t, 40, func(t *testing.T, b *bench) {
		b.say(down)
		j := b.ended(b.begin(Redrive{Filter: here, To: "other", StopAfter: 2, Attempts: 1}).ID)
		if j.State != jobs.Stopped || j.DiedAgain != 2 || len(b.list(here)) != 38 {
			t.Errorf("got %+v", j)
		}
	})
}

func TestARedriveHeedsTheCircuitBreaker(t *testing.T) {
	dead(t, 10, func(t *testing.T, b *bench) {
		var open bool
		b.lanes.open = func(string) bool { return open }
		b.say(func(d *journal.Delivery) *targets.Error { open = true; return down(d) })
		j := b.ended(b.begin(Redrive{Filter: here, StopAfter: 100}).ID)
		if j.State != jobs.Stopped || !strings.Contains(j.Reason, "its circuit breaker is open: CONNECTION_FAILURE: connection refused") || j.DiedAgain != 1 || j.Left != 9 {
			t.Errorf("got %+v", j)
		}
	})
}

// stop makes the i-th dead letter stop an ordering key of a target's lane.
func (b *bench) stops(i int, key string) {
	b.die(i, "here", "TIMEOUT", func(d *journal.Delivery) { d.Key = key })
	l := b.list(Filter{})
	head := l[len(l)-1]
	rec := journal.KeyRecord{
		Lane: head.place.Lane, Hash: journal.HashKey(key), State: journal.KeyStopped, Key: key, Seq: head.place.Seq, N: head.place.N, Head: head.ID, Since: died,
	}
	next := head.place
	if err := b.lanes.journal.MoveSync([]journal.Move{{From: head.place, To: &next, Record: &head.record, Key: &journal.KeyChange{Record: rec, New: true}}}); err != nil {
		b.t.Fatal(err)
	}
}

func TestWhatAnotherStopsIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fill(t, 0)
		b.die(1, "here", "TIMEOUT", func(d *journal.Delivery) { d.Key = "x" })
		b.stops(2, "x")
		b.die(3, "here", "TIMEOUT", func(d *journal.Delivery) { d.Key = "x" })
		b.die(4, "here", "TIMEOUT", func(d *journal.Delivery) { d.Key = "y" })
		j := b.ended(b.begin(Redrive{Filter: here}).ID)
		if want := (Tally{Total: 4, Delivered: 3, Skipped: 1}); j.Tally != want || j.Skips[SkipKeyStopped] != 1 || !strings.Contains(j.SkippedLetters[0].Message, `its ordering key "x" is stopped by the dead letter`) {
			t.Errorf("got %+v", j)
		}
		if left := b.list(here); !slices.Equal(eventIDs(left), []string{"1"}) {
			t.Errorf("left: %v", eventIDs(left))
		}
	})
}

func TestARedriveThatCantBegin(t *testing.T) {
	dead(t, 1, func(t *testing.T, b *bench) {
		var bad *BadRequest
		for name, o := range map[string]Redrive{
			"as":         {As: "new"},
			"rate":       {Rate: -1},
			"limit":      {Limit: -1},
			"attempts":   {Attempts: -1},
			"stop_after": {StopAfter: -1},
			"to":         {To: "nope"},
			"pattern":    {Filter: Filter{Pattern: []byte(`{"a":1}`)}},
		} {
			if _, err := b.Redrive(t.Context(), o); !errors.As(err, &bad) || !strings.HasPrefix(bad.Reason, name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var conflict *jobs.Conflict
		j := b.ended(b.begin(Redrive{Filter: Filter{Bus: "none"}}).ID)
		if _, err := b.Cancel(j.ID); !errors.As(err, &conflict) {
			t.Errorf("cancel: %v", err)
		}
		if _, err := b.Resume(t.Context(), j.ID); !errors.As(err, &conflict) {
			t.Errorf("resume: %v", err)
		}
		for _, ask := range []func() (Job, error){
			func() (Job, error) { return b.Job("none") }, func() (Job, error) { return b.Cancel("none") }, func() (Job, error) { return b.Resume(t.Context(), "none") },
		} {
			if _, err := ask(); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("none: %v", err)
			}
		}
		if _, err := New(b.opts).Redrive(t.Context(), Redrive{}); !errors.Is(err, jobs.ErrStopped) {
			t.Errorf("before the start: %v", err)
		}
	})
}

func TestRedrivesAreBoundedAndTheOldestForgotten(t *testing.T) {
	dead(t, 40, func(t *testing.T, b *bench) {
		none := Redrive{Filter: Filter{Bus: "none"}}
		for range jobs.MaxEnded + 5 {
			b.ended(b.begin(none).ID)
			time.Sleep(time.Second) // ids are of seconds
		}
		if n := len(b.Jobs()); n != jobs.MaxEnded {
			t.Errorf("%d are remembered", n)
		}
		slow := Redrive{Filter: here, Rate: 0.1}
		for range jobs.MaxRunning {
			b.begin(slow)
		}
		var conflict *jobs.Conflict
		if _, err := b.Redrive(t.Context(), slow); !errors.As(err, &conflict) || b.Running() != jobs.MaxRunning {
			t.Errorf("one more: %v, %d run", err, b.Running())
		}
	})
}

// TestARedriveTakesWhatDiedByAnotherClock that is ahead, as the earlier leader's of a cluster, or this machine's before it
// was set back. A crash of the job sends none of it again, and what dies again by it is resumed.
func TestARedriveTakesWhatDiedByAnotherClock(t *testing.T) {
	dead(t, 3, func(t *testing.T, b *bench) {
		ahead := func(d *journal.Delivery) { d.Death.At = time.Now().Add(10 * time.Minute) }
		b.die(4, "here", "CODE", ahead)
		b.die(5, "gone", "CODE", ahead)
		j := b.ended(b.begin(Redrive{}).ID)
		if want := (Tally{Total: 6, Delivered: 4, Skipped: 2}); j.Tally != want {
			t.Errorf("got %+v", j)
		}
		if j = b.ended(b.begin(Redrive{To: "here"}).ID); j.Delivered != 2 {
			t.Errorf("then %+v", j)
		}
	})
}
