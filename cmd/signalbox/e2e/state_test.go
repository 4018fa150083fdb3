package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"signalbox/state"
)

// rebuilt returns how far the rebuild of the orders is.
func (p *process) rebuilt(client *http.Client) (r state.Rebuild, err error) {
	resp, err := p.do(client, http.MethodGet, "/v1/state-rebuilds/order", nil)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

// TestARebuildGoesOnAfterAKill: events that came before a fold was declared are folded by a rebuild
// that is killed in the middle, again and again. The state of each object ends as its events say,
// also with those that come meanwhile.
func TestARebuildGoesOnAfterAKill(t *testing.T) {
	batches := 3000 // of ten events of one object
	if testing.Short() {
		batches = 600
	}
	const objects, kills, meanwhile = 50, 5, 20
	p := newProcess(t, "rules: []\n")
	p.write("config.yaml", p.read("config.yaml")+"catalog: [catalog.yaml]\n")
	p.write("catalog.yaml", "types: []\n")
	p.start()
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	send := func(from, to int) {
		var all errgroup.Group
		all.SetLimit(8)
		for n := from; n < to; n++ {
			all.Go(func() error {
				_, err := p.putKeyed(client, strconv.Itoa(n%objects), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	send(0, batches)
	p.write("catalog.yaml", `types:
  - name: OrderCreated
    kind: event
    object: order
    key: detail.key
    fold: '{"events": (state?.events ?? 0) + 1, "n": (state?.n ?? 0) + event.detail.n}'
`)
	if status := p.reload(); status != http.StatusOK {
		t.Fatalf("reload: %d", status)
	}
	resp, err := p.do(client, http.MethodPost, "/v1/state-rebuilds/order", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var r state.Rebuild
	under := 0
	for i := range kills {
		p.eventually(time.Minute, "under way", func() bool {
			r, err = p.rebuilt(client)
			return err == nil && (r.Events > i*batches || r.State != state.RebuildRunning)
		})
		p.kill()
		if r.State == state.RebuildRunning {
			under++
		}
		p.start()
		send(batches+i*meanwhile, batches+(i+1)*meanwhile)
	}
	p.eventually(5*time.Minute, "finished", func() bool {
		r, err = p.rebuilt(client)
		return err == nil && r.State != state.RebuildRunning
	})
	if r.State != state.RebuildFinished || r.Failed > 0 || under == 0 {
		t.Errorf("the rebuild: %+v, killed %d times under way", r, under)
	}
	total := batches + kills*meanwhile
	for key := range objects {
		sent := total / objects
		if key < total%objects {
			sent++
		}
		out, err := p.command("state", "get", "order", strconv.Itoa(key))
		if want := fmt.Sprintf(`{"events":%d,"n":%d}`, 10*sent, 45*sent); err != nil || !strings.Contains(out, want) {
			t.Errorf("object %d is %s, want %s (%v)", key, out, want, err)
		}
	}
	t.Logf("killed %d times under way: %+v", under, r)
	p.verify()
}
