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
	run("targets", "pause", "nothing").want(t, exitError, "", `no target "nothing" (signalbox targets list shows what there is)`)
	run("targets", "pause", "shpo").want(t, exitError, "", `no target "shpo" (did you mean "shop"?)`)
	run("keys", "list", "shpo").want(t, exitError, "", `no target "shpo" (did you mean "shop"?)`)
	run("rules", "pause", "big-order").want(t, exitError, "", `no rule "big-order" on bus "default" (did you mean "big-orders"?)`)
	run("rules", "pause", "big-orders", "--bus", "eu").want(t, exitError, "", `no rule "big-orders" on bus "eu" (there is one on bus "default")`)
	run("dlq", "list", "--target", "shpo").want(t, exitOK, "no dead letters that the filter chooses\n", `there is no target "shpo" (did you mean "shop"?)`)
	run("targets", "pause").want(t, exitUsage, "", "an argument is missing; write signalbox targets pause <target>")
	run("rules", "list").want(t, exitOK, "RULE", "")
	run("rules", "pause", "nothing").want(t, exitError, "", `no rule "nothing" on bus "default"`)
}
