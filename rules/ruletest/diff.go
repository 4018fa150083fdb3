package ruletest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"

	"signalbox/document"
)

// difference compares a body with what a test expects and shows where they
// part; nothing if they agree. What is expected is a value, to which the body
// must be equal as JSON, or a string, which must be the body's text, the string
// that the body is, or JSON that equals it.
func difference(want *document.Node, got []byte) string {
	if want.Kind != document.String {
		return jsonDifference(want.Render().JSON, got)
	}
	text := strings.TrimSuffix(want.Text, "\n")
	if text == strings.TrimSuffix(string(got), "\n") {
		return ""
	}
	var plain string
	if json.Unmarshal(got, &plain) == nil && strings.TrimSuffix(plain, "\n") == text {
		return ""
	}
	if json.Valid([]byte(text)) {
		return jsonDifference([]byte(text), got)
	}
	return lineDifference(text, string(got))
}

func jsonDifference(want, got []byte) string {
	w, wantErr := decode(want)
	g, gotErr := decode(got)
	if wantErr == nil && gotErr == nil && equal(w, g) {
		return ""
	}
	return lineDifference(indented(w, want), indented(g, got))
}

func decode(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// equal compares two JSON values; 1, 1.0 and 1e0 are the same number.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(string(a), string(b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			other, ok := b[key]
			if !ok || !equal(value, other) {
				return false
			}
		}
		return true
	}
	return a == b
}

// equalNumbers is exact. Numbers with large exponents, which would cost memory
// to write out, are only compared as they are spelled.
func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	const longest = 64
	if len(a) > longest || len(b) > longest || hugeExponent(a) || hugeExponent(b) {
		return false
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

func hugeExponent(number string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	return len(strings.TrimLeft(exponent, "+-0")) > 3
}

// indented is a JSON value over several lines, its keys sorted so that their
// order makes no difference; text as it is if it is not JSON.
func indented(v any, text []byte) string {
	if v == nil {
		return string(text)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(v) != nil {
		return string(text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lineDifference shows two texts as one, with - before the lines that only the
// expected one has, and + before those that only the other has.
func lineDifference(want, got string) string {
	a, b := firstLines(want), firstLines(got)
	common := commonLines(a, b)
	var out strings.Builder
	line := func(mark, text string) { out.WriteString(mark + text + "\n") }
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			line("  ", a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			line("- ", a[i])
			i++
		default:
			line("+ ", b[j])
			j++
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// maxDiffLines bounds the time and memory that a difference may cost.
const maxDiffLines = 1000

func firstLines(text string) []string {
	lines := strings.SplitN(text, "\n", maxDiffLines+1)
	if len(lines) > maxDiffLines {
		lines[maxDiffLines] = "…"
	}
	return lines
}

// commonLines returns, for each i and j, how many lines a[i:] and b[j:] have in
// common, in order.
func commonLines(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
