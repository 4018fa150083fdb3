package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// TestClusterKeys gives keys to nodes while they run. Those that follow ask for them from then on, as the leader
// does, and no hangup ends them.
func TestClusterKeys(t *testing.T) {
	x := newClustered(t, usualServers, "64MiB")
	x.start()
	x.leader()
	const key = "a-key-that-is-new-0123"
	for _, p := range x.nodes {
		p.write("config.yaml", p.read("config.yaml")+"auth: {api_keys: ["+key+"]}\n")
		p.signal(syscall.SIGHUP)
	}
	asks := func(p *process, headers ...string) int {
		r, err := p.do(impatient, http.MethodGet, "/v1/deadletters", nil, headers...)
		if err != nil {
			return 0
		}
		r.Body.Close()
		return r.StatusCode
	}
	for _, p := range x.nodes {
		p.eventually(30*time.Second, "asking for a key", func() bool { return asks(p) == http.StatusUnauthorized })
		got := 0
		p.eventually(30*time.Second, "answering with a key", func() bool { // 503 while another begins to lead, 0 for no answer in time
			got = asks(p, "Authorization", "Bearer "+key)
			return got != http.StatusServiceUnavailable && got != 0
		})
		if got != http.StatusOK {
			t.Errorf("%s answers %d to who has the key", p.url, got)
		}
	}
}
