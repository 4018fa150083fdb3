package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// TestClusterInit: a router that was alone becomes the first node of a cluster, and what is pending in its store is on
// the others too. What can't be begun changes nothing.
func TestClusterInit(t *testing.T) {
	nats := natsserver.Start(t, t.TempDir(), -1, nil)
	const rules = "targets: {wait: {type: http, url: 'http://127.0.0.1:9', paused: true}}\nrules: [{name: all, pattern: {source: [shop.orders]}, targets: [wait]}]\n"
	first, second := newProcess(t, rules), newProcess(t, rules)
	nodeOf := func(p *process, node int, url string) string {
		return fmt.Sprintf("cluster: {nats: %q, name: orders, node: %d, advertise: %q, replicas: 1}\n", url, node, p.url)
	}
	alone := first.read("config.yaml")
	first.start()
	if _, err := first.put(http.DefaultClient, 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	refused := func(p *process, config, want string) {
		t.Helper()
		p.write("config.yaml", config)
		if out, err := p.command("cluster", "init"); err == nil || !strings.Contains(out, want) {
			t.Errorf("got %v, %s; want %q", err, out, want)
		}
	}
	refused(first, alone+nodeOf(first, 1, nats.ClientURL()), "stop it first")
	first.stop()
	refused(first, alone, "names no cluster")
	refused(first, alone+nodeOf(first, 1, "nats://"+targetstest.FreeAddress(t)), "no server can be reached")
	refused(second, second.read("config.yaml")+nodeOf(second, 2, nats.ClientURL()), "has no store")

	first.write("config.yaml", alone+nodeOf(first, 1, nats.ClientURL()))
	if out, err := first.command("cluster", "init"); err != nil {
		t.Fatal(err, out)
	}
	refused(first, alone+nodeOf(first, 1, nats.ClientURL()), "has a log already")
	first.start()
	second.start()
	first.kill()
	second.eventually(60*time.Second, "leading with what was pending", func() bool {
		a, err := second.accounts()
		return err == nil && a.Deliveries.Planned == 3 && a.Deliveries.Dropped+a.Deliveries.Delivered == 0
	})
}
