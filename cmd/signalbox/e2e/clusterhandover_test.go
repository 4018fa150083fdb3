package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestClusterHandOverWaitsForNoTarget: while a node leaves the lead, attempts that hang keep no events from being
// taken in, and another node delivers them, however long a stop may take.
func TestClusterHandOverWaitsForNoTarget(t *testing.T) {
	x := newClustered(t, usualServers, "64MiB")
	for _, p := range x.nodes {
		p.write("config.yaml", p.read("config.yaml")+"shutdown_timeout: 1h\n")
	}
	x.start()
	leader := x.leader()
	hangs := make(chan struct{})
	defer close(hangs)
	x.s.be(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Node") == x.nodeName(leader) {
			select {
			case <-hangs:
			case <-r.Context().Done():
			}
			return false
		}
		return true
	})
	put := func(n int) {
		t.Helper()
		if err := x.nodes[leader].putWithIDs(x.client, "key-1", 0, []int{n}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	x.nodes[0].eventually(30*time.Second, "attempting", func() bool { return len(x.s.receipts()) >= len(x.paths) })
	x.stepDown(leader)
	put(2)
	x.nodes[0].eventually(60*time.Second, "delivering all by another node", func() bool {
		got := map[string]bool{}
		for _, r := range x.s.receipts() {
			if r.node != x.nodeName(leader) && r.taken {
				got[r.delivery] = true
			}
		}
		return len(got) >= 2*len(x.paths)-1 // one batch may have both
	})
}

// TestClusterStreamsAreLedElsewhere than by the server on the machine of the node that leads.
func TestClusterStreamsAreLedElsewhere(t *testing.T) {
	x := newClustered(t, usualServers, "64MiB")
	x.start()
	nc, err := nats.Connect(x.nats.URLs())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	ledBy := func(stream string) string {
		s, err := js.Stream(t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return ""
		}
		return s.CachedInfo().Cluster.Leader
	}
	own := fmt.Sprint("n", x.leader()+1)
	for _, stream := range []string{"SIGNALBOX_orders", "KV_SIGNALBOX_orders"} {
		elsewhere := func() bool { by := ledBy(stream); return by != "" && by != own }
		x.nodes[0].eventually(30*time.Second, stream+" led elsewhere", elsewhere)
		m, err := nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, []byte(`{"placement": {"preferred": "`+own+`"}}`), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Success bool }
		if err := json.Unmarshal(m.Data, &answer); err != nil || !answer.Success {
			t.Fatalf("%s: %v", m.Data, err)
		}
		x.nodes[0].eventually(30*time.Second, stream+" led by the server beside the leader", func() bool { return ledBy(stream) == own })
		x.nodes[0].eventually(30*time.Second, stream+" led elsewhere again", elsewhere)
	}
}
