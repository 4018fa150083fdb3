package http

import (
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, test := range []struct {
		value string
		want  time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"120", 2 * time.Minute},
		{"-1", 0},
		{"99999999999999", maxRetryAfter},
		{"999999999999999999999999", maxRetryAfter},
		{"1.5", 1500 * time.Millisecond},
		{"0x10", 0},
		{"Inf", 0},
		{"1e3", 0},
		{"soon", 0},
		{"Wed, 04 Mar 2026 05:07:07 GMT", time.Minute},
		{"Wednesday, 04-Mar-26 05:07:07 GMT", time.Minute},
		{"Wed Mar  4 05:07:07 2026", time.Minute},
		{"Wed, 04 Mar 2026 05:00:00 GMT", 0},
		{"Wed, 04 Mar 2126 05:00:00 GMT", maxRetryAfter},
	} {
		t.Run(test.value, func(t *testing.T) {
			if got := parseRetryAfter(test.value, now); got != test.want {
				t.Errorf("wait = %s, want %s", got, test.want)
			}
		})
	}
}
