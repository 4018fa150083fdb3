package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const loopTargets = `
buses: {other: {}, third: {}, third.low: {bubble: true}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/", reply: events, emits: [B]}
  b: {type: http, url: "http://127.0.0.1:1/", emits: [C, D]}
  c: {type: http, url: "http://127.0.0.1:1/"}
  to-other: {type: bus, bus: other}
  to-default: {type: bus, bus: default}
rules:
`

func TestLoops(t *testing.T) {
	for name, test := range map[string]struct {
		rules string
		want  []string
	}{
		"none": {`
  - {name: one, pattern: {detail-type: [A]}, targets: [a]}
  - {name: two, pattern: {detail-type: [B]}, targets: [b]}`, nil},
		"of three rules": {`
  - {name: one, pattern: {detail-type: [A]}, targets: [a]}
  - {name: two, pattern: {detail-type: [B], source: [s]}, targets: [b]}
  - {name: three, pattern: {detail-type: [{prefix: C}]}, targets: [{target: c, emits: [X, A]}]}`, []string{
			`rules.yaml:10:56: rule "one": is part of a loop: default/one > a -> B -> default/two > b -> C or D -> default/three > c -> X or A -> default/one; ` +
				`an event goes round until max_hops stops it: let one of the rules ask for more, or remove one`}},
		"of itself": {`
  - {name: all, pattern: {source: [s]}, targets: [a]}`, []string{"default/all > a -> B -> default/all"}},
		"of buses": {`
  - {name: out, pattern: {source: [s]}, targets: [to-other]}
  - {name: back, bus: other, pattern: {source: [{prefix: s}]}, targets: [to-default]}`,
			[]string{"default/out > to-other -> the same event -> other/back > to-default -> the same event -> default/out"}},
		"of buses that share no event": {`
  - {name: out, pattern: {source: [s]}, targets: [to-other]}
  - {name: back, bus: other, pattern: {source: [t]}, targets: [to-default]}`, nil},
		"by way of a bus above": {`
  - {name: low, bus: third.low, pattern: {detail-type: [Q]}, targets: [a]}
  - {name: high, bus: third, pattern: {detail-type: [B]}, targets: [{target: c, emits: [B]}]}`,
			[]string{"third/high > c -> B -> third/high"}},
		"with a rule that does nothing": {`
  - {name: one, pattern: {detail-type: [A]}, targets: [a]}
  - {name: two, state: shadow, pattern: {detail-type: [B]}, targets: [{target: b, emits: [A]}]}`, nil},
		"two": {`
  - {name: one, pattern: {detail-type: [B]}, targets: [a]}
  - {name: two, pattern: {detail-type: [D]}, targets: [b]}`, []string{"default/one > a", "default/two > b"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(loopTargets+strings.TrimPrefix(test.rules, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			set, err := Load(Source{Globs: []string{"rules.yaml"}, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range set.Warnings {
				if strings.Contains(w.Message, "loop") {
					got = append(got, w.Error())
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %d loops, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got  %s\nwant %s", got[i], want)
				}
			}
		})
	}
}
