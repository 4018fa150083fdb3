package secret

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
)

// Limits are what references may name. A list that is nil allows everything, an empty
// one nothing.
type Limits struct {
	// Files are globs of the files that ${file:…} may name.
	Files []string `yaml:"files" example:"[keys/*]"`
	// Env are the names of variables that ${NAME} may name, in which a * stands for any characters.
	Env []string `yaml:"env" example:"[SHOP_*, TOKEN]"`
}

// None reports whether everything is allowed.
func (l Limits) None() bool { return l.Files == nil && l.Env == nil }

// Fault returns the first glob that is none, and what is wrong with it.
func (l Limits) Fault() error {
	for _, pattern := range slices.Concat(l.Files, l.Env) {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no glob: %w", pattern, err)
		}
	}
	return nil
}

// Limited returns a Source that refuses what the limits do not name; their relative
// globs start in dir.
func (s Source) Limited(l Limits, dir string) Source {
	s.limits, s.unsealed = Limits{Env: l.Env}, !l.None()
	if l.Files != nil {
		s.limits.Files = []string{}
	}
	for _, pattern := range l.Files {
		s.limits.Files = append(s.limits.Files, absolute(ResolvePath(dir, pattern)))
	}
	return s
}

// Sealed returns a Source that opens what is sealed, whatever is limited: for what was sealed where it
// stands.
func (s Source) Sealed() Source {
	s.unsealed = false
	return s
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// file returns an error for a file that may not be named.
func (l Limits) file(name string) error {
	clean := absolute(name)
	if l.Files == nil || slices.ContainsFunc(l.Files, func(glob string) bool { ok, _ := filepath.Match(glob, clean); return ok }) {
		return nil
	}
	return fmt.Errorf("rule files may not refer to the file %s: add it to secrets.files in the configuration", name)
}

// env returns an error for a variable that may not be named.
func (l Limits) env(name string) error {
	if l.Env == nil || slices.ContainsFunc(l.Env, func(glob string) bool { ok, _ := path.Match(glob, name); return ok }) {
		return nil
	}
	return fmt.Errorf("rule files may not refer to the environment variable %s: add it to secrets.env in the configuration", name)
}
