package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// count is a job that counts to a number, one each second.
type count struct {
	Name string
	jobs.Status
	To, Done  int
	Cancelled bool
	Kept      bool
	Fault     string
	changed   chan struct{}
}

func newCount(name string, to int) *count {
	return &count{Name: name, To: to, Status: jobs.Status{State: jobs.Running}, changed: make(chan struct{}, 1)}
}

func (c *count) JobID() string { return c.Name }
func (c *count) View() count   { return *c }
func (c *count) Outcome() (jobs.State, string) {
	how := jobs.Finished
	switch {
	case c.Cancelled:
		how = jobs.Cancelled
	case c.Fault != "":
		how = jobs.Stopped
	}
	return jobs.Outcome([]jobs.Part{{Target: "all", State: how, Reason: c.Fault}})
}

func (c *count) Marshal() []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return text
}

// counts is a table of such jobs on a disk whose power can be cut.
type counts struct {
	*jobs.Table[*count, count]
	t       *testing.T
	disk    *store.Disk
	journal *store.Journal
	logs    *observer.ObservedLogs
	// counted has all that was counted, also what a crash has undone.
	counted map[string][]int
}

// inTime runs a test with an empty table, in fake time.
func inTime(t *testing.T, test func(t *testing.T, c *counts)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &counts{t: t, disk: journaltest.Crashable(), counted: map[string][]int{}}
		must(t, c.open())
		c.Start()
		defer func() {
			c.Stop()
			must(t, c.journal.Close())
		}()
		test(t, c)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *counts) open() (err error) {
	if c.journal, err = store.Open("data", store.Options{Disk: c.disk}); err != nil {
		return err
	}
	core, logs := observer.New(zapcore.InfoLevel)
	c.logs = logs
	c.Table = jobs.New(c.journal, zap.New(core), jobs.Kind[*count, count]{
		Of: journal.JobReplay, Noun: "count",
		Begin:  func(ctx context.Context, j *count) { c.Go(func() { c.run(ctx, j) }) },
		Keep:   func(j *count) bool { return j.Kept },
		Fields: func(j count) []zap.Field { return []zap.Field{zap.Int("done", j.Done)} },
	})
	return c.Load(func(name string, state []byte) (*count, error) {
		j := newCount(name, 0)
		if err := json.Unmarshal(state, j); err != nil {
			return nil, fmt.Errorf("count %s: %w", name, err)
		}
		return j, nil
	})
}

// run counts, and ends.
func (c *counts) run(ctx context.Context, j *count) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		over, next := false, 0
		c.Locked(func() { over, next = j.Cancelled || j.Fault != "" || j.Done == j.To, j.Done+1 })
		if over {
			c.End(j)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-j.changed:
			continue
		case <-tick.C:
		}
		waits := false
		c.Locked(func() {
			if waits = j.State == jobs.Paused; !waits {
				c.counted[j.Name] = append(c.counted[j.Name], next)
			}
		})
		if !waits && c.Write(j, func() { j.Done = next }) != nil {
			return
		}
	}
}

// restart ends the process, by a power cut or in order, and begins it again.
func (c *counts) restart(crash bool) {
	c.t.Helper()
	after := c.disk
	if crash {
		after = journaltest.Crash(c.disk, 0, nil)
	}
	c.Stop()
	must(c.t, c.journal.Close())
	c.disk = after
	must(c.t, c.open())
	c.Start()
}

func (c *counts) launch(name string, to int) {
	c.t.Helper()
	j := newCount(name, to)
	j.StartedAt = time.Now()
	_, err := c.Launch(j, nil)
	must(c.t, err)
}

func (c *counts) pause(name string) (count, error) {
	return c.Alter(name, "paused", []jobs.State{jobs.Running}, func(j *count) { j.State = jobs.Paused })
}

func (c *counts) resume(name string) (count, error) {
	return c.Alter(name, "resumed", []jobs.State{jobs.Paused}, func(j *count) { j.State = jobs.Running })
}

func (c *counts) cancel(name string) (count, error) {
	return c.Alter(name, "cancelled", []jobs.State{jobs.Running, jobs.Paused}, func(j *count) {
		j.State, j.Cancelled = jobs.Running, true
		j.changed <- struct{}{}
	})
}

