package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"signalbox/jobs"
	"signalbox/replay"
)

func TestAReplayIsAJobOfTheRouter(t *testing.T) {
	w := newWorld(t)
	w.accept("250", "251", "252")
	since := time.Now().Add(-time.Hour)
	req := replay.Request{Since: since, Name: "monday", Rate: 1000}
	p, err := w.client.Replays.Preview(t.Context(), req)
	must(t, err)
	if p.Deliveries == 0 || len(p.Samples) != 3 || p.Samples[0].Request == nil {
		t.Fatalf("preview: %+v", p)
	}
	j, err := w.client.Replays.Begin(t.Context(), req)
	must(t, err)
	for deadline := time.Now().Add(10 * time.Second); !j.State.Ended(); time.Sleep(10 * time.Millisecond) {
		if j, err = w.client.Replays.Get(t.Context(), "monday"); err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	if j.State != jobs.Finished || int(j.Planned) != p.Deliveries || j.Planned != j.Delivered+j.Dead {
		t.Errorf("got %+v", j)
	}
	all, err := w.client.Replays.List(t.Context())
	must(t, err)
	if len(all) != 1 || all[0].Name != "monday" {
		t.Errorf("got %+v", all)
	}
	_, err = w.client.Replays.Pause(t.Context(), "monday")
	if err == nil || !strings.Contains(err.Error(), "replay monday is finished") {
		t.Errorf("a pause of one that has ended: %v", err)
	}
	from := since.UTC().Format(time.RFC3339)
	w.ask("POST", "/v1/replays", `{"since":"`+from+`","name":"monday"}`, 409, "give another name")
	w.ask("POST", "/v1/replays", `{"since":"2999-01-01T00:00:00Z"}`, 400, "lies in the future")
	w.ask("POST", "/v1/replays", `{}`, 400, "since: is missing")
	w.ask("POST", "/v1/replays?dry_run=false", `{"since":"`+from+`","dry_run":true}`, 400, "dry_run")
	w.ask("POST", "/v1/replays", `{"since":"`+from+`","rul":"x"}`, 400, `did you mean \"rule\"?`)
	w.ask("GET", "/v1/replays/none", "", 404, "not found")
	w.ask("POST", "/v1/replays/none/cancel", "", 404, "not found")
}

// TestAReplayIsHeld pauses, resumes and cancels a replay whose rate lets it not end.
func TestAReplayIsHeld(t *testing.T) {
	w := newWorld(t)
	w.accept("250", "251", "252")
	j, err := w.client.Replays.Begin(t.Context(), replay.Request{Since: time.Now().Add(-time.Hour), Name: "slow", Rate: 0.001})
	must(t, err)
	for _, step := range []struct {
		act  func(context.Context, string) (replay.Job, error)
		want jobs.State
	}{
		{w.client.Replays.Pause, jobs.Paused}, {w.client.Replays.Resume, jobs.Running}, {w.client.Replays.Cancel, jobs.Cancelled},
	} {
		j, err = step.act(t.Context(), "slow")
		must(t, err)
		for deadline := time.Now().Add(10 * time.Second); j.State != step.want; time.Sleep(10 * time.Millisecond) {
			if j, err = w.client.Replays.Get(t.Context(), "slow"); err != nil || time.Now().After(deadline) {
				t.Fatalf("%+v, %v; want %s", j, err, step.want)
			}
		}
	}
	if j.Dropped == 0 || j.Planned != j.Delivered+j.Dead+j.Dropped {
		t.Errorf("what was planned and not sent is dropped: %+v", j)
	}
}
