package jobs_test

import (
	"testing"
	"time"

	"signalbox/jobs"
)

func TestOutcome(t *testing.T) {
	part := func(target string, state jobs.State, reason string) jobs.Part {
		return jobs.Part{Target: target, State: state, Reason: reason}
	}
	for _, c := range []struct {
		name   string
		parts  []jobs.Part
		state  jobs.State
		reason string
	}{
		{"nothing to do", nil, jobs.Finished, ""},
		{"all have finished", []jobs.Part{part("a", jobs.Finished, ""), part("b", jobs.Finished, "")}, jobs.Finished, ""},
		{"one has stopped", []jobs.Part{part("a", jobs.Stopped, "gone"), part("b", jobs.Finished, "")}, jobs.Stopped, `target "a": gone`},
		{"two have", []jobs.Part{part("a", jobs.Stopped, "gone"), part("b", jobs.Stopped, "full")}, jobs.Stopped, `target "a": gone; target "b": full`},
		{"the rest was cancelled", []jobs.Part{part("a", jobs.Stopped, "gone"), part("b", jobs.Cancelled, "")}, jobs.Cancelled, `target "a": gone`},
	} {
		if state, reason := jobs.Outcome(c.parts); state != c.state || reason != c.reason {
			t.Errorf("%s: %s, %q", c.name, state, reason)
		}
	}
}

// TestAPartEndsOnce by the first reason that there is.
func TestAPartEndsOnce(t *testing.T) {
	p := jobs.Part{State: jobs.Running}
	p.End(jobs.Stopped, "gone")
	p.End(jobs.Cancelled, "somebody")
	if p.State != jobs.Running || p.Ending != jobs.Stopped || p.Reason != "gone" {
		t.Errorf("while it ends: %+v", p)
	}
	p.Close()
	p.End(jobs.Cancelled, "somebody")
	if p.State != jobs.Stopped || p.Reason != "gone" || !p.State.Ended() {
		t.Errorf("ended: %+v", p)
	}
	whole := jobs.Part{State: jobs.Running}
	if whole.Close(); whole.State != jobs.Finished {
		t.Errorf("one that came to its end: %+v", whole)
	}
}

func TestNewIDsSortByTime(t *testing.T) {
	at := time.Date(2026, 1, 31, 23, 59, 59, 0, time.FixedZone("", 3600))
	first, second := jobs.NewID(at), jobs.NewID(at.Add(time.Second))
	if first >= second || first[:15] != "20260131T225959" || jobs.NewID(at) == first {
		t.Errorf("got %s and %s", first, second)
	}
}
