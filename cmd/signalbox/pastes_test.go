package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDocumentedConfigurationsLoad holds the configurations that a reader pastes from the pages on targets, sources
// and webhooks against the loader. Blocks that begin with spaces, or with a key of none of these, are parts.
func TestDocumentedConfigurationsLoad(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	top := regexp.MustCompile(`(?m)^([a-z_]+):`)
	configured := map[string]bool{"egress": true, "secrets": true, "limits": true}
	beside := map[string]bool{"targets": true, "sources": true, "hooks": true, "connections": true, "rules": true}
	env, file := regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)\}`), regexp.MustCompile(`\$\{file:([^}]+)\}`)
	loaded := 0
	for _, page := range []string{"targets", "sources", "hooks"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllSubmatchIndex(text, -1) {
			paste := string(text[m[2]:m[3]])
			key := top.FindStringSubmatch(paste)
			if key == nil || paste[0] == ' ' || !configured[key[1]] && !beside[key[1]] {
				continue
			}
			loaded++
			t.Run(fmt.Sprintf("%s:%d", page, 1+bytes.Count(text[:m[2]], []byte("\n"))), func(t *testing.T) {
				dir := t.TempDir()
				for _, name := range env.FindAllStringSubmatch(paste, -1) {
					t.Setenv(name[1], "example-of-a-secret")
				}
				for _, name := range file.FindAllStringSubmatch(paste, -1) {
					path := filepath.Join(dir, "rules", name[1])
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
					write(t, filepath.Dir(path), filepath.Base(path), "example-of-a-secret")
				}
				if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o700); err != nil {
					t.Fatal(err)
				}
				config := "data_dir: data\nrules: [rules/]\nbuses: {shops: {}}\n"
				if configured[key[1]] {
					config += paste
				} else {
					write(t, filepath.Join(dir, "rules"), "paste.yaml", paste)
				}
				if o := signalbox(t, "check", "--config", write(t, dir, "config.yaml", config)); o.code != 0 {
					t.Errorf("%s%s\nof\n%s", o.stdout, o.stderr, paste)
				}
			})
		}
	}
	if loaded < 20 {
		t.Errorf("only %d configurations found: do the pages look otherwise?", loaded)
	}
}
