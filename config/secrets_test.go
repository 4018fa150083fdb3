package config

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/rules"
)

// withSecret is a Reloader over a target whose token stands in a file.
func withSecret(t *testing.T, dir string) *serving {
	t.Helper()
	s := &serving{dir: dir}
	writeFile(t, dir, "rules/token.txt", "one\n")
	writeFile(t, dir, "rules/a.yaml", `targets:
  shop: {type: http, url: "http://127.0.0.1:9", headers: {Authorization: "Bearer ${file:token.txt}"}}
rules:
  - {name: first, pattern: {source: [shop]}, targets: [shop]}
`)
	c, err := Load(writeFile(t, dir, "config.yaml", "rules: [rules/*.yaml]\n"))
	must(t, err)
	s.set, err = c.LoadRules()
	must(t, err)
	s.Reloader = NewReloader(ReloaderOptions{Config: c, Set: s.set, Swap: func(set *rules.Set) error { s.set = set; return nil }})
	return s
}

func TestReloadOfASecret(t *testing.T) {
	s := withSecret(t, t.TempDir())
	reload := func(want, wantErr bool) {
		t.Helper()
		if changed, err := s.Reload(t.Context()); changed != want || (err != nil) != wantErr {
			t.Errorf("changed %v, error %v", changed, err)
		}
	}
	before, revision := s.set.Targets["shop"], s.set.Revision
	reload(false, false)
	writeFile(t, s.dir, "rules/token.txt", "two\n")
	reload(true, false)
	if after := s.set.Targets["shop"]; before.Equal(&after) {
		t.Error("the target with another token counts as the same")
	}
	if s.set.Revision != revision {
		t.Error("the revision, which is shown, tells of the secret")
	}
	reload(false, false)
	must(t, os.Remove(filepath.Join(s.dir, "rules/token.txt")))
	reload(false, true)
	writeFile(t, s.dir, "rules/token.txt", "two\n")
	reload(false, false)
}

// TestRunReloadsSecrets: files that references name are watched, be they rewritten
// in place or swapped, and also where the last reload failed for want of one.
func TestRunReloadsSecrets(t *testing.T) {
	s := withSecret(t, t.TempDir())
	seen := make(chan Outcome, 1000)
	s.opts.Observe = func(o Outcome) { seen <- o }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx, func(err error) { t.Error(err) }) }()
	await := func(what string, ok func(Outcome) bool) {
		t.Helper()
		limit := time.After(10 * time.Second)
		for {
			select {
			case o := <-seen:
				if ok(o) {
					return
				}
			case <-limit:
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	changed := func(o Outcome) bool { return o.Changed }
	await("the start", func(o Outcome) bool { return o.Err == nil })
	writeFile(t, s.dir, "rules/token.txt", "two\n")
	await("the second token", changed)
	must(t, os.Rename(writeFile(t, s.dir, "rules/.next", "three\n"), filepath.Join(s.dir, "rules/token.txt")))
	await("the third token", changed)
	must(t, os.Remove(filepath.Join(s.dir, "rules/token.txt")))
	await("the missing token", func(o Outcome) bool { return o.Err != nil })
	writeFile(t, s.dir, "rules/token.txt", "four\n")
	await("the fourth token", changed)
	cancel()
	<-done
}

func TestWatchedHoldsEachSecretFile(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "key.txt", "0123456789abcdef\n")
	c, err := Load(writeFile(t, dir, "config.yaml", "auth: {api_keys: ['${file:key.txt}']}\n"))
	must(t, err)
	if !slices.Contains(c.watched(), filepath.Join(dir, "key.txt")) {
		t.Errorf("watched are %v", c.watched())
	}
}

// TestSecretsOfRuleFiles: rule files may refer to what secrets: lists, and config.yaml
// to anything.
func TestSecretsOfRuleFiles(t *testing.T) {
	const inRules = "targets:\n  shop: {type: http, url: \"http://127.0.0.1:9\", headers: {Authorization: \"Bearer ${file:../keys/token}\"}}\n"
	const inConfig = "targets:\n  own: {type: http, url: \"http://127.0.0.1:9\", headers: {X-Key: \"${file:keys/token}\"}}\n"
	for _, test := range []struct{ name, config, err, warning string }{
		{"any", inConfig, "", "a.yaml:2:3: target \"shop\": refers to secrets"},
		{"listed", "secrets: {files: [keys/*]}\n", "", ""},
		{"another listed", inConfig + "secrets: {files: [keys/other], env: []}\n", "a.yaml:2:", ""},
		{"no glob", "secrets: {files: ['[']}\n", "config.yaml:", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "keys/token", "t0k3n\n")
			writeFile(t, dir, "rules/a.yaml", inRules)
			c, err := Load(writeFile(t, dir, "config.yaml", "rules: [rules/*.yaml]\n"+test.config))
			var set *rules.Set
			if err == nil {
				set, err = c.LoadRules()
			}
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "own") {
					t.Errorf("error %v, want one at %s", err, test.err)
				}
				return
			case err != nil:
				t.Fatal(err)
			case test.warning == "" && len(set.Warnings) == 0:
			case len(set.Warnings) != 1 || !strings.Contains(set.Warnings[0].Error(), strings.TrimPrefix(test.warning, "a.yaml:2:3: ")):
				t.Errorf("warnings %v, want %q", set.Warnings, test.warning)
			}
		})
	}
}
