package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yml", "c.json", "d.txt", "e_test.yaml", "f.test.yaml", ".hidden.yaml", "a.yaml~", "sub/g.yaml", "..data/h.yaml"} {
		write(t, filepath.Join(dir, name), "")
	}
	must(t, os.Symlink("nowhere", filepath.Join(dir, ".#a.yaml")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "sub", "lock")))
	for pattern, want := range map[string]string{
		"*":        "a.yaml b.yml c.json",
		"":         "a.yaml b.yml c.json",
		"*.yaml":   "a.yaml",
		"*/*.yaml": "sub/g.yaml",
		"s?b/g*":   "sub/g.yaml",
		"..data/*": "..data/h.yaml",
		"a.yaml":   "a.yaml",
		"*.none":   "",
		"*/a.yaml": "",
	} {
		f, err := glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		for i := range f.files {
			f.files[i], _ = filepath.Rel(dir, f.files[i])
		}
		if got := strings.Join(f.files, " "); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
	for pattern, want := range map[string]string{
		"none.yaml": "no such file", "none/*.yaml": "no such file", "d.txt": "not a rule file", "**/*.yaml": "** is not supported", "[": "malformed", "a.yaml/*": "not a directory",
	} {
		if _, err := glob(filepath.Join(dir, pattern)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", pattern, err, want)
		}
	}
	must(t, os.Symlink("nowhere", filepath.Join(dir, "sub", "lost.yaml")))
	if _, err := glob(filepath.Join(dir, "sub/*")); err == nil {
		t.Error("a rule file that leads nowhere is no error")
	}
}
