package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/archive/place"
	"signalbox/archive/segment"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// clustered is a router of three nodes under load, on three NATS servers. All of them reach each
// other by ways that can be cut; only producers, and the questions of the test, go straight.
type clustered struct {
	*record
	nats  *natsserver.Cluster
	nodes []*process
	// toServer has the ways from each node to each server, toNode the way to each node from the others.
	toServer [][]*targetstest.Way
	toNode   []*targetstest.Way
	load     clusterLoad
	client   *http.Client
	// archive is the folder that all nodes archive to.
	archive string
	did     operated
}

// clusterLoad is what producers send: requests of so many events, with a pause after each. Each event has a note of
// so many bytes.
type clusterLoad struct {
	producers, batch int
	pause            time.Duration
	note             int
}

// maxPayload is what the servers take at once where nothing else is said.
const maxPayload = "8MB"

// usualServers sync always.
var usualServers = natsserver.Settings{Sync: "always", MaxPayload: maxPayload}

// perTarget is how many deliveries a node may have under way at once to a target, perNode to all.
const (
	perTarget = 4
	perNode   = 5 * perTarget
)

// newClustered prepares three servers, and three nodes that make a snapshot every so many bytes of their log. The nodes differ in what they tell the sink as X-Node.
func newClustered(t *testing.T, servers natsserver.Settings, snapshotBytes string) *clustered {
	t.Helper()
	return newClusteredAround(t, newSink(t), servers, snapshotBytes)
}

