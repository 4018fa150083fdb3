package cfn_test

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/rules/cfn"
)

// TestBounds: no small template costs more than a moment, however its functions multiply.
func TestBounds(t *testing.T) {
	sub, length, conditions := `"x"`, `["x"]`, `"C0": {"Fn::Equals": ["a", "a"]}`
	for i := range 30 {
		sub = `{"Fn::Sub": ["${x}${x}${x}", {"x": ` + sub + `}]}`
		length = `{"Fn::Length": ` + length + `}`
		conditions += fmt.Sprintf(`, "C%d": {"Fn::And": [{"Condition": "C%d"}, {"Condition": "C%d"}]}`, i+1, i, i)
	}
	for name, value := range map[string]string{
		"texts": sub, "lengths": length, "conditions": `{"Fn::If": ["C30", "a", "b"]}`, "a long argument": `{"Fn::Cidr": "` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		got, err := cfn.Convert("t.json", []byte(`{"Conditions": {`+conditions+`}, "Resources": {"r": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"source": [`+value+`]}}}}}`))
		if err != nil {
			t.Fatal(name, err)
		}
		if got.Rules != 1 || len(got.YAML) > 4<<20 || len(strings.Join(got.Notes, "")) > 1<<20 {
			t.Errorf("%s: %d rules, %d bytes", name, got.Rules, len(got.YAML))
		}
	}
}
