package rules

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata")

// TestLoadBad loads each faulty file of testdata/bad; the messages expected of
// it stand beside it with the extension .txt.
func TestLoadBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.bad.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".txt") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			set, err := Load(Source{Globs: []string{file}})
			if err == nil {
				t.Fatalf("loaded %d rules, want an error", len(set.Rules))
			}
			got := strings.ReplaceAll(err.Error(), "testdata/bad/", "") + "\n"
			if *update {
				if err := os.WriteFile(file+".txt", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestLoadWarnsOfDoubtfulPatterns(t *testing.T) {
	dir := t.TempDir()
	text := "targets:\n  out: {type: log}\nrules:\n  - name: a\n    pattern:\n      source: [1]\n      detail-type: [OrderCreated, OrderUpdate]\n      detail: {n: [abc, {prefix: a}]}\n    targets: [out]\n"
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := Load(Source{Globs: []string{"rules.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range set.Warnings {
		got = append(got, strings.TrimPrefix(w.Error(), dir+"/"))
	}
	for i, want := range []string{`:6:15: rule "a": pattern.source: `, `:7:35: rule "a": pattern.detail-type[1]: the type "OrderUpdate"`, `:8:20: rule "a": pattern.detail.n: `} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("warning %d: got %q, want %q", i, got, want)
		}
	}
}
