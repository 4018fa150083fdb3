package document

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Wait  time.Duration  `yaml:"wait"`
	Size  Size           `yaml:"size"`
	Codes []int          `yaml:"codes"`
	Map   map[string]int `yaml:"map"`
	Maybe *int           `yaml:"maybe"`
}

type sample struct {
	Text    string          `yaml:"text"`
	Flag    bool            `yaml:"flag"`
	Number  int             `yaml:"number"`
	Ratio   float64         `yaml:"ratio"`
	Inner   inner           `yaml:"inner"`
	Located Located[string] `yaml:"located"`
	Raw     *Node           `yaml:"raw"`
	Shared  `yaml:",inline"`
	Hidden  string `yaml:"-"`
}

// Shared is exported for reflection alone.
type Shared struct {
	Inlined string `yaml:"inlined"`
}

func decode(t *testing.T, src string, expand func(string) (string, error)) (sample, error) {
	t.Helper()
	var problems Problems
	s := sample{Number: 7, Inner: inner{Wait: time.Second, Codes: []int{1}}}
	(&Decoder{Problems: &problems, Expand: expand}).Decode(parse(t, "x.yaml", src), &s, Path{})
	return s, problems.Err()
}

func TestDecode(t *testing.T) {
	s, err := decode(t, `
text: x
flag: true
ratio: 1.5
inner: {wait: 7d, size: 10GiB, map: {a: 1, b: 2}, maybe: 0}
located: here
raw: [1, 2]
inlined: y
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Text != "x" || !s.Flag || s.Ratio != 1.5 || s.Inlined != "y" {
		t.Errorf("scalars: %+v", s)
	}
	if s.Number != 7 || !reflect.DeepEqual(s.Inner.Codes, []int{1}) {
		t.Errorf("what was left out changed: %+v", s)
	}
	if s.Inner.Wait != 7*24*time.Hour || s.Inner.Size != 10<<30 || s.Inner.Map["b"] != 2 || s.Inner.Maybe == nil || *s.Inner.Maybe != 0 {
		t.Errorf("inner: %+v", s.Inner)
	}
	if s.Located.Value != "here" || s.Located.Node.Pos.Line != 6 || len(s.Raw.Items) != 2 {
		t.Errorf("nodes: %+v %+v", s.Located, s.Raw)
	}
}

func TestDecodeNull(t *testing.T) {
	s, err := decode(t, "inner:\n", nil)
	if err != nil || s.Inner.Wait != time.Second {
		t.Errorf("a null section: %+v, %v", s, err)
	}
}

func TestDecodeExpands(t *testing.T) {
	expand := func(text string) (string, error) {
		if strings.Contains(text, "${NO}") {
			return "", errors.New("environment variable NO is not set")
		}
		return strings.NewReplacer("${N}", "12", "${B}", "true", "${T}", "5s", "${F}", "0.5").Replace(text), nil
	}
	s, err := decode(t, `{text: "a${N}", number: "${N}", flag: "${B}", ratio: "${F}", inner: {wait: "${T}"}}`, expand)
	if err != nil || s.Text != "a12" || s.Number != 12 || !s.Flag || s.Ratio != 0.5 || s.Inner.Wait != 5*time.Second {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := decode(t, "text: ${NO}", expand); err == nil || err.Error() != "x.yaml:1:7: text: environment variable NO is not set" {
		t.Errorf("got %v", err)
	}
}

func TestDecodeFaults(t *testing.T) {
	tests := []struct{ src, want string }{
		{"text: 1", `x.yaml:1:7: text: must be a string; put quotes around it: "1"`},
		{"text: true", `x.yaml:1:7: text: must be a string; put quotes around it: "true"`},
		{"text: ~", `x.yaml:1:7: text: has no value: write a string, or remove the line`},
		{"text: []", `x.yaml:1:7: text: must be a string, not a list`},
		{"flag: yes", `x.yaml:1:7: flag: must be true or false, not "yes"`},
		{"flag: 1", `x.yaml:1:7: flag: must be true or false, not "1"`},
		{"number: 1.5", `x.yaml:1:9: number: must be a whole number, not "1.5"`},
		{"number: '1'", `x.yaml:1:9: number: must be a whole number, not "1"`},
		{"number: 99999999999999999999", `x.yaml:1:9: number: must be a whole number, not "99999999999999999999"`},
		{"ratio: 0x1", `x.yaml:1:8: ratio: must be a number, not "0x1"`},
		{"inner: []", `x.yaml:1:8: inner: must be a mapping, not a list`},
		{"inner: {codes: 1}", `x.yaml:1:16: inner.codes: must be a list, not a number`},
		{"inner: {codes: [1, x]}", `x.yaml:1:20: inner.codes[1]: must be a whole number, not "x"`},
		{"inner: {map: {a: x}}", `x.yaml:1:18: inner.map.a: must be a whole number, not "x"`},
		{"inner: {map: {a: 1, a: 2}}", `x.yaml:1:21: inner.map.a: the key stands twice; it is also at x.yaml:1:15`},
		{"inner: {size: 1XB}", `x.yaml:1:15: inner.size: "1XB" is no size; write a number and its unit, such as 512KB, 1MiB or 10GiB`},
		{"hidden: x", `x.yaml:1:1: unknown key "hidden"; the keys here are flag, inlined, inner, located, number, ratio, raw, text`},
		{"inlind: x", `x.yaml:1:1: unknown key "inlind" (did you mean "inlined"?)`},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			_, err := decode(t, tt.src, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "7d": 168 * time.Hour, "1w": 168 * time.Hour, "1w1d12h": 204 * time.Hour, "1m30s": 90 * time.Second, "24h": 24 * time.Hour,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
		if back, err := ParseDuration(FormatDuration(got)); err != nil || back != got {
			t.Errorf("%s: written as %s and read as %v, %v", text, FormatDuration(got), back, err)
		}
	}
	for _, text := range []string{"", "5", "d", "-1d", "+1s", "1d-1h", "1d1w", "99999999d", "106751d24h", "1.5d", "x"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{24 * time.Hour: "24h", 48 * time.Hour: "2d", 10 * time.Minute: "10m", time.Second: "1s", 90 * time.Minute: "1h30m"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "512": 512, "512B": 512, "512KB": 512_000, "1MiB": 1 << 20, "10GiB": 10 << 30, "1.5 KiB": 1536, "2TB": 2e12,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
		var back Size
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != got {
			t.Errorf("%s: written as %s and read as %v, %v", text, got, back, err)
		}
	}
	for _, text := range []string{"", "KB", "-1", "1.3B", "1kb", "1e400", "9e9TiB", "NaN", "Inf"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %d of at most %d", text, got, int64(math.MaxInt64))
		}
	}
}
