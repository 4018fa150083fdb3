package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/targets/targetstest/natsserver"
)

// newNode prepares a node of a cluster whose log is at one server of NATS.
func newNode(t *testing.T, nats string, node int, rules, config, cluster string) *process {
	t.Helper()
	p := newProcess(t, rules)
	if strings.Contains(config, "tls:") {
		p.url = strings.Replace(p.url, "http:", "https:", 1)
	}
	p.write("config.yaml", p.read("config.yaml")+config+
		fmt.Sprintf("\ncluster: {nats: %q, name: orders, node: %d, advertise: %q, replicas: 1%s}\n", nats, node, p.url, cluster))
	return p
}

// from is a client with an address of its own.
func from(t *testing.T, address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// entry is one of the audit.
type entry struct{ Action, Object, Key, Certificate, From, Outcome, Reason string }

// audit returns the audit, the latest first.
func (p *process) audit(client *http.Client, headers ...string) []entry {
	p.t.Helper()
	r, err := p.do(client, http.MethodGet, "/v1/audit", nil, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var page struct{ Entries []entry }
	if err := json.NewDecoder(r.Body).Decode(&page); err != nil || r.StatusCode != http.StatusOK {
		p.t.Fatalf("the audit: %s, %v", r.Status, err)
	}
	return page.Entries
}

// ask returns the status of an answer, and its body.
func (p *process) ask(client *http.Client, method, path string, headers ...string) (int, string) {
	p.t.Helper()
	r, err := p.do(client, method, path, nil, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

const twoKeys = `
auth:
  keys:
    - {name: anna, key: the-key-of-anna-0123, rights: [admin]}
    - {name: shop, key: the-key-of-the-shop, rights: [send]}
`

// TestClusterAudit has what is done and refused at a node that follows, as if it had been at a router alone: with the
// client's address, which no client can make up.
func TestClusterAudit(t *testing.T) {
	nats := natsserver.Start(t, t.TempDir(), -1, nil)
	const rules = "targets: {log: {type: log}}\nrules: [{name: all, pattern: {source: [shop.orders]}, targets: [log]}]\n"
	leader, follower := newNode(t, nats.ClientURL(), 1, rules, twoKeys, ""), newNode(t, nats.ClientURL(), 2, rules, twoKeys, "")
	leader.start()
	follower.start()
	client := from(t, "127.0.0.5")
	anna, shop := []string{"Authorization", "Bearer the-key-of-anna-0123"}, []string{"Authorization", "Bearer the-key-of-the-shop"}
	forged := []string{"Signalbox-Forwarded-For", "eyJub2RlIjoxLCJmcm9tIjoiMTAuMC4wLjE6MSJ9.AAAA", "Signalbox-Forwarded-By", "1", "X-Forwarded-For", "10.0.0.1"}
	for _, p := range []*process{follower, leader} {
		if status, text := p.ask(client, http.MethodPost, "/v1/targets/log/pause", slices.Concat(anna, forged)...); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
	}
	for _, refused := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/v1/events", []string{"Authorization", "Bearer no-key-of-anybody"}, http.StatusUnauthorized}, // the follower's own answer
		{"/metrics", shop, http.StatusForbidden},
		{"/v1/targets", shop, http.StatusForbidden}, // the leader's
	} {
		if status, text := follower.ask(client, http.MethodGet, refused.path, refused.headers...); status != refused.status {
			t.Errorf("%s: %d %s", refused.path, status, text)
		}
	}
	want := []entry{
		{Action: "targets.pause", Object: "log", Key: "anna", Outcome: "done"},
		{Action: "targets.pause", Object: "log", Key: "anna", Outcome: "done"},
		{Action: "request.refused", Object: "GET /v1/events", Outcome: "refused", Reason: "key"},
		{Action: "request.refused", Object: "GET /metrics", Key: "shop", Outcome: "refused", Reason: "right"},
		{Action: "request.refused", Object: "GET /v1/targets", Key: "shop", Outcome: "refused", Reason: "right"},
	}
	var all []entry
	follower.eventually(20*time.Second, "all in the audit", func() bool {
		all = slices.DeleteFunc(follower.audit(client, anna...), func(e entry) bool { return e.From == "files" })
		return len(all) >= len(want)
	})
	for _, e := range all {
		host := e.From
		if h, _, err := net.SplitHostPort(e.From); err == nil {
			host = h
		}
		if host != "127.0.0.5" {
			t.Errorf("%+v is not from the client", e)
		}
		e.From = ""
		i := slices.Index(want, e)
		if i < 0 {
			t.Errorf("the audit has %+v", e)
			continue
		}
		want = slices.Delete(want, i, i+1)
	}
	if len(want) > 0 {
		t.Errorf("the audit has no %+v", want)
	}
	if _, text := follower.ask(client, http.MethodGet, "/metrics", anna...); !strings.Contains(text, `signalbox_requests_refused_total{reason="right"} 1`) {
		t.Error("the follower does not count whom it has refused")
	}
}
