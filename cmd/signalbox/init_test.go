package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestInitWritesAProjectThatWorks does what the project's README says.
func TestInitWritesAProjectThatWorks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "events")
	signalbox(t, "init", dir).want(t, cli.ExitOK, "config.yaml", "")
	config := filepath.Join(dir, "config.yaml")
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "ok: 1 rule", "")
	signalbox(t, "test", "--config", config).want(t, cli.ExitOK, "2 passed", "")
	text, err := os.ReadFile(config)
	must(t, err)
	write(t, dir, "config.yaml", strings.Replace(string(text), ":8080", ":0", 1)+"min_free_disk: 0\n")
	s := startRouter(t, dir)
	s.run("send", filepath.Join(dir, "events", "order.json")).want(t, cli.ExitOK, "", "")
	s.eventually("the event is printed", func() bool { return strings.Contains(s.stdout.String(), "big-orders") })

	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	must(t, err)
	if lines := strings.Count(string(readme), "\n"); lines > 12 {
		t.Errorf("the README has %d lines", lines)
	}
	write(t, dir, "README.md", "mine\n")
	signalbox(t, "init", dir).want(t, cli.ExitError, "", "nothing was written")
	if readme, _ = os.ReadFile(filepath.Join(dir, "README.md")); string(readme) != "mine\n" {
		t.Errorf("the README is %q now", readme)
	}
	half := t.TempDir()
	write(t, half, "README.md", "mine\n")
	signalbox(t, "init", half).want(t, cli.ExitError, "", "README.md: it exists already")
	if entries, _ := os.ReadDir(half); len(entries) != 1 {
		t.Errorf("something was written: %v", entries)
	}
}
