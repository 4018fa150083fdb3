package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/replay"
)

// counter is a target that counts how often each event comes, by the number in it.
type counter struct {
	mu    sync.Mutex
	times map[int]int
	// unmarked counts those that are not marked as of a replay.
	unmarked int
}

// ServeHTTP takes a batch of envelopes.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle of it
	}
	var batch []struct {
		ReplayName string `json:"replay-name"`
		Detail     struct{ N int }
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range batch {
		c.times[e.Detail.N]++
		if e.ReplayName != r.Header.Get("X-Signalbox-Replay") || e.ReplayName == "" {
			c.unmarked++
		}
	}
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.times)
}

// fill sends the events numbered from one number up to another.
func (p *process) fill(client *http.Client, from, to int) {
	p.t.Helper()
	var all errgroup.Group
	all.SetLimit(8)
	for n := from; n < to; n += 10 {
		all.Go(func() error {
			_, err := p.put(client, n, n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, n+9)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) replayJob(client *http.Client, name string) (j replay.Job, err error) {
	resp, err := p.do(client, http.MethodGet, "/v1/replays/"+name, nil)
	if err != nil {
		return j, err
	}
	defer resp.Body.Close()
	return j, json.NewDecoder(resp.Body).Decode(&j)
}

// TestChaosReplay kills the program five times while it replays: each event of the range comes at
// least once, none outside of it, and the counters are exact. SIGNALBOX_REPLAY_EVENTS asks for
// another number of events.
func TestChaosReplay(t *testing.T) {
	events := 100_000
	if testing.Short() {
		events = 10_000
	}
	replayKilled(t, events, false)
}

// TestChaosReplayOfAnArchive does the same with events that only an archive has. Nothing of them is
// left in the store afterwards.
func TestChaosReplayOfAnArchive(t *testing.T) { replayKilled(t, 10_000, true) }

// drop has the store drop all its events, once they are archived, as retention would.
func (p *process) drop(events int) {
	p.t.Helper()
	p.eventually(time.Minute, "archived", func() bool { return p.metrics()[`signalbox_archive_events_total{archive="all"}`] >= float64(events) })
	p.kill()
	if oldest, rows := p.trim(); rows != 0 {
		p.t.Fatalf("the store has %d events, from %d on", rows, oldest)
	}
	p.start()
}

// trim trims the store of a program that does not run, and returns what it has.
func (p *process) trim() (oldest journal.Seq, rows int) {
	p.t.Helper()
	j, err := store.Open(filepath.Join(p.dir, "data"), store.Options{})
	must(p.t, err)
	oldest, err = j.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond})
	must(p.t, err)
	must(p.t, j.Events.Between(0, 1<<63, func(journal.Record) bool { rows++; return true }))
	must(p.t, j.Close())
	return oldest, rows
}

func replayKilled(t *testing.T, events int, archived bool) {
	t.Helper()
	if text := os.Getenv("SIGNALBOX_REPLAY_EVENTS"); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const outside = 500
	c := &counter{times: map[int]int{}}
	sink := httptest.NewServer(c)
	t.Cleanup(sink.Close)
	archives := ""
	if archived {
		archives = "archives: {all: {every: 1s, folder: archive}}\n"
	}
	p := newProcess(t, archives+"rules: []\n")
	p.start()
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)

	p.fill(client, -outside, 0)
	since := time.Now()
	p.fill(client, 0, events)
	until := time.Now()
	p.fill(client, events, events+outside)
	if archived {
		p.drop(events + 2*outside)
	}
	p.write("rules.yaml", archives+fmt.Sprintf(`
targets:
  sink: {type: http, url: "%s", batch: {max_events: 100}, breaker: off}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [sink]}
`, sink.URL))
	if status := p.reload(); status != http.StatusOK {
		t.Fatalf("reload: %d", status)
	}
	out, err := p.command("replay", "--since", since.Format(time.RFC3339Nano), "--until", until.Format(time.RFC3339Nano), "--name", "chaos", "--yes", "--detach")
	if err != nil || !strings.Contains(out, "replay chaos: running") {
		t.Fatalf("%v\n%s", err, out)
	}
	for i := range 5 {
		p.eventually(5*time.Minute, "under way", func() bool { return c.count() > events*(i+1)/7 })
		p.kill()
		p.start()
	}
	var j replay.Job
	p.eventually(5*time.Minute, "finished", func() bool {
		j, err = p.replayJob(client, "chaos")
		return err == nil && j.State.Ended()
	})
	n := uint64(events)
	if want := (replay.Tally{Planned: n, Delivered: n}); j.State != jobs.Finished || j.Tally != want {
		t.Errorf("the replay: %+v", j)
	}
	again := 0
	for n, times := range c.times {
		if n < 0 || n >= events {
			t.Errorf("event %d is outside", n)
		}
		again += times - 1
	}
	if len(c.times) != events || c.unmarked > 0 {
		t.Errorf("%d of %d events came, %d not marked", len(c.times), events, c.unmarked)
	}
	a, err := p.accounts()
	if err != nil || a.Deliveries.Planned != n || a.Deliveries.Delivered != n || a.Events.Accepted != n+2*outside {
		t.Errorf("the accounts: %+v, %v", a, err)
	}
	t.Logf("%d events, %d came again after a kill", events, again)
	p.verify()
	if archived {
		p.kill()
		if _, rows := p.trim(); rows != 0 {
			t.Errorf("%d events are left in the store", rows)
		}
	}
}
