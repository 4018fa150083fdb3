package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestHealthAndSystemd asks a router for its health, as containers do, and listens to what it
// tells systemd.
func TestHealthAndSystemd(t *testing.T) {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	must(t, err)
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", socket.LocalAddr().String())
	told := func(want string) {
		t.Helper()
		text := make([]byte, 100)
		must(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := socket.Read(text)
		must(t, err)
		if string(text[:n]) != want {
			t.Errorf("systemd is told %q, want %q", text[:n], want)
		}
	}
	s := startRouter(t, shopDir(t, newShop(t), "auth: {keys: [{name: a, key: a-key-of-sixteen, rights: [read]}]}\n"))
	told("READY=1")
	s.run("health").want(t, cli.ExitOK, "ready\n", "") // no key
	s.run("health", "--live", "-o", "json").want(t, cli.ExitOK, `"status": "alive"`, "")
	_, metrics := s.get("/metrics", "a-key-of-sixteen")
	if !strings.Contains(metrics, `signalbox_build_info{go="go1.`) {
		t.Error("no signalbox_build_info")
	}
	faults, err := promlint.New(strings.NewReader(metrics)).Lint() // what promtool check metrics does
	must(t, err)
	for _, f := range faults {
		t.Errorf("%s: %s", f.Metric, f.Text)
	}
	s.end()
	told("STOPPING=1")
	s.run("health", "--timeout", "5s").want(t, cli.ExitError, "", "connection refused")

	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	must(t, err)
	defer silent.Close()
	signalbox(t, "health", "--timeout", "1ms", "--url", "http://"+silent.Addr().String()).want(t, cli.ExitError, "", "has not answered within 1ms")
}

// TestTheEnvironmentStandsInForFlags names the configuration and the router by variables; flags
// count more.
func TestTheEnvironmentStandsInForFlags(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cli.ConfigVariable, write(t, dir, "signalbox.yaml", "rules: [rules.yaml]\n"))
	write(t, dir, "rules.yaml", "targets: {out: {type: log}}\nrules: [{name: from-variable, pattern: {source: [a]}, targets: [out]}]\n")
	signalbox(t, "check").want(t, cli.ExitOK, "1 rule", "")
	signalbox(t, "check", "--config", filepath.Join(dir, "none.yaml")).want(t, cli.ExitError, "none.yaml", "")
	t.Setenv(cli.ConfigVariable, filepath.Join(dir, "gone.yaml"))
	signalbox(t, "targets", "list").want(t, cli.ExitError, "", "gone.yaml") // not the default one instead
	t.Setenv(cli.URLVariable, "http://127.0.0.1:1/")
	signalbox(t, "targets", "list").want(t, cli.ExitError, "", "can't reach the router at http://127.0.0.1:1:")
	signalbox(t, "targets", "list", "--url", "http://127.0.0.1:2").want(t, cli.ExitError, "", "127.0.0.1:2")
	t.Setenv(cli.URLVariable, "ftp://router")
	signalbox(t, "targets", "list").want(t, cli.ExitUsage, "", "ftp://router")
}
