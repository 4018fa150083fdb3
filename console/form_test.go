package console

import (
	"testing"
	"time"
)

// TestFields: numbers, rates and times of forms are read as the commands read them, or refused.
func TestFields(t *testing.T) {
	now := time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "1h": now.Add(-time.Hour), "7d": now.AddDate(0, 0, -7), "2026-01-30": time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC),
		"2026-01-30 12:00:01": time.Date(2026, 1, 30, 12, 0, 1, 0, time.UTC), "2026-01-30T12:00": time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC),
		"2026-01-30T12:00:01+02:00": time.Date(2026, 1, 30, 10, 0, 1, 0, time.UTC),
	} {
		if got, err := timeOf("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "1", "2026-13-01", "<b>"} {
		if _, err := timeOf("since", text, now); statusOf(err) != 400 {
			t.Errorf("%q is taken for a time: %v", text, err)
		}
	}
	for text, want := range map[string]float64{"": 0, "20": 20, "0.5": 0.5, "1e3": 1000} {
		if got, err := perSecond("rate", text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1", "NaN", "Inf", "1e999", "fast"} {
		if _, err := perSecond("rate", text); statusOf(err) != 400 {
			t.Errorf("%q is taken for a rate: %v", text, err)
		}
	}
	for _, text := range []string{"-1", "1.5", "x"} {
		if _, err := whole("limit", text); statusOf(err) != 400 {
			t.Errorf("%q is taken for a whole number: %v", text, err)
		}
	}
}
