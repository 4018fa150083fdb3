package document

import (
	"strings"
	"testing"
)

// What is written reads as the same values, whatever its texts hold.
func TestYAMLReadsAsItWasWritten(t *testing.T) {
	texts := []string{"", "a", "a b", "yes", "null", "~", "1", "0x10", "1_000", "-", "- a", "a: b", "a #b", "# a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", `"a"`, `a\b`,
		"a\nb: c", "\r\n", "\t", "\x00x", "\x1b[31m", "\u0085", "\u2028", "\ufeff", "ü", "{a}", "[a]", "a,b", "x\ntypes:\n- name: Evil", "a ", " a", "<<", "true", "?", "? a", "key:", "..", "---", "--- a", "2024-01-01", "\x7f", "<b>"}
	for _, text := range texts {
		want := &Node{Kind: Mapping, Members: []Member{
			{Key: text, Value: &Node{Kind: String, Text: text}},
			{Key: text + "2", Value: &Node{Kind: Sequence, Items: []*Node{{Kind: String, Text: text}, {Kind: Null}, {Kind: Number, Text: "4.0"}}}},
			{Key: "list", Value: &Node{Kind: Sequence, Items: []*Node{
				{Kind: Mapping, Members: []Member{{Key: text, Value: &Node{Kind: Bool, Text: "true"}}, {Key: "more", Value: &Node{Kind: String, Text: strings.Repeat(text, 30)}}}},
				{Kind: Sequence, Items: []*Node{{Kind: String, Text: text}}}, {Kind: Mapping}, {Kind: Sequence},
			}}},
		}}
		if strings.Contains(text, "\x00") {
			continue // no file holds one
		}
		written := want.YAML(0, 100)
		got, err := Parse("a.yaml", []byte(written))
		if err != nil {
			t.Errorf("%q: %v in\n%s", text, err, written)
			continue
		}
		if string(got.Render().JSON) != string(want.Render().JSON) {
			t.Errorf("%q: got %s, want %s", text, got.Render().JSON, want.Render().JSON)
		}
	}
}

func TestParseTemplate(t *testing.T) {
	const src = "a: !GetAtt q.Arn\nb: !Join ['', [!Ref x, '-', !Sub '${y}']]\nc: !Sub |\n  line ${z}\nd:\n  Fn::If: [c, 1, 2]\ne: !Join\n- ''\n- - a\n  - !Ref b\n"
	n, err := ParseTemplate("t.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":{"Fn::GetAtt":"q.Arn"},"b":{"Fn::Join":["",[{"Ref":"x"},"-",{"Fn::Sub":"${y}"}]]},"c":{"Fn::Sub":"line ${z}\n"},"d":{"Fn::If":["c",1,2]},"e":{"Fn::Join":["",["a",{"Ref":"b"}]]}}`
	if got := string(n.Render().JSON); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := Parse("t.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), "signalbox import t.yaml") {
		t.Errorf("a rule file with functions: %v", err)
	}
}
