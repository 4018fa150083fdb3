package main

import "testing"

func TestPausingByCommand(t *testing.T) {
	s := serve(t, shopDir(t, newShop(t), ""))
	run := func(args ...string) outcome { return signalbox(t, append(args, "--url", s.url)...) }
	run("targets", "list").want(t, exitOK, "TARGET", "")
	run("targets", "pause", "shop").want(t, exitOK, "paused", "")
	run("targets", "list", "--output", "json").want(t, exitOK, `"state": "paused"`, "")
	run("targets", "resume", "shop").want(t, exitOK, "ok", "")
	run("targets", "drain", "shop", "--timeout", "1m").want(t, exitOK, "paused", "")
	run("targets", "pause", "nothing").want(t, exitError, "", `no target "nothing"`)
	run("targets", "pause").want(t, exitUsage, "", "an argument is missing; write signalbox targets pause <target>")
	run("rules", "list").want(t, exitOK, "RULE", "")
	run("rules", "pause", "nothing").want(t, exitError, "", `no rule "nothing" on bus "default"`)
}
