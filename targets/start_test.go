package targets

import (
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	for text, want := range map[string]Start{
		"latest":               {Set: true},
		"oldest":               {Set: true, Past: true},
		"2026-01-31":           {Set: true, Past: true, From: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
		"2026-01-31T15:04:05Z": {Set: true, Past: true, From: time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)},
	} {
		var got, again Start
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%s: written as %q", text, got)
		}
	}
	for _, text := range []string{"", "Oldest", "2h", "2026-13-01"} {
		if err := new(Start).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if got := (Start{}).String(); got != "" {
		t.Errorf("got %q", got)
	}
}
