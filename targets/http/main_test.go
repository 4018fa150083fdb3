package http

import (
	"testing"

	"go.uber.org/goleak"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) {
	if runSink() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, c targets.Config, env targets.Env) targets.Target {
	t.Helper()
	return targetstest.Open(t, Kind(), c, env)
}
