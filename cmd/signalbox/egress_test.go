package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestEgressIsReloaded: what may be connected to changes without a restart.
func TestEgressIsReloaded(t *testing.T) {
	dir := t.TempDir()
	const config = `listen: 127.0.0.1:0
min_free_disk: 0
rules: []
targets: {out: {type: http, url: http://127.0.0.1:1/, retry: {max_attempts: 1}, breaker: off}}
`
	write(t, dir, "config.yaml", strings.Replace(config, "[]", "[rules.yaml]", 1))
	write(t, dir, "rules.yaml", "rules: [{name: all, pattern: {source: [shop]}, targets: [out]}]\n")
	s := startRouter(t, dir)
	for i, want := range []string{"connection refused", "is not of the public internet", "connection refused"} {
		if i > 0 {
			egress := map[string]string{"is not of the public internet": "egress: {deny: [private]}\n"}[want]
			write(t, dir, "config.yaml", strings.Replace(config, "[]", "[rules.yaml]", 1)+egress)
			s.request("POST", "/-/reload", "")
		}
		s.run("send", "--source", "shop", "--detail-type", "T", "--detail", fmt.Sprintf(`{"n": %d}`, i)).want(t, 0, "", "")
		s.eventually("dead", func() bool { return len(s.letters()) == i+1 })
		found := false
		for _, l := range s.letters() {
			found = found || strings.Contains(string(l.Event), fmt.Sprintf(`"n": %d`, i)) && strings.Contains(l.ErrorMessage, want)
		}
		if !found {
			for _, l := range s.letters() {
				t.Errorf("want %s: %s of %s", want, l.ErrorMessage, l.Event)
			}
		}
	}
}
