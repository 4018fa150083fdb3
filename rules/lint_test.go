package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What people write and do not mean: the cases 07, 08 and 16, and their like.
func TestLint(t *testing.T) {
	const log = "targets: {q: {type: log}}\n"
	rule := func(more string) string { return log + "rules:\n  - {name: r, targets: [q], " + more + "}\n" }
	template := func(paths, text string) string {
		return log + "rules:\n  - {name: r, pattern: {source: [t]}, targets: [{target: q, input_transformer: {input_paths_map: {" +
			paths + "}, input_template: '" + text + "'}}]}\n"
	}
	tests := []struct {
		name, text string
		want       []string // the warnings, in their order
	}{
		{"nothing", rule("pattern: {source: [shop.orders], detail-type: [OrderCreated], replay-name: [{exists: false}]}"), nil},
		{"07 detailType", "targets: {q: {type: log}}\nrules:\n  - {name: d, pattern: {source: [aws.s3], detailType: [Object Created]}, targets: [q]}\n",
			[]string{`3:55: rule "d": pattern.detailType: no event has a field "detailType" at its top: did you mean "detail-type"?`}},
		{"sorce", rule("pattern: {sorce: [t]}"), []string{`3:46: rule "r": pattern.sorce: no event has a field "sorce" at its top: did you mean "source"?`}},
		{"sorce in $or", rule("pattern: {$or: [{sorce: [t]}, {source: [u]}]}"), []string{`did you mean "source"?`}},
		{"a reference", rule(`pattern: {source: ["${SRC}"]}`), []string{`3:48: rule "r": pattern.source: ${SRC} is text here`}},
		{"a reference with a default", rule(`pattern: {detail: {a: [{prefix: "${SRC:-x}/"}]}}`), []string{`${SRC:-x} is text here`}},
		{"16 wildcards", rule(`pattern: {detail: {arn: [{wildcard: "*:*:*:*:*:event-bus/*"}]}}`), []string{`pattern.detail.arn: EventBridge refuses these wildcards`}},
		{"08 an escaped placeholder", template("bucket: $.detail.bucket", `{"value":"\u003cbucket\u003e"}`),
			[]string{`input_template: \u003cbucket\u003e is text, and no placeholder (write <bucket>)`}},
		{"an unused path", template("bucket: $.detail.bucket, id: $.id", `{"value":<bucket>}`),
			[]string{`input_paths_map.id: is not used (remove it, or write <id> in the template)`}},
		{"an unused target", "targets: {q: {type: log}, old: {type: log}}\nrules:\n  - {name: r, pattern: {source: [t]}, targets: [q]}\n",
			[]string{`1:27: target "old": no rule sends to it`}},
		{"targets alone", "targets: {q: {type: log}}\n", nil},
		{"a source one edit away", rule("pattern: {source: [shop.order]}"), []string{`3:48: rule "r": pattern.source: no type of the catalog has the source "shop.order": did you mean "shop.orders"?`}},
		{"a source in other case", rule("pattern: {source: [Shop.Orders]}"), []string{`did you mean "shop.orders"?`}},
		{"a source in $or", rule("pattern: {$or: [{source: [shop.ordrs]}, {source: [x]}]}"), []string{`did you mean "shop.orders"?`}},
		{"other sources", rule("pattern: {source: [shop.stock, pay.cards, pay.card, {prefix: shop.order}, tst]}"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(tt.text), 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "types.yaml"), []byte("types:\n"+
				"  - {name: OrderCreated, kind: event, sources: [shop.orders]}\n  - {name: CardCharged, kind: event, sources: [pay.*, test]}\n"), 0o600))
			set, err := Load(Source{Dir: dir, Globs: []string{"r.yaml"}, Catalog: []string{"types.yaml"}})
			must(t, err)
			if len(set.Warnings) != len(tt.want) {
				t.Fatalf("warnings %q, want %q", set.Warnings, tt.want)
			}
			for i, want := range tt.want {
				if got := strings.TrimPrefix(set.Warnings[i].Error(), dir+"/r.yaml:"); !strings.Contains(got, want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}
