package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/spelling"
)

func parse(t testing.TB, file, src string) *Node {
	t.Helper()
	n, err := Parse(file, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPlainScalars(t *testing.T) {
	tests := []struct {
		text      string
		want      string // as JSON
		ambiguous bool
	}{
		{"12", `12`, false}, {"-0", `-0`, false}, {"1.50", `1.50`, false}, {"1e3", `1e3`, false}, {"1.5E+10", `1.5E+10`, false},
		{"true", `true`, false}, {"false", `false`, false}, {"null", `null`, false}, {"~", `null`, false}, {"", `null`, false},
		{"yes", `"yes"`, true}, {"No", `"No"`, true}, {"True", `"True"`, true}, {"NULL", `"NULL"`, true},
		{"0x10", `"0x10"`, true}, {"1_000", `"1_000"`, true}, {"012", `"012"`, true}, {"0o14", `"0o14"`, true}, {"+1", `"+1"`, true},
		{".5", `".5"`, true}, {"1.", `"1."`, true}, {".inf", `".inf"`, true}, {".NaN", `".NaN"`, true},
		{"2024-01-01", `"2024-01-01"`, false}, {"1:30", `"1:30"`, false}, {"a b", `"a b"`, false},
		{"'12'", `"12"`, false}, {`"yes"`, `"yes"`, false}, {`"q\u00e9\n"`, `"qé\n"`, false}, {"'it''s'", `"it's"`, false},
		{"!!str 12", `"12"`, false},
		{"12345678901234567890123456789", `12345678901234567890123456789`, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			n := parse(t, "x.yaml", "k: "+tt.text+"\n").Get("k")
			if got := string(n.Render().JSON); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := n.IsAmbiguous(); got != tt.ambiguous {
				t.Errorf("ambiguous: got %v, want %v", got, tt.ambiguous)
			}
		})
	}
}

func TestRenderKeepsOrderAndRepeats(t *testing.T) {
	const want = `{"b":[1.0,{"a":1,"a":2}],"a":"<x> & \"y\"","c":{"k":true,"n":null}}`
	for file, src := range map[string]string{
		"x.yaml": "b:\n- 1.0\n- a: 1\n  a: 2\na: <x> & \"y\"\nc: {k: true, n: ~}\n",
		"x.json": want,
	} {
		t.Run(file, func(t *testing.T) {
			if got := string(parse(t, file, src).Render().JSON); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestRenderPositions finds each value of a file from its place in the JSON.
func TestRenderPositions(t *testing.T) {
	src := "é: x\nlist:\n  - first\n  - {in: flow, text: \"quoted\"}\nmap:\n  key: value\n"
	lines := strings.Split(src, "\n")
	r := parse(t, "x.yaml", src).Render()
	for _, word := range []string{"first", "flow", "quoted", "key", "value", "é", "list", "map"} {
		pos := r.At(strings.Index(string(r.JSON), `"`+word+`"`))
		line := []rune(lines[pos.Line-1])
		if got := strings.Trim(string(line[pos.Column-1:]), `"`); !strings.HasPrefix(got, word) {
			t.Errorf("%s: %s is at %q", word, pos, got)
		}
	}
}

func TestTextPosition(t *testing.T) {
	tests := []struct{ name, src string }{
		{"plain", "k: some @text\n"},
		{"quoted", "k: 'some @text'\n"},
		{"literal", "k: |\n  some\n   @text\n"},
		{"literal with indicators", "k: |2-\n    é\n   é @text\n"},
		{"literal with empty lines", "k: |+\n\n\n    @text\n"},
		{"in a list", "- 1\n- k: |\n    some\n    @text\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := parse(t, "x.yaml", tt.src)
			if root.Kind == Sequence {
				root = root.Items[1]
			}
			n := root.Get("k")
			pos := n.TextPosition(strings.Index(n.Text, "@"))
			line := []rune(strings.Split(tt.src, "\n")[pos.Line-1])
			if pos.Column > len(line) || line[pos.Column-1] != '@' {
				t.Errorf("%s is not the @", pos)
			}
		})
	}
	t.Run("folded text has the place of the whole", func(t *testing.T) {
		n := parse(t, "x.yaml", "k: >\n  a\n  @b\n").Get("k")
		if pos := n.TextPosition(2); pos != n.Pos {
			t.Errorf("got %s, want %s", pos, n.Pos)
		}
	})
}

func TestAnchors(t *testing.T) {
	src := "base: &base {a: 1, b: {c: 2}}\nsame: *base\nmerged:\n  b: 3\n  <<: *base\n  d: 4\nmany: {<<: [*base, {e: 5, a: 6}]}\n"
	n := parse(t, "x.yaml", src)
	for key, want := range map[string]string{
		"same":   `{"a":1,"b":{"c":2}}`,
		"merged": `{"b":3,"d":4,"a":1}`,
		"many":   `{"a":1,"b":{"c":2},"e":5}`,
	} {
		if got := string(n.Get(key).Render().JSON); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	deep := func(open string) string { return strings.Repeat(open, 20_000) }
	tests := []struct{ name, file, src, want string }{
		{"deep flow list", "x.yaml", deep("["), "x.yaml:1:129: values nest deeper than 128"},
		{"deep flow mapping", "x.yaml", deep("{a: "), "x.yaml:1:513: values nest deeper than 128"},
		{"deep block list", "x.yaml", deep("- "), "x.yaml:1:257: values nest deeper than 128"},
		{"deep keys", "x.yaml", deep("? "), "x.yaml:1:257: values nest deeper than 128"},
		{"deep JSON", "x.json", deep("["), "x.json:1:129: values nest deeper than 128"},
		{"deep through aliases", "x.yaml", aliasChain(), "values nest deeper than 128"},
		{"too many", "x.json", "[" + strings.Repeat("1,", MaxNodes) + "1]", "more than 200000 values in one file"},
		{"too long", "x.yaml", strings.Repeat(" ", MaxBytes+1), "x.yaml: the file has more than 4 MiB: divide it into several; all files of a folder are read where the configuration names the folder"},
		{"not text", "x.yaml", "a: \x00", "x.yaml:1:4: a NUL byte: this is no text file"},
		{"merge of a scalar", "x.yaml", "a: {<<: 1}", "x.yaml:1:9: << merges a mapping or a list of mappings, not a number"},
		{"anchor twice", "x.yaml", "a: &x 1\nb: &x 2", "x.yaml:2:4: the anchor &x is defined twice"},
		{"key that is a list", "x.yaml", "? [a]\n: b\n", "x.yaml:2:1: YAML: found an invalid key"},
		{"surrogate", "x.json", `{"a": "x`, "x.json:1:9: the JSON ends too early"},
		{"an asterisk", "x.yaml", "a: [*]\n", `x.yaml:1:5: YAML: write "*" in quotes`},
		{"a path between braces", "x.yaml", "a: {id: $.items[*].id, b: 1}\n", `x.yaml:1:9: YAML: put quotes around what begins with $.items: without them the [ in it begins a list`},
		{"a template between braces", "x.yaml", "a: {id: x{source}}\n", `x.yaml:1:9: YAML: put quotes around what begins with x: without them the { in it begins`},
		{"tab", "x.yaml", "a:\n\tb: 1\n", "x.yaml:2:1: YAML: found character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			_, err := Parse(tt.file, []byte(tt.src))
			var p *Problem
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want a *Problem", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// aliasChain nests by aliases, each line one deeper than the one before.
func aliasChain() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [1]\n")
	for i := 1; i < 300; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return b.String()
}

func TestParseEmpty(t *testing.T) {
	for _, file := range []string{"x.yaml", "x.json"} {
		for _, src := range []string{"", " \n", "\ufeff"} {
			if n := parse(t, file, src); n != nil {
				t.Errorf("%s of %q: got %+v", file, src, n)
			}
		}
	}
	for _, src := range []string{"# nothing\n", "---\n", "%YAML 1.2\n---\n# nothing\n"} {
		if n := parse(t, "x.yaml", src); !n.IsZero() {
			t.Errorf("%q: got %+v", src, n)
		}
	}
}

func TestProblemsAreSorted(t *testing.T) {
	var ps Problems
	ps.Add(Position{"b", 1, 1}, Path{}, "four")
	ps.Add(Position{"a", 10, 1}, Path{}, "three")
	ps.Add(Position{"a", 2, 7}, In("rule").Key("x").Index(1).Key("a b"), "two")
	ps.Add(Position{"a", 2, 7}, In("rule").Key("x").Index(1).Key("a b"), "two")
	ps.AddError("a", errors.New("one"))
	const want = "a: one\na:2:7: rule: x[1][\"a b\"]: two\na:10:1: three\nb:1:1: four"
	if got := ps.Err().Error(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	var none Problems
	if err := none.Err(); err != nil {
		t.Errorf("no problems gave %v", err)
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"numeric", "prefix", "anything-but", "warehouse"}
	for written, want := range map[string]string{
		"numerc": "numeric", "Prefix": "prefix", "perfix": "prefix", "anythingbut": "anything-but", "warehous": "warehouse", "orders": "", "x": "",
	} {
		got := spelling.Suggest(written, names)
		if want != "" {
			want = fmt.Sprintf(" (did you mean %q?)", want)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", written, got, want)
		}
	}
}

// FuzzParse looks for files that break the readers, and checks that what they
// read is JSON that reads back the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1", "a: [1, {b: c}]\n", "- |\n  x\n- >-\n  y\n", "a: &x {k: v}\nb: *x\n<<: *x\n", `{"a": [1, "x", null, true]}`,
		"a: !!str 1", "%YAML 1.2\n---\na: \"\\ud83d\\ude00\"\n...\n", "? a\n: b\n", "a: 'x\n  y'\n", "\ta", "a: |2\n   b", "&a a: *a",
		"- - - -", "[[[", "a: b: c", "*x", "<<: {<<: {a: 1}}", "a: \"\\xff\"", "# c", "---\n---\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, src []byte, asJSON bool) {
		file := "x.yaml"
		if asJSON {
			file = "x.json"
		}
		n, err := Parse(file, src)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Message == "" {
				t.Fatalf("%T without a message: %v", err, err)
			}
			return
		}
		if n == nil {
			return
		}
		text := n.Render().JSON
		if !json.Valid(text) {
			t.Fatalf("rendered as %s", text)
		}
		again, err := Parse("y.json", text)
		if err != nil {
			t.Fatalf("%s does not read back: %v", text, err)
		}
		if back := again.Render().JSON; string(back) != string(text) {
			t.Fatalf("%s reads back as %s", text, back)
		}
	})
}
