package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"signalbox/document"
	"signalbox/event"
)

// Load reads test files. An error is of the type document.Errors and holds
// every fault of every file.
func Load(paths []string) ([]*File, error) {
	var problems document.Problems
	files := make([]*File, 0, len(paths))
	for _, path := range paths {
		files = append(files, load(path, &problems))
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return files, nil
}

// loader reads one file.
type loader struct {
	file     *File
	dec      *document.Decoder
	problems *document.Problems
}

func load(path string, problems *document.Problems) *File {
	l := &loader{
		file:     &File{Path: path},
		dec:      &document.Decoder{Problems: problems},
		problems: problems,
	}
	src, err := os.ReadFile(path)
	if err != nil {
		problems.AddError(path, withoutPath(err))
		return l.file
	}
	root, err := document.Parse(path, src)
	if err != nil {
		problems.AddError(path, err)
		return l.file
	}
	if root == nil || root.Kind != document.Mapping {
		problems.Add(document.Position{File: path}, document.Path{}, "holds no tests: write tests: and a list of them")
		return l.file
	}
	l.read(root)
	return l.file
}

func (l *loader) read(root *document.Node) {
	var top fileDraft
	l.dec.Decode(root, &top, document.Path{})
	for _, name := range top.Rules {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(l.file.Path), name)
		}
		l.file.Rules = append(l.file.Rules, name)
	}
	if top.Tests.IsZero() || top.Tests.Kind != document.Sequence || len(top.Tests.Items) == 0 {
		l.problems.Add(root.Pos, document.Path{}.Key("tests"), "must be a list of tests, each beginning with a -")
		return
	}
	first := map[string]document.Position{}
	for i, n := range top.Tests.Items {
		test := l.test(n, document.Path{}.Key("tests").Index(i))
		if at, again := first[test.Name]; again && test.Name != "" {
			l.problems.Add(n.Pos, document.In(fmt.Sprintf("test %q", test.Name)), "stands twice; it is also at %s: rename one", at)
		}
		first[test.Name] = test.Pos
		l.file.Tests = append(l.file.Tests, test)
	}
}

func (l *loader) test(n *document.Node, path document.Path) *Test {
	var d testDraft
	if name := n.Get("name"); name != nil && name.Text != "" {
		path = document.In(fmt.Sprintf("test %q", name.Text))
	}
	l.dec.Decode(n, &d, path)
	t := &Test{Name: d.Name.Value, Pos: n.Pos}
	if t.Name == "" {
		l.problems.Add(n.Pos, path, "has no name: write name: and what the test shows")
	}
	if !d.Webhook.IsZero() {
		t.webhook = l.webhook(d.Webhook, path.Key("webhook"))
		if !d.Event.IsZero() || d.Bus != "" {
			l.problems.Add(n.Pos, path, "has a webhook, of which its hook makes the event and tells the bus: remove event and bus")
		}
	} else if t.event = l.event(&d, n, path); t.event != nil {
		t.event.Meta.Bus = d.Bus
	}
	l.expect(t, d.Expect, n, path)
	return t
}

// event reads an event that is written out, or the file that a string names.
func (l *loader) event(d *testDraft, n *document.Node, path document.Path) *event.Event {
	path = path.Key("event")
	if d.Event.IsZero() {
		l.problems.Add(n.Pos, path, "is missing: write the event out, or the path of a JSON file; or write webhook:")
		return nil
	}
	switch d.Event.Kind {
	case document.String:
		return l.eventFile(d.Event, path)
	case document.Mapping:
		r := d.Event.Render()
		batch, err := event.DecodeJSON(r.JSON, event.Limits{})
		if err != nil {
			l.problems.Add(place(d.Event, err), path, "%s", reason(err))
			return nil
		}
		return batch.Events[0]
	}
	l.problems.Add(d.Event.Pos, path, "must be an event, or the path of a JSON file, not %s", d.Event.Kind)
	return nil
}

func (l *loader) eventFile(n *document.Node, path document.Path) *event.Event {
	name := n.Text
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(l.file.Path), name)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		l.problems.Add(n.Pos, path, "%s: %s", name, withoutPath(err))
		return nil
	}
	batch, err := event.DecodeJSON(body, event.Limits{})
	switch {
	case err != nil:
		l.problems.Add(n.Pos, path, "%s: %s", name, reason(err))
		return nil
	case len(batch.Events) != 1:
		l.problems.Add(n.Pos, path, "%s holds %d events: a test has one", name, len(batch.Events))
		return nil
	case batch.Events[0] == nil:
		l.problems.Add(n.Pos, path, "%s: %s", name, reason(batch.Refused[0]))
		return nil
	}
	return batch.Events[0]
}

// place returns where what an error is about stands in an event.
func place(n *document.Node, err error) document.Position {
	var refused *event.Error
	if errors.As(err, &refused) {
		for _, m := range n.Members {
			if m.Key == refused.Path {
				return m.Pos
			}
		}
	}
	return n.Pos
}

// reason leaves out the code, which is for programs.
func reason(err error) string {
	var refused *event.Error
	if !errors.As(err, &refused) {
		return err.Error()
	}
	if refused.Reason != "" {
		return refused.Message + " " + refused.Reason
	}
	return refused.Message
}

// expect reads what a test expects: none, a list of rules, or a mapping.
func (l *loader) expect(t *Test, n, test *document.Node, path document.Path) {
	path = path.Key("expect")
	switch {
	case n.IsZero():
		l.problems.Add(test.Pos, path, "is missing: write rules, targets or bodies, or none")
	case n.Kind == document.String && n.Text == "none":
		t.expect.rules, t.expect.rulesPos = &[]string{}, n.Pos
	case n.Kind == document.Sequence:
		t.expect.rules, t.expect.rulesPos = l.names(n, path), n.Pos
	case n.Kind == document.Mapping:
		l.expectations(t, n, path)
	default:
		l.problems.Add(n.Pos, path, "must be none, a list of rules, or a mapping with rules, targets or bodies")
	}
}

func (l *loader) expectations(t *Test, n *document.Node, path document.Path) {
	var d expectDraft
	l.dec.Decode(n, &d, path)
	if len(n.Members) == 0 {
		l.problems.Add(n.Pos, path, "is empty: write none if no rule is to match")
	}
	if d.Rules != nil {
		t.expect.rules, t.expect.rulesPos = l.names(d.Rules, path.Key("rules")), d.Rules.Pos
	}
	if d.Targets != nil {
		t.expect.targets, t.expect.targetsPos = l.names(d.Targets, path.Key("targets")), d.Targets.Pos
	}
	if d.Bodies.IsZero() {
		return
	}
	if d.Bodies.Kind != document.Mapping {
		l.problems.Add(d.Bodies.Pos, path.Key("bodies"), "must be a mapping from targets to bodies, not %s", d.Bodies.Kind)
		return
	}
	for _, m := range l.dec.Unique(d.Bodies, path.Key("bodies")) {
		t.expect.bodies = append(t.expect.bodies, expectedBody{key: m.Key, pos: m.Pos, node: m.Value})
	}
}

// names reads a list of names, or none.
func (l *loader) names(n *document.Node, path document.Path) *[]string {
	names := []string{}
	if n.Kind == document.String && n.Text == "none" {
		return &names
	}
	if n.Kind != document.Sequence {
		l.problems.Add(n.Pos, path, "must be a list of names, or none, not %s", n.Kind)
		return &names
	}
	l.dec.Decode(n, &names, path)
	return &names
}

// withoutPath leaves the path out of an error that is shown behind it anyway.
func withoutPath(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}
