package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"signalbox/journal/store"
)

// TestChaosSchedule kills the program while it catches up on a schedule: each time that was missed
// fires once.
func TestChaosSchedule(t *testing.T) {
	p := newProcess(t, `
targets: {out: {type: log, path: out.jsonl}}
rules: [{name: tick, schedule: cron(* * * * ? *), catch_up: all, targets: [out]}]
`)
	until := time.Now().Add(-90 * time.Minute)
	j, err := store.Open(filepath.Join(p.dir, "data"), store.Options{})
	must(t, err)
	must(t, j.Schedules.Put("default/tick", fmt.Appendf(nil, `{"schedule": "cron(* * * * ? *)", "zone": "UTC", "until": %q}`, until.Format(time.RFC3339))))
	must(t, j.Close())
	for range rounds(t, 3) {
		p.start()
		p.kill()
	}
	p.start()
	missed := int(time.Since(until)/time.Minute) - 1
	p.eventually(30*time.Second, "each time fired once, and delivered", func() bool {
		a, err := p.accounts()
		fired := firedTimes(t, filepath.Join(p.dir, "out.jsonl"))
		return err == nil && fired >= missed && a.Events.Accepted == uint64(fired)
	})
	p.verify()
}

// firedTimes counts the times of the scheduled events that a log target has written.
func firedTimes(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return 0
	}
	must(t, err)
	defer f.Close()
	times := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Body struct{ Source, Time string }
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Body.Source == "aws.events" { // else a kill has cut it
			times[line.Body.Time] = true
		}
	}
	return len(times)
}
