package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	replayed "signalbox/replay"
)

// arrivals is a target that notes when each live event comes. What a replay sends is taken, and
// not noted.
type arrivals struct {
	mu sync.Mutex
	at map[int]time.Time
}

// ServeHTTP takes an envelope.
func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	var e struct{ Detail struct{ N int } }
	if err != nil || r.Header.Get("X-Signalbox-Replay") != "" || json.Unmarshal(body, &e) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[e.Detail.N] = now
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at)
}

// live sends a number of events, one each 5 ms, and returns how long they took from the request to
// the target, the shortest first.
func (p *process) live(client *http.Client, a *arrivals, from, n int) (took []time.Duration) {
	p.t.Helper()
	a.mu.Lock()
	clear(a.at)
	a.mu.Unlock()
	sent := make([]time.Time, n)
	var all sync.WaitGroup
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		sent[i] = time.Now()
		all.Go(func() {
			if _, err := p.put(client, from+i); err != nil {
				p.t.Error(err)
			}
		})
	}
	all.Wait()
	p.eventually(time.Minute, "delivered", func() bool { return a.count() == n })
	for i, at := range sent {
		took = append(took, a.at[from+i].Sub(at))
	}
	slices.Sort(took)
	return took
}

// BenchmarkLiveBesideAReplay measures how long live events take to their target with a replay to the
// same target beside them, in the ratio to without one, by turns: the median of the pairs, and the
// spread. A replay with a rate goes at that, and one without gives way.
func BenchmarkLiveBesideAReplay(b *testing.B) {
	for _, rate := range []int{500, 0} { // 0 is none
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			a := &arrivals{at: map[int]time.Time{}}
			sink := httptest.NewServer(a)
			defer sink.Close()
			p := newProcess(b, fmt.Sprintf(`
targets:
  sink: {type: http, url: "%s"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [sink]}
`, sink.URL))
			p.start()
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			const events = 400
			past := 50_000
			if rate == 0 {
				past = 300_000 // so that the replay lasts
			}
			p.fill(client, -past, 0)
			p.eventually(5*time.Minute, "delivered", func() bool { return a.count() == past })
			ratios := map[string][]float64{}
			next := 0
			measure := func() []time.Duration {
				next += events
				return p.live(client, a, next, events)
			}
			measure() // warms up
			for i := 0; b.Loop(); i++ {
				alone := measure()
				replay := fmt.Sprintf("beside-%d", i)
				args := []string{"replay", "--name", replay, "--since", "oldest", "--yes", "--detach"}
				if rate > 0 {
					args = append(args, "--rate", strconv.Itoa(rate))
				}
				out, err := p.command(args...)
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				var first replayed.Job
				p.eventually(time.Minute, "under way", func() bool {
					first, err = p.replayJob(client, replay)
					return err == nil && first.Delivered > 0
				})
				began := time.Now()
				beside := measure()
				j, err := p.replayJob(client, replay)
				if err != nil || j.State.Ended() {
					b.Errorf("the replay was not beside it to the end: %+v, %v", j, err)
				}
				ratios["replayed/s"] = append(ratios["replayed/s"], float64(j.Delivered-first.Delivered)/time.Since(began).Seconds())
				if out, err := p.command("replays", "cancel", replay); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				p.eventually(time.Minute, "cancelled", func() bool {
					j, err := p.replayJob(client, replay)
					return err == nil && j.State.Ended()
				})
				for metric, at := range map[string]int{"p50": events / 2, "p99": events * 99 / 100} {
					ratios[metric+"-ratio"] = append(ratios[metric+"-ratio"], float64(beside[at])/float64(alone[at]))
				}
			}
			for metric, all := range ratios {
				slices.Sort(all)
				b.ReportMetric(all[len(all)/2], metric)
				b.ReportMetric(all[len(all)/4], metric+"-q1")
				b.ReportMetric(all[len(all)*3/4], metric+"-q3")
			}
		})
	}
}
