package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find returns the rule files that a pattern names, sorted; with an error, those found
// before it. A directory stands for all rule files in it. A pattern without wildcards that
// leads nowhere is an fs.ErrNotExist.
func Find(pattern string) ([]string, error) {
	f, err := glob(pattern)
	return f.files, err
}

// found is what a glob leads to.
type found struct {
	files []string
	// dirs are the directories that wildcards were looked for in, or would have
	// been: what comes and goes there can change files.
	dirs []string
}

// glob finds the rule files that a pattern names; with an error, those found
// before it. Unlike filepath.Glob it
// reports directories that it may not read: skipping one would silently drop
// its rules. What a wildcard matches must not begin with a dot, and must be a
// rule file: backups of editors, ConfigMap's ..data and rule tests are not.
func glob(pattern string) (found, error) {
	if strings.Contains(pattern, "**") {
		return found{}, errors.New("** is not supported; write one pattern for each level, such as rules/*.yaml and rules/*/*.yaml")
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return found{}, fmt.Errorf("a malformed pattern: %w", err)
	}
	if !hasMeta(pattern) {
		return literalPath(pattern)
	}
	volume := "."
	rest := filepath.Clean(pattern)
	if filepath.IsAbs(rest) {
		volume, rest = string(filepath.Separator), rest[1:]
	}
	parts := strings.Split(rest, string(filepath.Separator))
	var f found
	err := f.walk(volume, parts)
	slices.Sort(f.files)
	return f, err
}

// literalPath is a path without wildcards: one file, or all of a directory.
func literalPath(path string) (found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return found{}, withoutPath(err)
	}
	if info.IsDir() {
		return glob(filepath.Join(path, "*"))
	}
	if !isRuleFile(path) {
		return found{}, errors.New("not a rule file: its name must end in .yaml, .yml or .json")
	}
	return found{files: []string{path}}, nil
}

// walk follows the parts of a pattern below dir.
func (f *found) walk(dir string, parts []string) error {
	for len(parts) > 1 && !hasMeta(parts[0]) {
		dir, parts = filepath.Join(dir, parts[0]), parts[1:]
	}
	f.dirs = append(f.dirs, dir)
	if len(parts) == 1 && !hasMeta(parts[0]) {
		path := filepath.Join(dir, parts[0])
		if _, err := os.Stat(path); err == nil {
			f.files = append(f.files, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if ok, _ := filepath.Match(parts[0], name); !ok || strings.HasPrefix(name, ".") && !strings.HasPrefix(parts[0], ".") {
			continue
		}
		path := filepath.Join(dir, name)
		// Stat and not entry.IsDir: a directory may stand behind a symlink.
		info, err := os.Stat(path)
		switch {
		case err != nil:
			if len(parts) == 1 && !isRuleFile(path) {
				continue // a lock of an editor, which leads nowhere
			}
			return err
		case len(parts) > 1 && info.IsDir():
			if err := f.walk(path, parts[1:]); err != nil {
				return err
			}
		case len(parts) == 1 && !info.IsDir() && isRuleFile(path):
			f.files = append(f.files, path)
		}
	}
	return nil
}

func hasMeta(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// isRuleFile goes by the name; tests of rules stand beside them as *_test.yaml
// or *.test.yaml.
func isRuleFile(path string) bool {
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(path, ext)
	switch ext {
	case ".yaml", ".yml", ".json":
		return !strings.HasSuffix(stem, "_test") && !strings.HasSuffix(stem, ".test")
	}
	return false
}

// withoutPath leaves the path out of an error that is shown behind it anyway.
func withoutPath(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}
