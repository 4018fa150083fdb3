package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"signalbox/api"
	"signalbox/cmd/signalbox/internal/cli"
)

func TestStateCommands(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	s := startRouter(t, dir)
	s.run("state", "list").want(t, 0, "", "no state is known")
	audit := write(t, dir, "audit.json", `{"source": "shop", "detail-type": "Customer", "detail": {"metadata": {"kind": "audit"}, "data": {"id": "eu/42", "tier": "gold"}}}`)
	s.run("send", audit).want(t, 0, "", "")
	s.run("state", "list").want(t, 0, "Customer\n", "")
	s.run("state", "list", "Customer").want(t, 0, `{"id":"eu/42","tier":"gold"}`, "")
	s.run("state", "list", "Customer", "--prefix", "us/").want(t, 0, "no state of any Customer is known", "")
	s.run("state", "list", "--prefix", "us/").want(t, 2, "", "--prefix is for the objects of a type")
	s.run("state", "get", "Customer", "eu/42").want(t, 0, `{"id":"eu/42","tier":"gold"}`+"\n", "")
	s.run("state", "get", "Customer", "eu/42", "-o", "json").want(t, 0, `"key": "eu/42"`, "")
	s.run("state", "get", "Customer", "eu/43").want(t, 1, "", `state of Customer "eu/43": not found`)
	s.run("state", "get", "Customer", "eu/42", "--version", "1").want(t, 1, "", "not kept any more")
}

// TestStateListGoesOnToTheEnd however many pages the states of a type fill.
func TestStateListGoesOnToTheEnd(t *testing.T) {
	s := badInput(t)
	const objects = 250
	var lines strings.Builder
	for i := range objects {
		fmt.Fprintln(&lines, message("Thing", fmt.Sprintf(`{"metadata":{"kind":"audit"},"data":{"id":"eu/%03d","n":%d}}`, i, i)))
	}
	fmt.Fprintln(&lines, message("Thing", `{"metadata":{"kind":"audit"},"data":{"id":"us/1"}}`))
	fmt.Fprintln(&lines, message("Thing", `{"metadata":{"kind":"audit","deleted":true},"data":{"id":"eu/007"}}`))
	signalboxIn(t, lines.String(), "send", "-", "--url", s.url).want(t, cli.ExitOK, "", "")
	o := s.run("state", "list", "Thing", "--prefix", "eu/", "--output", "json")
	var page api.StatePage
	if err := json.Unmarshal([]byte(o.stdout), &page); err != nil || len(page.Objects) != objects || page.Next != "" {
		t.Fatalf("%d objects, next %q (%v)", len(page.Objects), page.Next, err)
	}
	for i, object := range page.Objects {
		if want := fmt.Sprintf("eu/%03d", i); object.Key != want || object.Gone != (i == 7) {
			t.Errorf("object %d is %s, gone %t", i, object.Key, object.Gone)
		}
	}
	s.run("state", "list", "Thing", "--prefix", "eu/007").want(t, cli.ExitOK, "(gone)\n", "")
	s.run("state", "get", "Thing", "eu/007").want(t, cli.ExitError, "", `Thing "eu/007" is gone: event `)
	s.run("state", "get", "Thing", "eu/007", "--version", page.Objects[8].Version).want(t, cli.ExitError, "", "not ")
}
