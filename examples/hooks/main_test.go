package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/rules"
)

// TestRun sends every delivery the whole way.
func TestRun(t *testing.T) {
	t.Setenv("RECEIVER_URL", "") // run sets it
	var out bytes.Buffer
	if err := run(t.Context(), ".", &out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "200 OK"); n != 11 {
		t.Errorf("%d of 11 were taken:\n%s", n, out.String())
	}
	for target, want := range map[string]int{"reviews": 3, "ledger": 1, "assistant": 2, "fulfilment": 2, "on-call": 2} {
		_, after, _ := strings.Cut(out.String(), "\n"+target+"\n")
		got, _, _ := strings.Cut(after, "\n\n")
		if n := strings.Count("\n"+got, "\n  "); n != want {
			t.Errorf("%s got %d deliveries, want %d:\n%s", target, n, want, out.String())
		}
	}
}

// TestStoredSignatures: the deliveries are signed as their providers sign them, with the
// example's secrets, as of the time that they were made at, and no other body passes.
func TestStoredSignatures(t *testing.T) {
	set, err := rules.Load(rules.Source{Globs: []string{"hooks.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob("deliveries/*.http")
	if len(paths) != 11 {
		t.Fatalf("%d deliveries", len(paths))
	}
	made := time.Date(2026, time.November, 26, 10, 0, 0, 0, time.UTC)
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			d, err := read(path)
			if err != nil {
				t.Fatal(err)
			}
			check, err := set.Hooks[d.hook].Head(d.Header, made)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(d.Body); err != nil {
				t.Error(err)
			}
			loggedIn := d.hook == "gitlab" || d.hook == "monitoring" // which shows nothing of the body
			if err := check(append(d.Body, ' ')); err == nil && !loggedIn {
				t.Error("another body passes")
			}
			for name := range set.Hooks {
				if name == d.hook {
					continue
				}
				if check, err := set.Hooks[name].Head(d.Header, made); err == nil && check(d.Body) == nil {
					t.Errorf("the hook %s takes it too", name)
				}
			}
		})
	}
}
