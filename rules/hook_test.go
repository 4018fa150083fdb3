package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/secret"
)

func TestHooks(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("key", "first\n")
	file("hooks.yaml", "buses: {code: {}}\nhooks:\n  gh: {verify: github, secrets: [\"${file:key}\"], bus: code}\n  open: {verify: none}\n")
	src := Source{Globs: []string{"hooks.yaml"}, Dir: dir}
	first, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if gh := first.Hooks["gh"]; gh == nil || gh.Bus != "code" || gh.Open() || !first.Hooks["open"].Open() || first.Files[0].Hooks != 2 {
		t.Errorf("%+v, %+v", first.Hooks, first.Files)
	}
	again, err := Load(src)
	if err != nil || !again.Same(first) {
		t.Errorf("the same files make another set: %v", err)
	}
	file("key", "second\n")
	if again, err = Load(src); err != nil || again.Same(first) || again.Revision != first.Revision {
		t.Errorf("another secret makes the same set, or another revision: %v", err)
	}
	file("key", "\n")
	if _, err = Load(src); err == nil || !strings.Contains(err.Error(), `hooks.yaml:3:34: hook "gh": secrets[0]: is empty`) {
		t.Errorf("an empty secret: %v", err)
	}
	file("key", "second\n")

	src.NoOpenHooks = true
	if _, err = Load(src); err == nil || !strings.Contains(err.Error(), `hooks.yaml:4:18: hook "open": verify: is none, and the router can be reached from other machines`) {
		t.Errorf("an open hook: %v", err)
	}
	src.NoOpenHooks, src.Limits = false, secret.Limits{Env: []string{}, Files: []string{"other"}}
	if _, err = Load(src); err == nil || !strings.Contains(err.Error(), "add it to secrets.files in the configuration") {
		t.Errorf("a secret beyond the limits: %v", err)
	}
	file("hooks.yaml", "\n")
	src.Previous = first
	if _, err = Load(src); err == nil || !strings.Contains(err.Error(), "is empty, and had 1 bus and 2 hooks before") {
		t.Errorf("an empty file: %v", err)
	}
}
