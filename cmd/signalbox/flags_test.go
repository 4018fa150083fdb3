package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"signalbox/rules"
	"signalbox/rules/pattern"
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

func TestParseRate(t *testing.T) {
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
			got, err := parseRate(tt.text)
			if got != tt.want || (err == nil) != tt.ok {
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
		if got := reachable("http", tt.listen); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.listen, got, tt.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "\n": false, "": false, "n\n": false, "yeah\n": false} {
		var out bytes.Buffer
		got, err := confirm(strings.NewReader(answer), &out, "Drop 2 dead letters?")
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
	p := newProgress(&out)
	p.show(1, 2)
	p.end()
	if out.Len() > 0 {
		t.Errorf("drew %q into a buffer", out.String())
	}
	p = &progress{w: &out}
	p.show(1, 2)
	p.end()
	if want := "\r[###############...............] 1/2\n"; out.String() != want {
		t.Errorf("drew %q, want %q", out.String(), want)
	}
}

func TestSampleIsOfARuleThatAsksForLittle(t *testing.T) {
	rule := func(state rules.State, text string) *rules.Rule {
		p, err := pattern.Parse([]byte(text), pattern.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return &rules.Rule{Bus: rules.DefaultBus, State: state, Pattern: p}
	}
	tests := []struct {
		name  string
		rules []*rules.Rule
		want  string
	}{
		{"none", nil, "example.app SomethingHappened"},
		{"only a disabled one", []*rules.Rule{rule(rules.Disabled, `{"source":["a"]}`)}, "example.app SomethingHappened"},
		{"the one without a detail", []*rules.Rule{
			rule(rules.Enabled, `{"source":["a"],"detail":{"n":[1]}}`), rule(rules.Enabled, `{"source":["b"],"detail-type":[{"prefix":"P"},"T"]}`),
		}, "b T"},
		{"the first, if all ask for a detail", []*rules.Rule{
			rule(rules.Enabled, `{"source":["a"],"detail":{"n":[1]}}`), rule(rules.Enabled, `{"source":["b"],"detail":{"n":[1]}}`),
		}, "a SomethingHappened"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, detailType := sample(&rules.Set{Rules: tt.rules})
			if got := source + " " + detailType; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
