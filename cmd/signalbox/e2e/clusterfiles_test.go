package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/targets/targetstest/natsserver"
)

// TestClusterNodeWithFaults shows that the files of a node have faults, wherever one looks.
func TestClusterNodeWithFaults(t *testing.T) {
	nats := natsserver.Start(t, t.TempDir(), -1, nil)
	const rules = "targets: {log: {type: log}}\nrules: [{name: all, pattern: {source: [shop.orders]}, targets: [log]}]\n"
	leader, follower := newNode(t, nats.ClientURL(), 1, rules, "", ""), newNode(t, nats.ClientURL(), 2, rules, "", "")
	leader.start()
	follower.start()
	client := from(t, "127.0.0.1")
	follower.write("rules.yaml", rules+"    targtes: 1\n")
	const fault = "rules.yaml:3"
	follower.eventually(20*time.Second, "telling of its faults", func() bool {
		out, err := leader.command("cluster", "status", "--output", "json")
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var s struct {
			Nodes []struct {
				Node   int
				Errors []string
			}
		}
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatal(err)
		}
		for _, n := range s.Nodes {
			if n.Node == 1 && len(n.Errors) > 0 {
				t.Fatalf("the leader has faults: %v", n.Errors)
			}
			if n.Node == 2 && len(n.Errors) > 0 {
				return strings.Contains(n.Errors[0], fault)
			}
		}
		return false
	})
	if out, err := follower.command("cluster", "status"); err != nil || !strings.Contains(out, "node 2 has faults in its files") || !strings.Contains(out, fault) {
		t.Errorf("%v: %s", err, out)
	}
	if _, text := follower.ask(client, http.MethodGet, "/metrics"); !strings.Contains(text, "signalbox_reload_success 0") {
		t.Error("the metric says that all is well")
	}
	if _, text := follower.ask(client, http.MethodGet, "/ui/"); !strings.Contains(text, "The files of node 2 have faults.") || !strings.Contains(text, fault) {
		t.Errorf("the console says nothing of them:\n%s", text)
	}
	follower.write("rules.yaml", rules)
	follower.eventually(20*time.Second, "without faults", func() bool {
		out, err := leader.command("cluster", "status")
		_, text := follower.ask(client, http.MethodGet, "/metrics")
		return err == nil && !strings.Contains(out, "has faults") && strings.Contains(text, "signalbox_reload_success 1")
	})
}
