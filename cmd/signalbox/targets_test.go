package main

import (
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

func TestPausingByCommand(t *testing.T) {
	s := startRouter(t, shopDir(t, newShop(t), ""))
	run := func(args ...string) outcome { return signalbox(t, append(args, "--url", s.url)...) }
	run("targets", "list").want(t, cli.ExitOK, "TARGET", "")
	run("targets", "pause", "shop").want(t, cli.ExitOK, "paused", "")
	run("targets", "list", "--output", "json").want(t, cli.ExitOK, `"state": "paused"`, "")
	run("targets", "resume", "shop").want(t, cli.ExitOK, "ok", "")
	run("targets", "drain", "shop", "--timeout", "1m").want(t, cli.ExitOK, "paused", "")
	run("targets", "pause", "nothing").want(t, cli.ExitError, "", `no target "nothing" (signalbox targets list shows what there is)`)
	run("targets", "pause", "shpo").want(t, cli.ExitError, "", `no target "shpo" (did you mean "shop"?)`)
	run("keys", "list", "shpo").want(t, cli.ExitError, "", `no target "shpo" (did you mean "shop"?)`)
	run("rules", "pause", "big-order").want(t, cli.ExitError, "", `no rule "big-order" on bus "default" (did you mean "big-orders"?)`)
	run("rules", "pause", "big-orders", "--bus", "eu").want(t, cli.ExitError, "", `no rule "big-orders" on bus "eu" (there is one on bus "default")`)
	run("dlq", "list", "--target", "shpo").want(t, cli.ExitOK, "no dead letters that the filter chooses\n", `there is no target "shpo" (did you mean "shop"?)`)
	run("targets", "pause").want(t, cli.ExitUsage, "", "an argument is missing; write signalbox targets pause <target>")
	run("rules", "list").want(t, cli.ExitOK, "RULE", "")
	run("rules", "pause", "nothing").want(t, cli.ExitError, "", `no rule "nothing" on bus "default"`)
}
