package pattern

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSkip: the skipped value ends where it was made to end, wherever it lies.
func TestSkip(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(17, 18))}
	values := []string{`"\\"`, `"\""`, `{"a":"}"}`, `["[\"]",{}]`, `[{"a":1},{"b":2},{"c":3},{"d":4}]`, `{"y":"_Y{[","z":[[[[]]]]}`, `-1.5e+10`, `true`}
	for range 3000 {
		values = append(values, g.value(0))
	}
	for _, value := range values {
		before, after := strings.Repeat(" ", g.IntN(9)), strings.Repeat(" ", g.IntN(9))
		event := []byte(before + value + "," + after + `"x"]}`)
		if got, want := skipValue(event, len(before)), len(before)+len(value); got != want {
			t.Fatalf("%q from %d: got %d, want %d", event, len(before), got, want)
		}
		whole := []byte(value) // nothing after it to look into
		if got := skipValue(whole, 0); got != len(whole) {
			t.Fatalf("%q: got %d, want %d", whole, got, len(whole))
		}
	}
}

func TestStringEnd(t *testing.T) {
	for _, inside := range []string{"", "a", "seven..", "eight...", "nine.....", `\"`, `1234567\"`, `12345678\\`, `\u0041"`[:6], strings.Repeat("long ", 20) + `\n`} {
		for _, after := range []string{"", " ", `,"another":"one"`} {
			end, escaped := stringEnd([]byte(inside+`"`+after), 0)
			if end != len(inside) || escaped != strings.Contains(inside, `\`) {
				t.Errorf("%q: got %d, %v", inside, end, escaped)
			}
		}
	}
}
