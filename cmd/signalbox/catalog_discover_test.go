package main

import (
	"encoding/json"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/router"
)

// TestCatalogDiscover: what it prints is a catalog file that check takes, and drift
// exits with 1.
func TestCatalogDiscover(t *testing.T) {
	s := badInput(t)
	s.run("catalog", "discover").want(t, cli.ExitOK, "# 0 events looked at\n", "")
	s.run("send", `{"source":"shop.returns","detail-type":"OrderReturned","detail":{"orderId":"o-1","items":[{"sku":"a","count":2}]}}`).want(t, cli.ExitOK, "", "")
	o := s.run("catalog", "discover")
	for _, want := range []string{"# 1 event looked at\ntypes:\n", "# OrderReturned: not declared, 1 event\n"} {
		o.want(t, cli.ExitOK, want, "")
	}

	write(t, s.dir, "catalog.yaml", o.stdout)
	signalbox(t, "check", "--config", s.dir+"/config.yaml").want(t, cli.ExitOK, "ok: ", "")
	s.request("POST", "/-/reload", "")
	s.run("catalog", "discover").want(t, cli.ExitOK, "# OrderReturned: declared, 1 event\n", "")

	s.run("send", `{"source":"shop.returns","detail-type":"OrderReturned","detail":{"orderId":7,"items":[],"gift":true}}`).want(t, cli.ExitOK, "", "")
	o = s.run("catalog", "discover", "--since", "1h")
	o.want(t, cli.ExitError, "#   drift: detail.orderId: expected string, got number 7\n", "")
	o.want(t, cli.ExitError, "#   drift: detail.gift: is sent, and not declared\n", "")
	if o.stderr != "" {
		t.Errorf("drift is no fault of the command, which says %s", o.stderr)
	}
	var found router.Discovered
	o = s.run("catalog", "discover", "--limit", "1", "--output", "json")
	if err := json.Unmarshal([]byte(o.stdout), &found); err != nil || o.code != cli.ExitError || found.Examined != 1 || len(found.Types[0].Drift) != 2 {
		t.Errorf("%v, exit code %d: %s", err, o.code, o.stdout)
	}
	if o := s.run("catalog", "discover", "--limit", "0"); o.code == cli.ExitOK || !strings.Contains(o.stderr, "from 1 to 100000") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}
