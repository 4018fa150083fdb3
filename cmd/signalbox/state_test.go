package main

import "testing"

func TestStateCommands(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	s := serve(t, dir)
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
