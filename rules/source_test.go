package rules

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/document"
)

// origins are files and two other sources of a test, and the Set that serves.
type origins struct {
	t     *testing.T
	dir   string
	api   []Document
	other []Document
	err   error // of reading other
	src   Source
	set   *Set
}

const apiTarget = "targets: {q: {type: log}}\n"

func rulesText(names ...string) string {
	text := "rules:\n"
	for _, name := range names {
		text += "  - {name: " + name + ", pattern: {source: [shop.orders]}, targets: [q]}\n"
	}
	return text
}

func newSources(t *testing.T) *origins {
	s := &origins{t: t, dir: t.TempDir()}
	write(t, filepath.Join(s.dir, "a.yaml"), apiTarget+rulesText("file1"))
	s.api = []Document{{"one.yaml", []byte(rulesText("api1"))}}
	s.src = Source{Globs: []string{"*.yaml"}, Dir: s.dir, Others: []Documents{
		{Name: "api", Read: func() ([]Document, error) { return s.api, nil }},
		{Name: "other", Read: func() ([]Document, error) { return s.other, s.err }},
	}}
	return s
}

// load loads again, and holds what serves then, and the error, against what is wanted. An
// empty want means that there is no new Set.
func (s *origins) load(what, want string, faults ...string) {
	s.t.Helper()
	s.src.Previous = s.set
	set, err := Load(s.src)
	var got []string
	if set != nil {
		s.set = set
		got = matchedNames(set, "", "{}")
	}
	if strings.Join(got, " ") != want {
		s.t.Errorf("%s: %q match, want %q (%v)", what, got, want, err)
	}
	if (err != nil) != (len(faults) > 0) {
		s.t.Errorf("%s: error %v, want %q", what, err, faults)
	}
	for _, fault := range faults {
		if err == nil || !strings.Contains(err.Error(), fault) {
			s.t.Errorf("%s: error %v, want %q", what, err, fault)
		}
	}
	var all document.Errors
	if err != nil && (!errors.As(err, &all) || len(slices.Compact(slices.Clone(all))) != len(all)) {
		s.t.Errorf("%s: %T: %v", what, err, err)
	}
}

// A broken edit of one source keeps its last good documents, while changes of the others
// take effect.
func TestEachSourceKeepsItsLastGood(t *testing.T) {
	s := newSources(t)
	file := func(text string) { write(t, filepath.Join(s.dir, "a.yaml"), text) }
	s.load("the start", "api1 file1")
	revision := s.set.Revision

	file(apiTarget + "rules:\n  - {name: broken}\n")
	s.load("a broken file alone", "", `a.yaml:3:5: rule "broken": has no pattern`)
	s.api = []Document{{"one.yaml", []byte(rulesText("api2"))}, {"two.yaml", []byte(rulesText("api3"))}}
	s.load("with a change of the API", "api2 api3 file1", `rule "broken": has no pattern`, "the rule files have faults: their last good ones continue to serve")
	s.load("read once more", "", `rule "broken": has no pattern`)
	file(apiTarget + rulesText("file2"))
	s.load("the file is fixed", "api2 api3 file2")

	s.api = []Document{{"one.json", []byte(`{"rules": [{"name": "x"}]}`)}}
	file(apiTarget + rulesText("file3"))
	s.load("a broken document of the API", "api2 api3 file3", `api:one.json:1:12: rule "x": has no pattern`, `the source "api" has faults: its last good documents continue to serve`)
	s.api = []Document{{"one.json", []byte(`{`)}}
	file(apiTarget + "rules: 1\n")
	s.load("both are broken", "", "api:one.json:1:", "a.yaml:2:8: rules: must be a list")
	s.other = []Document{{"o.yaml", []byte(rulesText("other1"))}}
	s.load("both are broken, and a third changes", "api2 api3 file3 other1", `the source "api" has faults`, "the rule files have faults")

	s.api, s.other = []Document{{"one.yaml", []byte(rulesText("api1"))}}, nil
	file(apiTarget + rulesText("file1"))
	s.load("all as in the beginning", "api1 file1")
	if s.set.Revision != revision {
		t.Errorf("revision %s, want that of the start, %s", s.set.Revision, revision)
	}
}

// What one source takes away from under another is the fault of the one that changed.
func TestTheChangedSourceIsToBlame(t *testing.T) {
	s := newSources(t)
	file := func(text string) { write(t, filepath.Join(s.dir, "a.yaml"), text) }
	s.load("the start", "api1 file1")
	file("targets: {z: {type: log}}\nrules: []\n")
	s.load("the file drops a target that the API uses", "", `api:one.yaml:2:62: rule "api1": targets[0]: no target "q"`)
	s.other = []Document{{"o.yaml", []byte(rulesText("other1"))}}
	s.load("and a third changes", "", "no target") // which one of the two can't be told
	s.other = nil
	file(apiTarget + rulesText("file1", "api1"))
	s.load("the file takes a name of the API", "", `api:one.yaml:2:5: rule "api1": stands twice`)
	file(apiTarget + rulesText("file1"))
	s.api = []Document{{"one.yaml", []byte(rulesText("file1"))}}
	s.load("the API takes a name of the file", "api1 file1", "stands twice", `the source "api" has faults`)
	s.api = nil
	s.load("the API is empty", "file1")
	file(apiTarget + rulesText("api1"))
	s.load("a rule moves from the API to the file", "api1")
}

