package document

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sameTree compares what both readers make of a text, where the quick one takes it.
func sameTree(t *testing.T, text string) (taken bool) {
	t.Helper()
	quick, ok := quickYAML("x.yaml", []byte(text))
	if !ok {
		return false
	}
	want, err := slowYAML("x.yaml", []byte(text), false)
	if err != nil {
		t.Fatalf("%q: the parser refuses it: %v", text, err)
	}
	if !reflect.DeepEqual(quick, want) {
		t.Fatalf("%q: got\n%s\nwant\n%s", text, dump(quick, ""), dump(want, ""))
	}
	return true
}

// dump writes a tree with the places of its values.
func dump(n *Node, indent string) string {
	if n == nil {
		return indent + "none\n"
	}
	var b strings.Builder
	b.WriteString(indent + n.Pos.String() + " " + n.Kind.String() + " " + n.Text + "\n")
	for _, item := range n.Items {
		b.WriteString(dump(item, indent+"  "))
	}
	for _, m := range n.Members {
		b.WriteString(indent + "  " + m.Pos.String() + " " + m.Key + ":\n" + dump(m.Value, indent+"    "))
	}
	return b.String()
}

var quickTexts = []string{
	"rules:\n  - name: a\n    pattern: {source: [shop], detail: {total: [{numeric: [\">\", 100]}]}}\n    targets: [x]\n",
	"# comment\nrules: # here\n- name: a # there\n  when: detail.total > 1\n\n  targets:\n  - target: x\n    input: '{\"a\": <id>}'\n- b\n- 'c d'\n",
	"a:\n  b:\n    - 1\n    - -2.5\n    - true\n    - null\n    - ~\n    - yes\n    - 0x10\n    - 1_000\n    - 2026-01-01\n    - 1e3\n    - .5\n    - +1\n    - 012\n  c: http://127.0.0.1:8080/x#y\n",
	"a: \"x\"\n\"b\": 'y'\nc-d.e/f$: z\nü: 1\n", "a: ü ö # ä\nb: [ä, {c: \"é\", d: 'x'}]\n",
	"a: []\nb: {}\nc: [ ]\nd: [[1, 2], [3]]\n", "- a: 1\n  b: 2\n-\n  c: 3\n- d\n", "a:\n- b\n- c\nd: e\n",
	"a: b c  d\n", "a: x:y\n", "a: -\n", "a: - b\n", "a: b: c\n", "a:\n", "a: [1,\n 2]\n", "a: |\n  x\n", "a: b\n  c\n", "a: 'it''s'\n", "a: \"\\n\"\n",
	"a: &x 1\nb: *x\n", "<<: {a: 1}\n", "a: !x 1\n", "- - a\n", "a: 1\na: 2\n", "a: [a: b]\n", "a: {b}\n", "a: [1, ]\n", "a: [, 1]\n", "a: 1\n b: 2\n", " a: 1\n", "a: 1\n---\nb: 2\n",
	"a : 1\n", "a:1\n", "[a, b]\n", "a\n", "'a': 1\n'': 2\n", "a: @x\n", "a: `x`\n", "a: %x\n", "a: ?x\n", "? a\n", "a: =\n", "a: <\n", "a: .inf\n", "a: .nan\n", "null: 1\ntrue: 2\n1: 3\n",
	"a: #x\n  b: 1\n", "a: x#y\n", "a: \"b\"#c\n", "a: [1]#c\n", "a: {\"b\":1}\n", "a: {b:1}\n", "a: [-1, - 1]\n", "a: [x y , z]\n", "a: [\"b\" c]\n", "a: {b: c, d: [e]} # f\n",
	"a: 1\n\n\n  # x\nb: 2", "a:  x  \n", "-   a:   1\n    b: 2\n", "- \"a\": 1\n- 'b'\n", "a: 0o17\nb: 0b1\nc: 1.\nd: 1__0\ne: 1:30\nf: ''\ng: \"\"\n",
}

func TestQuickYAMLIsAsTheParser(t *testing.T) {
	taken := 0
	for _, text := range quickTexts {
		if sameTree(t, text) {
			taken++
		}
	}
	if taken < 15 {
		t.Errorf("only %d of %d are read quickly", taken, len(quickTexts))
	}
}

// TestQuickYAMLReadsWhatPeopleWrite: the files of the examples are read quickly, most of them.
func TestQuickYAMLReadsWhatPeopleWrite(t *testing.T) {
	taken, all := 0, 0
	err := filepath.WalkDir("../examples", func(path string, d os.DirEntry, err error) error {
		if filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if all++; sameTree(t, string(text)) {
			taken++
		}
		return nil
	})
	if err != nil || taken*3 < all*2 || all < 10 {
		t.Errorf("%d of %d files (%v)", taken, all, err)
	}
}

func FuzzQuickYAML(f *testing.F) {
	for _, text := range quickTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Parse("x.yaml", []byte(text)); n != nil && err == nil {
			sameTree(t, text)
		} else if quick, ok := quickYAML("x.yaml", []byte(text)); ok && err == nil {
			t.Errorf("%q: read as %s, and is empty", text, dump(quick, ""))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte("rules:\n" + strings.Repeat(quickTexts[0][len("rules:\n"):], 100))
	for name, parse := range map[string]func() (*Node, error){
		"quick":  func() (*Node, error) { return Parse("x.yaml", text) },
		"parser": func() (*Node, error) { return slowYAML("x.yaml", text, false) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