// is holds where a job stands.
func (c *counts) is(name string, state jobs.State, done int) count {
	c.t.Helper()
	synctest.Wait()
	j, err := c.Job(name)
	if err != nil || j.State != state || j.Done != done || j.State.Ended() == j.EndedAt.IsZero() {
		c.t.Errorf("%s is %+v, %v; want it %s at %d", name, j, err, state, done)
	}
	return j
}

func TestAJobTellsItsProgressAndItsEnd(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		c.launch("one", 5)
		c.is("one", jobs.Running, 0)
		time.Sleep(3 * time.Second)
		c.is("one", jobs.Running, 3)
		if c.Running() != 1 {
			t.Errorf("%d run", c.Running())
		}
		time.Sleep(2 * time.Second)
		if j := c.is("one", jobs.Finished, 5); time.Since(j.EndedAt) > time.Second || c.Running() != 0 {
			t.Errorf("ended at %s; %d run", j.EndedAt, c.Running())
		}
		if got := c.logs.FilterMessage("count ended").FilterField(zap.Int("done", 5)).FilterField(zap.String("state", "finished")); got.Len() != 1 {
			t.Errorf("the log: %v", c.logs.All())
		}
		c.restart(true)
		time.Sleep(time.Minute)
		c.is("one", jobs.Finished, 5)
		if got := c.counted["one"]; !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
			t.Errorf("counted %v", got)
		}
		if _, err := c.Job("two"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a job that is not there: %v", err)
		}
	})
}

func TestAJobIsPausedResumedAndCancelled(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		c.launch("one", 10)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, err := c.pause("one")
		must(t, err)
		time.Sleep(time.Minute)
		c.is("one", jobs.Paused, 2)
		for _, crash := range []bool{false, true} { // a pause outlives the process
			c.restart(crash)
			time.Sleep(time.Minute)
			c.is("one", jobs.Paused, 2)
		}
		var conflict *jobs.Conflict
		if _, err := c.pause("one"); !errors.As(err, &conflict) || err.Error() != "count one is paused: only one that is running can be paused" {
			t.Errorf("a second pause: %v", err)
		}
		_, err = c.resume("one")
		must(t, err)
		time.Sleep(3 * time.Second)
		c.is("one", jobs.Running, 5)
		_, err = c.cancel("one")
		must(t, err)
		c.is("one", jobs.Cancelled, 5)
		for what, change := range map[string]func(string) (count, error){"paused": c.pause, "resumed": c.resume, "cancelled": c.cancel} {
			if _, err := change("one"); !errors.As(err, &conflict) || !strings.HasSuffix(err.Error(), "can be "+what) {
				t.Errorf("one that was cancelled is %s: %v", what, err)
			}
			if _, err := change("two"); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("one that is not there is %s: %v", what, err)
			}
		}
		c.restart(true)
		time.Sleep(time.Minute)
		c.is("one", jobs.Cancelled, 5)
	})
}

// TestAJobGoesOnAfterACrash loses nothing that was written, and begins nothing again that has ended.
func TestAJobGoesOnAfterACrash(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		c.launch("short", 1)
		c.launch("long", 10)
		for i := range 8 {
			time.Sleep(1500 * time.Millisecond)
			c.restart(i%2 == 0)
		}
		time.Sleep(time.Minute)
		c.is("short", jobs.Finished, 1)
		c.is("long", jobs.Finished, 10)
		for name, to := range map[string]int{"short": 1, "long": 10} {
			if got := c.counted[name]; len(slices.Compact(slices.Clone(got))) != to || !slices.IsSorted(got) {
				t.Errorf("%s counted %v", name, got)
			}
		}
	})
}

func TestJobsOverlap(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		for i := range jobs.MaxRunning {
			c.launch(fmt.Sprint("job-", i), 10+i)
			time.Sleep(100 * time.Millisecond)
		}
		var conflict *jobs.Conflict
		if _, err := c.Launch(newCount("more", 1), nil); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "16 counts are running") {
			t.Errorf("one too many: %v", err)
		}
		if _, err := c.Launch(newCount("job-3", 1), nil); !errors.As(err, &conflict) || !strings.Contains(err.Error(), `"job-3" is there already, and is running`) {
			t.Errorf("a name that is taken: %v", err)
		}
		must(t, c.Add(newCount("own", 1))) // the router's own are not bounded
		_, err := c.cancel("job-0")
		must(t, err)
		synctest.Wait()
		time.Sleep(2 * time.Second)
		c.launch("more", 1)
		if all := c.Jobs(); len(all) != jobs.MaxRunning+2 || all[0].Name != "more" {
			t.Errorf("%d jobs, the latest is %s", len(all), all[0].Name)
		}
		c.restart(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, j := range c.Jobs() {
			if want := map[bool]jobs.State{true: jobs.Cancelled, false: jobs.Finished}[j.Name == "job-0"]; j.State != want || j.State == jobs.Finished && j.Done != j.To {
				t.Errorf("%+v, want it %s", j, want)
			}
		}
	})
}