func TestASourceThatCantBeRead(t *testing.T) {
	s := newSources(t)
	s.err = errors.New("no connection")
	s.load("at the start", "", "other: no connection")
	s.err = nil
	s.other = []Document{{"o.yaml", []byte(rulesText("other1"))}}
	s.load("it is there", "api1 file1 other1")
	s.err, s.other = errors.New("no connection"), nil
	s.api = nil
	s.load("it is gone, and the API changes", "file1 other1", "other: no connection", `the source "other" has faults: its last good documents`)
	s.src.Unreadable, s.err = document.Errors{{Message: "config.yaml:1:1: is no mapping"}}, nil
	write(t, filepath.Join(s.dir, "a.yaml"), apiTarget+rulesText("file2"))
	s.load("the configuration is broken: files wait for it", "file1", "config.yaml:1:1", "the rule files have faults")
	s.src.Unreadable = nil
	s.load("it is fixed", "file2")
}

// The catalog that is kept is the one that was good, whatever its schemas say by now.
func TestAKeptCatalogIsNotReadAgain(t *testing.T) {
	s := newSources(t)
	s.src.Catalog = []string{"types/*.yaml"}
	types := filepath.Join(s.dir, "types", "c.yaml")
	write(t, types, "types: [{name: OrderCreated, kind: event, schema: {$ref: order.json}}]\n")
	write(t, filepath.Join(s.dir, "types", "order.json"), `{"type": "object"}`)
	s.src.Catalog = []string{"types/c.yaml"}
	s.load("the start", "api1 file1")
	write(t, filepath.Join(s.dir, "types", "order.json"), `{"type": 7}`)
	s.api = []Document{{"one.yaml", []byte(rulesText("api2"))}}
	s.load("a schema breaks, and the API changes", "api2 file1", "the rule files have faults")
	if got, ok := s.set.Catalog.Type("OrderCreated", ""); !ok || got.Schema == nil {
		t.Errorf("the catalog that serves has %v", got)
	}
}

// Documents of a source are read as rule files are, but lie in no folder.
func TestDocumentsOfASource(t *testing.T) {
	s := newSources(t)
	s.api = []Document{
		{"r.json", []byte(`{"Name": "aws", "EventPattern": "{\"source\":[\"shop.orders\"]}", "Targets": [{"Id": "1", "Arn": "arn:aws:sqs:r:1:l"}]}`)},
		{"sub/t.yaml", []byte("targets: {l: {type: log, path: out.log}}\n")},
		{"empty.yaml", nil},
	}
	s.load("the start", "aws file1")
	if got := s.set.Targets["l"].Dir; got != s.dir {
		t.Errorf("the target's paths start at %q, want %q", got, s.dir)
	}
	if got := s.set.Rule(DefaultBus, "aws").Pos.String(); got != "api:r.json:1:1" {
		t.Errorf("the rule stands at %s", got)
	}
	if !slices.ContainsFunc(s.set.Warnings, func(w *document.Problem) bool { return w.Pos.File == "api:empty.yaml" }) {
		t.Errorf("no warning of the empty document: %v", s.set.Warnings)
	}
}

// A Set of files alone has let go of their texts: beside other sources, it is all or nothing.
func TestFilesAloneKeepNoTexts(t *testing.T) {
	s := newSources(t)
	others := s.src.Others
	s.src.Others = nil
	s.load("files alone", "file1")
	s.src.Others = others
	file := filepath.Join(s.dir, "a.yaml")
	write(t, file, apiTarget+"rules: 1\n")
	s.load("with other sources, and a broken file", "", "rules: must be a list")
	write(t, file, apiTarget+rulesText("file2"))
	s.load("the file is fixed", "api1 file2")
	write(t, file, apiTarget+"rules: 1\n")
	s.api = []Document{{"one.yaml", []byte(rulesText("api2"))}}
	s.load("broken again", "api2 file2", "rules: must be a list", "the rule files have faults")
}

// TestLoadedTextsStay: who is told of the texts of files keeps them, though the Set lets go of them.
func TestLoadedTextsStay(t *testing.T) {
	s := newSources(t)
	s.api = nil
	var told Files
	s.src.Loaded = func(f Files) { told = f }
	s.load("files alone", "file1")
	if len(told.Rules) != 1 || string(told.Rules[0].Text) != apiTarget+rulesText("file1") {
		t.Errorf("told of %q", told.Rules)
	}
}
