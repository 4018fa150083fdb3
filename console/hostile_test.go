package console_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"signalbox/console"
)

// nasty are texts that would run as HTML, turn a line round, or break a page by their length.
var nasty = map[string]string{
	"script": `</title></svg></td><script>hacked=1</script><img src=x onerror=hacked=1>`,
	"turned": "abc\u202egnp.exe\u2066\u200f",
	"bytes":  "a\u0001\u0007\u001b[31m\u0000b",
	"long":   strings.Repeat("x", 100_000),
	"quoted": `"'` + "`" + `{{.}}&lt;javascript:hacked=1`,
}

// TestHostileTexts: the pages that tell of rules, types, states and events show whatever stands
// in these, run nothing of it, and are no wider for it.
func TestHostileTexts(t *testing.T) {
	for name, text := range nasty {
		t.Run(name, func(t *testing.T) {
			quoted, err := json.Marshal(text)
			must(t, err)
			short, err := json.Marshal(string([]rune(text)[:min(len([]rune(text)), 100)]))
			must(t, err)
			w := newWorldOf(t, fmt.Sprintf(`targets:
  mailer: {type: log, to: stdout}
rules:
  - {name: hostile, description: %[2]s, pattern: {source: [%[2]s, shop], detail-type: [%[1]s, Thing]}, when: "detail.data.n > 1", targets: [mailer]}
  - {name: quiet, state: shadow, pattern: {detail-type: [Thing]}, targets: [mailer]}
`, quoted, short))
			id := w.envelope(fmt.Sprintf(`{"source": "shop", "detail-type": "Thing", "resources": [%[1]s], "detail": {"metadata": {"kind": "audit"}, "data": {"id": %[2]s, "text": %[1]s, %[2]s: 1}}}`, quoted, short))
			var key string
			must(t, json.Unmarshal(short, &key))
			b := newBrowser(t, w.server.URL+"/ui/")
			b.size(1280, false)
			for _, path := range []string{
				"flow", "rules", "rule?bus=default&name=hostile", "shadow?bus=default&name=quiet", "events", "event?id=" + id, "explain?id=" + id, "playground?id=" + id,
				"state?type=Thing", "state?type=Thing&key=" + url.QueryEscape(key), "deadletters?target=" + url.QueryEscape(key), "audit?key=" + url.QueryEscape(key), "again?since=" + url.QueryEscape(key),
			} {
				b.open(path)
				b.do(chromedp.WaitReady("main"))
				if got := of[string](b, "typeof hacked"); got != "undefined" {
					t.Errorf("%s runs what it shows", path)
				}
				if n := of[int](b, `document.querySelectorAll("main script, main img, [onerror]").length`); n > 0 {
					t.Errorf("%s has %d elements of what it shows", path, n)
				}
				if wide := of[int](b, "document.documentElement.scrollWidth"); wide > 1280 {
					t.Errorf("%s is %d pixels wide", path, wide)
				}
			}
			b.quiet()
		})
	}
}

// TestNothingYet: a router without rules and events has all pages.
func TestNothingYet(t *testing.T) {
	w := newWorldOf(t, "rules: []\n")
	v := newViewer(w, t)
	for _, path := range []string{"", "events", "targets", "deadletters", "replay", "purge", "redrives", "again?since=1h", "rules", "flow", "state", "sources", "archives", "audit", "explain", "send", "playground"} {
		resp, body := v.get(console.Path + path)
		v.wants(resp, body, 200, "</html>")
	}
}