// TestAJobThatStoppedIsLaunchedAgain in place of what it was, by one alone.
func TestAJobThatStoppedIsLaunchedAgain(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		j := newCount("one", 5)
		j.Fault = "no disk"
		_, err := c.Launch(j, nil)
		must(t, err)
		if got := c.is("one", jobs.Stopped, 0); got.Reason != `target "all": no disk` {
			t.Errorf("stopped: %q", got.Reason)
		}
		if got := c.logs.FilterMessage("count ended").FilterLevelExact(zapcore.WarnLevel); got.Len() != 1 {
			t.Errorf("the log: %v", c.logs.All())
		}
		again := newCount("one", 5)
		_, err = c.Launch(again, j)
		must(t, err)
		var conflict *jobs.Conflict
		if _, err := c.Launch(newCount("one", 5), j); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "changed by somebody else meanwhile") {
			t.Errorf("the second who launches it again: %v", err)
		}
		time.Sleep(time.Minute)
		c.is("one", jobs.Finished, 5)
	})
}

// TestOldJobsAreForgotten but for those that are kept, on disk too.
func TestOldJobsAreForgotten(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		kept := newCount("kept", 0)
		kept.Kept = true
		must(t, c.Add(kept))
		for i := range jobs.MaxEnded + 5 {
			c.launch(fmt.Sprintf("job-%03d", i), 0)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		for range 2 {
			all := c.Jobs()
			if len(all) != jobs.MaxEnded+1 || all[0].Name != "job-104" || all[jobs.MaxEnded-1].Name != "job-005" || all[jobs.MaxEnded].Name != "kept" {
				t.Errorf("%d jobs, from %s to %s", len(all), all[0].Name, all[len(all)-1].Name)
			}
			c.restart(true)
		}
	})
}

func TestATableThatHasNotStartedTakesNothing(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		c.launch("one", 10)
		c.Stop()
		c.Stop()
		if _, err := c.Launch(newCount("two", 1), nil); !errors.Is(err, jobs.ErrStopped) {
			t.Errorf("a job after the stop: %v", err)
		}
		if _, err := c.pause("one"); !errors.Is(err, jobs.ErrStopped) {
			t.Errorf("a pause after the stop: %v", err)
		}
		c.is("one", jobs.Running, 0)
		must(t, c.Add(newCount("later", 1))) // begins with the next start
		c.restart(false)
		time.Sleep(time.Minute)
		c.is("one", jobs.Finished, 10)
		c.is("later", jobs.Finished, 1)
	})
}

// TestARecordThatCanNotBeRead hides no other job.
func TestARecordThatCanNotBeRead(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		c.launch("broken", 10)
		c.launch("whole", 10)
		c.Stop()
		must(t, c.journal.Close())
		must(t, journaltest.Overwrite(c.disk, "data", string(journal.JobKey(journal.JobReplay.ID("broken"))), func(k, _ []byte) []byte {
			if strings.HasSuffix(string(k), "broken") {
				return []byte("{")
			}
			return nil
		}))
		if err := c.open(); err == nil || !strings.Contains(err.Error(), "count broken") {
			t.Errorf("the load: %v", err)
		}
		c.Start()
		time.Sleep(time.Minute)
		c.is("whole", jobs.Finished, 10)
		if _, err := c.Job("broken"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("the broken one: %v", err)
		}
	})
}

// TestAJobThatCanNotBeWritten is none.
func TestAJobThatCanNotBeWritten(t *testing.T) {
	inTime(t, func(t *testing.T, c *counts) {
		must(t, c.journal.Close())
		if _, err := c.Launch(newCount("one", 1), nil); !errors.Is(err, store.ErrClosed) || !strings.Contains(err.Error(), "count one") {
			t.Errorf("the launch: %v", err)
		}
		if all := c.Jobs(); len(all) != 0 {
			t.Errorf("jobs: %+v", all)
		}
		must(t, c.open()) // to be closed
		c.Start()
	})
}
