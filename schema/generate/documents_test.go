package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"signalbox/document"
	"signalbox/schema"
)

// TestDocumentsObeyTheSchemas holds each document in the examples and the docs against the schema
// of its kind, and the same with a misspelt key.
func TestDocumentsObeyTheSchemas(t *testing.T) {
	r := read(root)
	keys := map[string][]string{}
	for name, s := range map[string]*shape{"config": r.config, "rules": r.rules, "catalog": r.catalog, "tests": r.tests} {
		for _, o := range s.options {
			keys[name] = append(keys[name], o.key)
		}
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, name := range schema.Names {
		schemas[name] = compiled(t, name)
	}
	tried := map[string]int{}
	for place, text := range documents(t) {
		n, err := document.Parse("", text)
		if err != nil || n == nil || n.Kind != document.Mapping {
			continue
		}
		kind := kindOf(n, keys)
		if kind == "" {
			continue
		}
		tried[kind]++
		if err := valid(schemas[kind], string(text)); err != nil {
			t.Errorf("%s: %v", place, err)
		}
		key := n.Members[len(n.Members)-1].Key
		if err := valid(schemas[kind], strings.Replace("\n"+string(text), "\n"+key+":", "\n"+key+"z:", 1)); err == nil {
			t.Errorf("%s: with %s misspelt it is valid", place, key)
		}
	}
	if tried["config"] < 10 || tried["rules"] < 40 || tried["catalog"] < 3 || tried["tests"] < 10 {
		t.Errorf("only %v documents were found", tried)
	}
}

// kindOf returns the kind of file of which a document has only keys; empty for none.
func kindOf(n *document.Node, keys map[string][]string) string {
	for _, kind := range []string{"rules", "catalog", "config", "tests"} {
		if !slices.ContainsFunc(n.Members, func(m document.Member) bool { return !slices.Contains(keys[kind], m.Key) }) {
			return kind
		}
	}
	return ""
}

var block = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// documents returns all YAML in the repository that is for people, by where it is.
func documents(t *testing.T) map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{"config.yaml", "README.md", "examples", "docs", "deploy/docker", "deploy/packages", "cmd/signalbox/internal/offline/project"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			switch filepath.Ext(path) {
			case ".yaml":
				all[path] = text
			case ".md":
				for i, m := range block.FindAllSubmatch(text, -1) {
					all[fmt.Sprintf("%s, block %d", path, i+1)] = m[1]
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestModelinesLead wants each file that names its schema to lead to the right one.
func TestModelinesLead(t *testing.T) {
	modeline := regexp.MustCompile(`^# yaml-language-server: \$schema=(.*)\n`)
	found := 0
	for path, text := range documents(t) {
		m := modeline.FindSubmatch(text)
		if m == nil {
			if strings.Contains(path, "examples") && strings.HasSuffix(path, ".yaml") {
				t.Errorf("%s: has no modeline", path)
			}
			continue
		}
		found++
		if strings.Contains(path, "/project/") {
			continue // its schemas are written beside it
		}
		target := filepath.Join(filepath.Dir(path), string(m[1]))
		got, err := os.ReadFile(target)
		if err != nil {
			t.Error(err)
			continue
		}
		name := strings.TrimSuffix(filepath.Base(target), ".json")
		if want, err := schema.Of(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s is no schema", path, target)
		} else if err := valid(compiled(t, name), string(text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if found < 15 {
		t.Errorf("only %d modelines", found)
	}
}
