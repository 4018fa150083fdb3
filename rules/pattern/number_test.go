package pattern

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestComparableNumber(t *testing.T) {
	tests := []struct {
		text  string
		value float64
		ok    bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"-0.0e5", 0, true}, {"0e400", 0, true},
		{"1", 1, true}, {"1.0", 1, true}, {"10e-1", 1, true}, {"100E-2", 1, true}, {"0.0001e4", 1, true},
		{"-3.5", -3.5, true}, {"12345.678", 12345.678, true},
		{"100000000000000000000000", 1e23, true}, {"1e23", 1e23, true}, {"0.1", 0.1, true},
		{"0.1000000000000000000000000000", 0.1, true}, {"0.1000000000000000055511151231257827", 0, false},
		{"9007199254740992", 9007199254740992, true}, {"9007199254740993", 0, false},
		{"12345678901234567890", 0, false}, {"12345678901234567000", 12345678901234567000, true},
		{"1.7976931348623157e308", math.MaxFloat64, true}, {"1e309", 0, false}, {"-1e400", 0, false},
		{"4.9e-324", 5e-324, true}, {"5e-324", 0, false}, {"9.9e-324", 1e-323, true}, {"1e-323", 0, false},
		{"1e-400", 0, false}, {"2.2250738585072014E-308", 2.2250738585072014e-308, true},
		{"3.141592653589793", math.Pi, true}, {"3.14159265358979323846", 0, false},
		{"1e99999999999", 0, false}, {"0e99999999999", 0, false},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			value, ok := comparableNumber([]byte(test.text))
			if ok != test.ok || ok && value != test.value {
				t.Errorf("got %v, %v; want %v, %v", value, ok, test.value, test.ok)
			}
		})
	}
}

// TestComparableNumberAgreesWithOracle tries numbers of many shapes, above all
// those with about as many digits as a double holds.
func TestComparableNumberAgreesWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		f := math.Float64frombits(r.Uint64())
		switch r.IntN(3) {
		case 0:
			f = r.Float64() * math.Pow10(r.IntN(20))
		case 1:
			f = float64(r.Int64())
		}
		if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) < 1e-320 {
			continue
		}
		text := strconv.FormatFloat(f, "efg"[r.IntN(3)], r.IntN(22)-1, 64)
		if r.IntN(4) == 0 {
			text = fmt.Sprintf("%d.%0*d", r.IntN(1000), 1+r.IntN(18), r.IntN(1e9))
		}
		if text[len(text)-1] == '.' || !json.Valid([]byte(text)) || text == "0" {
			continue
		}
		_, want := oracleNumber(json.Number(text))
		if got, ok := comparableNumber([]byte(text)); ok != want || ok && got != mustFloat(text) {
			t.Fatalf("%s: got %v, %v; want %v", text, got, ok, want)
		}
	}
}

func mustFloat(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return f
}

func TestQuotient(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for range 200_000 {
		m, k := r.Uint64()>>r.IntN(12), r.Int32N(20)
		if r.IntN(4) == 0 { // halfway between two doubles, or next to it
			m = (1<<53|r.Uint64N(1<<53))<<1 | 1
			m, k = m+r.Uint64N(3)-1, 0
		}
		want := mustFloat(fmt.Sprintf("%de-%d", m, k))
		if got := quotient(m, k); got != want {
			t.Fatalf("%d/10^%d: got %v, want %v", m, k, got, want)
		}
	}
}
