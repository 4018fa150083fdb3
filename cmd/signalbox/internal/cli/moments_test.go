package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		text string
		want time.Time
	}{
		{"1h", now.Add(-time.Hour)},
		{"7d", now.Add(-7 * 24 * time.Hour)},
		{"2026-01-31T15:04:05Z", time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)},
		{"2026-01-31", time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local)},
		{"yesterday", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := moment(tt.text, now)
			if !got.Equal(tt.want) || (err != nil) != tt.want.IsZero() {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	tests := []struct{ listen, want string }{
		{"127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"0.0.0.0:80", "http://127.0.0.1:80"},
		{"[::]:80", "http://127.0.0.1:80"},
		{":80", "http://127.0.0.1:80"},
		{"[::1]:80", "http://[::1]:80"},
		{"router:80", "http://router:80"},
	}
	for _, tt := range tests {
		if got := Reachable("http", tt.listen); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.listen, got, tt.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "\n": false, "": false, "n\n": false, "yeah\n": false} {
		var out bytes.Buffer
		got, err := Confirm(strings.NewReader(answer), &out, "Drop 2 dead letters?")
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", answer, got, err, want)
		}
		if out.String() != "Drop 2 dead letters? [y/N] " {
			t.Errorf("asked %q", out.String())
		}
	}
}

func TestProgressDrawsOnTerminalsAlone(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	p.Show(1, 2)
	p.End()
	if out.Len() > 0 {
		t.Errorf("drew %q into a buffer", out.String())
	}
	p = &Progress{w: &out}
	p.Show(1, 2)
	p.End()
	if want := "\r[###############...............] 1/2\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
}
