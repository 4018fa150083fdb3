// Package ruletest runs tests of rules: files in YAML that stand beside the
// rule files, each test with an event and what is to become of it. It needs no
// router: an event is matched and transformed, and nothing is sent.
package ruletest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
)

// File is one file of tests.
type File struct {
	Path string
	// Rules are the rule files that are under test; empty means all rules.
	Rules []string
	Tests []*Test
}

// Test is one event and what is to become of it.
type Test struct {
	Name string
	Pos  document.Position

	event *event.Event
	// webhook makes the event, where it is set.
	webhook *webhook
	expect  expectation
}

// expectation is what a test says about its event. What it does not mention is
// not checked.
type expectation struct {
	// rules are the rules that match, shadow ones among them; targets are the
	// targets that get the event, once for each delivery.
	rules, targets       *[]string
	rulesPos, targetsPos document.Position
	bodies               []expectedBody
}

// expectedBody is what one delivery carries. The key is a target, or a rule and
// a target as rule/target.
type expectedBody struct {
	key  string
	pos  document.Position
	node *document.Node
}

// Discover finds the test files that stand beside the rule files of a set.
func Discover(set *rules.Set) ([]string, error) {
	dirs := map[string]bool{}
	for _, f := range set.Files {
		dirs[filepath.Dir(f.Path)] = true
	}
	var paths []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		found, err := in(dir)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// Expand returns the test files that paths name: files as they are, and of
// directories the test files in them.
func Expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := in(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// in returns the test files of one directory, sorted by name.
func in(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && isTestFile(entry.Name()) {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	return files, nil
}

// isTestFile goes by the names that rule files must not have.
func isTestFile(name string) bool {
	ext := filepath.Ext(name)
	if ext != ".yaml" && ext != ".yml" || strings.HasPrefix(name, ".") {
		return false
	}
	stem := strings.TrimSuffix(name, ext)
	return strings.HasSuffix(stem, "_test") || strings.HasSuffix(stem, ".test")
}
