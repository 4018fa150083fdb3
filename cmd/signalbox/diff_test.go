package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/audit"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/diff"
)

// TestDiff compares rules on a running router, its backup, and its store once it has stopped.
func TestDiff(t *testing.T) {
	sink := newShop(t)
	dir := shopDir(t, sink, "")
	s := startRouter(t, dir)
	for _, total := range []string{"250", "120", "50"} {
		s.run("send", strings.Replace(bigOrder, "250", total, 1)).want(t, cli.ExitOK, "-", "")
	}
	text, err := os.ReadFile(filepath.Join(dir, "rules.yaml"))
	must(t, err)
	fresh := t.TempDir()
	write(t, fresh, "rules.yaml", strings.NewReplacer("100", "200", `{"order": <id>}`, `{"id": <id>}`).Replace(string(text)))

	o := s.run("diff", "--rules", fresh)
	for _, want := range []string{
		"events      3, from ", "deliveries  5 before, 4 after: 0 gained, 1 lost, 1 changed (40% changed)",
		"big-orders  shop    0       1     1        0", "big-orders -> shop", "OrderCreated from shop.orders",
		"      detail.total: 120, wanted numeric > 200\n", "      - {\"order\": \"A-1\"}\n      + {\"id\": \"A-1\"}\n",
	} {
		o.want(t, cli.ExitOK, want, "")
	}
	s.run("diff", "--rules", fresh, "--max-change", "39.9%").want(t, cli.ExitError, "40% changed", "the new rules would change 40% of the deliveries, and the most is 39.9%")
	s.run("diff", "--rules", fresh, "--max-change", "40%").want(t, cli.ExitOK, "", "")
	s.run("diff", "--rules", dir, "--max-change", "0%").want(t, cli.ExitError, "", "config.yaml") // it is no rule file
	s.run("diff", "--rules", filepath.Join(dir, "rules.yaml"), "--max-change", "0%").want(t, cli.ExitOK, "0 gained, 0 lost, 0 changed (0% changed)", "")
	s.run("diff", "--rules", fresh, "--bus", "none", "--max-change", "1%").want(t, cli.ExitError, "events      0", "no event was compared")
	s.run("diff", "--rules", fresh, "--since", "2999-01-01").want(t, cli.ExitError, "", "lies in the future")
	s.run("diff", "--rules", filepath.Join(fresh, "none")).want(t, cli.ExitError, "", "none: no such file")
	s.run("diff", "--rules", t.TempDir()).want(t, cli.ExitError, "", "no rule file (.yaml, .yml or .json) is there")
	s.run("diff", "--rules", fresh, "--against", fresh).want(t, cli.ExitUsage, "", "--against goes with --store")
	s.run("diff", "--rules", fresh, "--max-change", "1").want(t, cli.ExitUsage, "", "write a percentage")
	s.run("diff").want(t, cli.ExitUsage, "", "with --rules")

	copied := filepath.Join(t.TempDir(), "copy")
	s.run("backup", copied).want(t, cli.ExitOK, "", "")
	config := filepath.Join(dir, "config.yaml")
	offline := func(store string, more ...string) outcome {
		return signalbox(t, append([]string{"diff", "--config", config, "--rules", fresh, "--store", store, "-o", "json"}, more...)...)
	}
	offline(filepath.Join(dir, "data")).want(t, cli.ExitError, "", "the router is running on "+filepath.Join(dir, "data")+": leave --store out")
	if code := s.end(); code != cli.ExitOK {
		t.Fatalf("ended with %d", code)
	}
	for _, store := range []string{copied, filepath.Join(dir, "data")} {
		o := offline(store)
		o.want(t, cli.ExitOK, "", "")
		var got diff.Result
		must(t, json.Unmarshal([]byte(o.stdout), &got))
		if got.Events != 3 || got.Counts != (diff.Counts{Lost: 1, Changed: 1}) || got.Before != 5 || len(got.Changes[0].Samples) != 2 {
			t.Errorf("%s: got %+v", store, got)
		}
		offline(store, "--against", fresh).want(t, cli.ExitOK, `"change_percent": 0`, "")
		offline(store, "--max-change", "1%").want(t, cli.ExitError, "", "would change 40%")
	}
	offline(filepath.Join(dir, "none")).want(t, cli.ExitError, "", "no store")
	offline(copied, "--since", "2999-01-01").want(t, cli.ExitUsage, "", "lies in the future")
}

// TestReloadIsHeldBack changes rules beyond reload.max_change: the router keeps the old ones,
// says so, and takes the new ones when it is told to.
func TestReloadIsHeldBack(t *testing.T) {
	dir := shopDir(t, newShop(t), "reload: {max_change: 10%}\n")
	s := startRouter(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "rules.yaml"))
	must(t, err)
	change := func(from, to string) {
		text = []byte(strings.Replace(string(text), from, to, 1))
		write(t, dir, "rules.yaml", string(text))
	}
	change("name: asleep", "name: sleeping") // nothing has happened yet, and nothing changes
	s.eventually("the rules serve", func() bool { return strings.Contains(s.run("rules", "list").stdout, "sleeping") })
	for range 3 {
		s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	}
	change("100", "1000")
	s.eventually("the change was noticed and refused", func() bool {
		return strings.Contains(s.stderr.String(), "new rules would change too much; the old ones continue to serve")
	})
	s.run("reload").want(t, cli.ExitError, "", "the new rules would change 50% of the deliveries, and the most is 10%: of 3 events since ")
	s.run("reload").want(t, cli.ExitError, "", `  rule "big-orders" on bus default to shop: 0 gained, 3 lost, 0 changed`)
	if _, rules := s.get("/v1/rules/default/big-orders", ""); !strings.Contains(rules, "100]") {
		t.Errorf("the rule that serves is %s", rules)
	}
	s.run("reload", "--force").want(t, cli.ExitOK, "the new rules serve (revision ", "")
	if _, rules := s.get("/v1/rules/default/big-orders", ""); !strings.Contains(rules, "1000]") {
		t.Errorf("the rule that serves is %s", rules)
	}
	s.run("reload").want(t, cli.ExitOK, "nothing has changed", "")
	o := s.run("audit", "-o", "json")
	var page audit.Page
	must(t, json.Unmarshal([]byte(o.stdout), &page))
	found := map[string]int{}
	for _, e := range page.Entries {
		detail, err := json.Marshal(e.Detail)
		must(t, err)
		found[string(e.Outcome)+" "+string(detail)]++
	}
	if found[`failed {"forced":false}`] != 2 || found[`done {"changed":true,"forced":true}`] != 1 || found[`done {"changed":false,"forced":false}`] != 1 {
		t.Errorf("the audit has %v", found)
	}
}

// TestRulesShadow shows what a shadow rule would have sent.
func TestRulesShadow(t *testing.T) {
	dir := shopDir(t, newShop(t), "")
	text, err := os.ReadFile(filepath.Join(dir, "rules.yaml"))
	must(t, err)
	write(t, dir, "rules.yaml", strings.Replace(string(text), "- name: big-orders", "- name: big-orders\n    state: shadow", 1))
	s := startRouter(t, dir)
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	o := s.run("rules", "shadow", "big-orders")
	for _, want := range []string{"events      1, from ", "deliveries  1 would have been sent\n            1 to shop\n", `      {"order": "A-1"}`} {
		o.want(t, cli.ExitOK, want, "")
	}
	s.run("rules", "shadow", "all-orders").want(t, cli.ExitError, "", "is enabled, not in state shadow")
	s.run("rules", "shadow", "big-order").want(t, cli.ExitError, "", "did you mean")
}
