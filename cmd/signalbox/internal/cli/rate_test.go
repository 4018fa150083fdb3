package cli

import "testing"

func TestRateFlag(t *testing.T) {
	tests := []struct {
		text string
		want float64
		ok   bool
	}{
		{"", 0, true}, {"50", 50, true}, {"0.5", 0.5, true}, {"50/s", 50, true}, {"30/m", 0.5, true},
		{"0", 0, false}, {"-1", 0, false}, {"NaN", 0, false}, {"Inf", 0, false}, {"50/x", 0, false}, {"fast", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := RateFlag(tt.text)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}