// newClusteredAround does so where the sink is. On machines with addresses of their own, nodes reach all without ways.
func newClusteredAround(t *testing.T, s *sink, servers natsserver.Settings, snapshotBytes string) *clustered {
	t.Helper()
	x := &clustered{
		record: newRecord(t, s, "/plain", ordered, "/batched"), nats: natsserver.StartCluster(t, natsserver.Build(t, filepath.Dir(program)), servers),
		load: clusterLoad{producers: 4, batch: 5, pause: 30 * time.Millisecond}, client: &http.Client{Timeout: 3 * time.Second}, archive: filepath.Join(t.ArtifactDir(), "archive"),
	}
	rules := fmt.Sprintf(`
targets:
  plain: {type: http, url: "%[1]s/plain", concurrency: %[4]d, headers: {X-Node: "${NODE}"}, %[2]s}
  ordered: {type: http, url: "%[1]s%[3]s", concurrency: %[4]d, order_by: detail.key, headers: {X-Node: "${NODE}"}, %[2]s}
  batched: {type: http, url: "%[1]s/batched", batch: {max_events: 50, max_wait: 5ms}, concurrency: %[4]d, headers: {X-Node: "${NODE}"}, %[2]s}
  made: {type: http, url: "%[1]s/made", concurrency: %[4]d, headers: {X-Node: "${NODE}"}, %[2]s}
  letters: {type: http, url: "%[1]s/letters", concurrency: %[4]d, headers: {X-Node: "${NODE}"}, %[2]s}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [plain, ordered, batched]}
archives: {all: {every: 1s, folder: %[5]q}}
`, s.url, retries, ordered, perTarget, x.archive)
	for i := range 3 {
		dir := filepath.Join(t.ArtifactDir(), fmt.Sprint("node-", i+1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		p := newProcessIn(t, dir, rules)
		p.env = []string{fmt.Sprint("NODE=", i+1)}
		if servers.Machines != nil {
			p.move(servers.Machines[i])
		}
		way := func(to string) string { return to }
		var ways []*targetstest.Way
		if p.on.IP == "" {
			way = func(to string) string {
				w := targetstest.NewWay(t, to)
				ways = append(ways, w)
				return w.Address
			}
		}
		var urls []string
		for _, server := range x.nats.Servers {
			urls = append(urls, "nats://"+way(server.Address))
		}
		p.write("config.yaml", p.read("config.yaml")+fmt.Sprintf("secrets: {env: [NODE]}\ncluster: {nats: %[1]q, nats_server: n%[2]d, name: orders, node: %[2]d, advertise: %[3]q, snapshot_bytes: %[4]s}\n",
			strings.Join(urls, ","), i+1, "http://"+way(strings.TrimPrefix(p.url, "http://")), snapshotBytes))
		x.nodes = append(x.nodes, p)
		if ways != nil {
			x.toServer, x.toNode = append(x.toServer, ways[:len(urls)]), append(x.toNode, ways[len(urls)])
		}
	}
	t.Cleanup(func() {
		x.stop.Store(true)
		x.producers.Wait()
		x.client.CloseIdleConnections()
	})
	return x
}

// start starts all nodes, and returns how long it took until all were ready.
func (x *clustered) start() time.Duration {
	x.t.Helper()
	begin := time.Now()
	for _, p := range x.nodes {
		p.launch()
	}
	x.awaitReady(60 * time.Second)
	return time.Since(begin)
}

// begin starts the nodes and their load.
func (x *clustered) begin() {
	x.t.Helper()
	x.start()
	x.produceAll()
}

func (x *clustered) produceAll() {
	for k := range x.load.producers {
		x.producers.Go(func() { x.produce(fmt.Sprint("key-", k)) })
	}
}

func (x *clustered) awaitReady(limit time.Duration) {
	x.t.Helper()
	for _, p := range x.nodes {
		p.eventually(limit, "ready: "+p.url, p.ready)
	}
}

// produce sends the events of one key, each request again and again, to any of the nodes, until
// one has acknowledged it.
func (x *clustered) produce(key string) {
	for !x.stop.Load() {
		n := int64(x.load.batch)
		first := x.next.Add(n) - n
		ns := make([]int, n)
		for i := range ns {
			ns[i] = int(first) + i
		}
		begin := time.Now()
		for try := 0; ; try++ {
			err := x.nodes[rand.IntN(len(x.nodes))].putWithIDs(x.client, key, x.load.note, ns)
			if err == nil {
				break
			}
			if time.Since(begin) > 2*time.Minute {
				x.t.Errorf("events %d to %d of %s were not acknowledged within 2 min: %v", ns[0], ns[n-1], key, err)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		x.mu.Lock()
		for _, n := range ns {
			x.acked[n] = acknowledged{givenID(n), key, time.Now()}
		}
		x.mu.Unlock()
		time.Sleep(x.load.pause)
	}
}

func (x *clustered) acknowledged() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.acked)
}

// givenID is the id that a producer gives its n-th event.
func givenID(n int) string { return fmt.Sprint("order-", n) }

// putWithIDs sends events of a key with ids of their producer's, and with a note of so many bytes.
func (p *process) putWithIDs(client *http.Client, key string, note int, ns []int) error {
	type cloudEvent struct {
		SpecVersion string         `json:"specversion"`
		ID          string         `json:"id"`
		Source      string         `json:"source"`
		Type        string         `json:"type"`
		Data        map[string]any `json:"data"`
	}
	var events []cloudEvent
	for _, n := range ns {
		events = append(events, cloudEvent{"1.0", givenID(n), "shop.orders", "OrderCreated", map[string]any{"n": n, "key": key, "note": strings.Repeat("x", note)}})
	}
	body, err := json.Marshal(events)
	if err != nil {
		return err
	}
	resp, err := p.do(client, http.MethodPost, "/v1/events", body, "Content-Type", "application/cloudevents-batch+json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return err
}

// clusterStatus is what a node tells of its cluster.
type clusterStatus struct {
	Leader *struct{ Node int }
	Node   int
	Nodes  []struct {
		Node      int
		Role      string
		LagGroups uint64 `json:"lag_groups"`
		Position  uint64
	}
}

func (x *clustered) status(node int) (s clusterStatus, err error) {
	r, err := impatient.Get(x.nodes[node].url + "/v1/cluster")
	if err != nil {
		return s, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return s, errors.New(r.Status)
	}
	return s, json.NewDecoder(r.Body).Decode(&s)
}

// leader returns the node that leads, and waits until there is one that all know.
func (x *clustered) leader() (leader int) {
	x.t.Helper()
	x.nodes[0].eventually(60*time.Second, "agreed on a leader", func() bool {
		leader = -1
		for i := range x.nodes {
			s, err := x.status(i)
			if err != nil || s.Leader == nil || leader >= 0 && leader != s.Leader.Node-1 {
				return false
			}
			leader = s.Leader.Node - 1
		}
		return true
	})
	return leader
}

// round makes something fail for a while under load, and waits until all nodes are ready again and take
// events. It returns how long they took after what was broken was whole.
func (x *clustered) round(fault func() (mend func()), lasts time.Duration) time.Duration {
	x.t.Helper()
	pause(300, 500)
	from := time.Now()
	mend := fault()
	time.Sleep(lasts)
	mend()
	whole, acked := time.Now(), x.acknowledged()
	x.awaitReady(60 * time.Second)
	x.nodes[0].eventually(60*time.Second, "taking events again", func() bool { return x.acknowledged() >= acked+5*x.load.producers })
	x.mu.Lock()
	x.breaks = append(x.breaks, span{from, time.Now()})
	x.mu.Unlock()
	return time.Since(whole)
}

// judge ends the load, waits until all is delivered, and compares what the producers, the sink and
// the three stores know.
func (x *clustered) judge() {
	x.t.Helper()
	x.stop.Store(true)
	x.producers.Wait()
	leader := x.nodes[x.leader()]
	a := x.replayAll(leader)
	acked := uint64(len(x.acked))
	letters, taken := x.judgeLetters()
	want := acked * uint64(len(x.paths))
	if d := a.Deliveries; a.Events.Accepted != acked || d.Planned != d.Delivered || d.Delivered < want+letters || d.Delivered > want+taken {
		x.t.Errorf("%d events were acknowledged, to %d targets; the accounts say %+v", acked, len(x.paths), a)
	}
	x.extendBreaks()
	x.record.judge()
	x.judgeLeaders()
	x.judgeOperated(leader)
	x.judgeArchive()
	x.judgeStores()
}

// judgeArchive waits until every acknowledged event is in the archive, once.
func (x *clustered) judgeArchive() {
	x.t.Helper()
	files := &segment.Files{Name: "all", Place: place.Folder{Root: filepath.Join(x.archive, "all")}}
	var found map[string]int
	x.nodes[0].eventually(3*time.Minute, "all archived", func() bool { // a clock that is a minute ahead has numbered them
		found = archivedIn(x.t, files)
		for _, a := range x.acked {
			if found[a.id] == 0 {
				return false
			}
		}
		return true
	})
	for id, n := range found {
		if n != 1 {
			x.t.Errorf("event %s is in the archive %d times", id, n)
		}
	}
}

// extendBreaks lets a break last until a change of the leader that comes of it: a lease that could not be renewed
// meanwhile may end afterwards.
func (x *clustered) extendBreaks() {
	const most = 12 * time.Second // a lease until it ends, one more until others know, and the start of a term
	all := x.s.receipts()
	for i := 1; i < len(all); i++ {
		if all[i].node == all[i-1].node || x.breakAt(all[i].at) >= 0 {
			continue
		}
		for b := len(x.breaks) - 1; b >= 0; b-- {
			if after := all[i].at.Sub(x.breaks[b].to); after > 0 && after < most {
				x.breaks[b].to = all[i].at
				break
			}
		}
	}
}

// breakAt returns which break there was at a time; -1 if there was none.
func (x *clustered) breakAt(at time.Time) int {
	return slices.IndexFunc(x.breaks, func(b span) bool { return at.After(b.from) && at.Before(b.to.Add(unsettled)) })
}

// judgeLeaders checks that one node at a time delivers: the node changes only at a break, and what the one
// before it had under way is all that comes of it afterwards.
func (x *clustered) judgeLeaders() {
	x.t.Helper()
	changes := make([]int, len(x.breaks))
	all := x.s.receipts()
	for i := 1; i < len(all); i++ {
		if all[i].node == all[i-1].node {
			continue
		}
		b := x.breakAt(all[i].at)
		if b < 0 {
			x.t.Errorf("node %s delivered at %v, after node %s and without a break", all[i].node, all[i].at, all[i-1].node)
			continue
		}
		changes[b]++
	}
	for i, n := range changes {
		if most := 2 * (2*perNode + 1); n > most { // two changes of leader
			x.t.Errorf("at the break of %v to %v the nodes took turns %d times: two of them delivered at once", x.breaks[i].from, x.breaks[i].to, n)
		}
	}
	x.t.Logf("changes of the node that delivers, at each break: %v", changes)
}

// verified is what signalbox verify finds of a store.
type verified struct {
	Digest     string
	Events     uint64
	Deliveries json.RawMessage
	Keys       map[string]uint64
	Faults     []string
}

// judgeStores compares the three stores at one place of the log. The servers are killed first, so that
// nobody can write what the others do not read; then the nodes stop in good order, since one that is
// killed has lost the end of what it can read again from the log.
func (x *clustered) judgeStores() {
	x.t.Helper()
	x.settle()
	for _, s := range x.nats.Servers {
		s.Kill()
	}
	var stopping sync.WaitGroup
	for _, p := range x.nodes {
		stopping.Go(p.stop)
	}
	stopping.Wait()
	var all []verified
	for i, p := range x.nodes {
		out, err := p.command("verify", "--output", "json")
		var v verified
		if e := json.Unmarshal([]byte(out), &v); e != nil || err != nil || v.Digest == "" {
			x.t.Fatalf("verify node %d: %v, %v\n%s", i+1, err, e, out)
		}
		all = append(all, v)
	}
	for i, v := range all {
		if v.Digest != all[0].Digest {
			x.t.Errorf("node %d is not as node 1, which has %d events, %s, %v; it has %d, %s, %v", i+1, all[0].Events, all[0].Deliveries, all[0].Keys, v.Events, v.Deliveries, v.Keys)
		}
	}
}

// settle waits until all nodes have the same place of the log and it has not moved for a while.
func (x *clustered) settle() {
	x.t.Helper()
	var at uint64
	since := time.Now()
	x.nodes[0].eventually(60*time.Second, "at rest at one place of the log", func() bool {
		for i := range x.nodes {
			s, err := x.status(i)
			if err != nil {
				return false
			}
			for _, n := range s.Nodes {
				if n.Node == i+1 && (n.Position != at || n.LagGroups > 0) {
					at, since = n.Position, time.Now()
					return false
				}
			}
		}
		return time.Since(since) > time.Second
	})
}
