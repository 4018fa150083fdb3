package console_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPages opens all pages, wide and narrow, light and dark: nothing may break the policy or
// fail in the script, be wider than a phone, or be hard to use without eyes or a mouse.
func TestPages(t *testing.T) {
	axe := axeCore(t)
	w, big := busy(t)
	newBrowser(t, w.server.URL+"/ui/").fit(axe, w.shown(big))
	o := operated(t)
	newBrowser(t, o.server.URL+"/ui/").fit(axe, operatedPages)
}

// fit fails the test for each page that does not look or work as it should; the texts are those
// that the pages have.
func (b *browser) fit(axe string, pages map[string]string) {
	t := b.t
	t.Helper()
	for path, text := range pages {
		for _, look := range []struct {
			width int64
			dark  bool
		}{{1280, false}, {390, true}} {
			b.size(look.width, look.dark)
			b.open(path)
			b.sees(text)
			if wide := of[int64](b, "document.documentElement.scrollWidth"); wide > look.width {
				t.Errorf("%s: %d pixels wide on a screen of %d", path, wide, look.width)
			}
			for _, fault := range b.faults(axe) {
				t.Errorf("%s at %d: %s", path, look.width, fault)
			}
			b.quiet()
		}
	}
}

// axeCore returns the checker of accessibility.
func axeCore(t *testing.T) string {
	t.Helper()
	const missing = "axe-core is not installed: npm install -g axe-core"
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Skip(missing)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "axe-core", "axe.min.js"))
	if err != nil {
		t.Skip(missing)
	}
	return string(text)
}

// faults returns what a checker has against the page that is serious.
func (b *browser) faults(axe string) []string {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe + "; undefined"))
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document).then(r => r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
	must(b.t, err)
	return found
}

func TestLive(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("events")
	b.sees("No events yet")
	w.send("shop.users", "FirstToCome", `{}`)
	b.sees("FirstToCome")
	b.click("Live")
	b.sees("Frozen")
	other := w.stream("/ui/events") // which is sent a part each second, as the page would be
	w.send("shop.users", "NotYet", `{}`)
	other.sees("NotYet")
	w.send("shop.users", "NorThis", `{}`)
	other.sees("NorThis")
	if strings.Contains(b.text(), "NotYet") {
		t.Error("a frozen page has changed")
	}
	b.click("Frozen")
	b.sees("NotYet")
	b.sees("NorThis")
	b.open("targets")
	b.sees("warehouse")
	w.down.Store(false)
	w.order(1, 50)
	b.sees("ok")
	b.open("target?name=warehouse")
	b.click("Pause")
	b.sees("warehouse is paused.")
	b.sees("by command")
	_, err := w.client.Targets.Resume(t.Context(), "warehouse")
	must(t, err)
	b.sees("ok")
	b.quiet()
}

// TestLiveKeepsTheFocus: a page that is renewed takes nothing out of the viewer's hands.
func TestLiveKeepsTheFocus(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	first := w.send("shop.users", "FirstToCome", `{}`)
	b.open("events")
	b.sees("FirstToCome")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("tbody a.row").focus()`))
	w.send("shop.users", "SecondToCome", `{}`)
	b.sees("SecondToCome")
	if at := of[string](b, `document.activeElement.closest("tr").id`); at != "e-"+first {
		t.Errorf("the focus went to %q", at)
	}
}

// TestReplayByClicks replays dead letters as an operator does.
func TestReplayByClicks(t *testing.T) {
	w, _ := busy(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	w.down.Store(false)
	b.open("deadletters?target=billing")
	b.sees("Chosen")
	b.click("Replay…")
	b.sees("4 of 4 would be sent")
	b.do(chromedp.SetValue("input[name=rate]", "200"))
	b.click("Preview")
	b.arrives("rate=200")
	b.sees("4 of 4 would be sent")
	b.click("Replay 4")
	b.sees("The replay has begun.")
	b.sees("finished")
	b.sees("200 a second at most")
	w.settled(2)
	b.open("deadletters")
	b.sees("deadletters.redrive")
	b.open("purge?target=search-index")
	b.sees("2 dead letters would be deleted")
	b.click("Delete 2")
	b.sees("2 dead letters are deleted.")
	w.settled(0)
	b.quiet()
}

func TestKeyboard(t *testing.T) {
	w := newWorld(t)
	id := w.send("shop.users", "UserSignedUp", `{}`)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("events")
	b.sees("UserSignedUp")
	press := func(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }
	at := func() string {
		return of[string](b, "document.activeElement.textContent + document.activeElement.name")
	}
	press(kb.Tab)
	if got := at(); !strings.HasPrefix(got, "Skip to the content") {
		t.Errorf("the first stop is %q", got)
	}
	press("/")
	if got := at(); got != "text" {
		t.Errorf("/ leads to %q, not to the search", got)
	}
	b.do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"))
	press("j")
	press(kb.Enter)
	b.sees("What happened")
	if got := of[string](b, "location.search"); got != "?id="+id {
		t.Errorf("Enter leads to %q", got)
	}
	b.open("events")
	press("f")
	b.sees("Frozen")
}

// TestPlayground judges a rule as it is typed.
func TestPlayground(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("playground")
	b.sees("wanted numeric > 100")
	if marked := of[string](b, `document.querySelector(".marked").textContent`); !strings.Contains(marked, `"total": 90`) {
		t.Errorf("%q is marked", marked)
	}
	b.do(chromedp.SetValue("textarea[name=pattern]", `{"source": ["shop.orders"]}`), chromedp.SendKeys("textarea[name=transform]", `{o: detail.orderId}`))
	b.sees(`"o": "6101"`)
	b.sees("my-rule/my-target:")
	b.do(chromedp.SendKeys("input[name=when]", `detail.total > 100`))
	b.sees("the condition does not hold")
	b.do(chromedp.SendKeys("input[name=when]", ` >`))
	b.sees("The rule has faults")
	b.do(chromedp.SetValue("textarea[name=event]", `{`), chromedp.SendKeys("input[name=name]", "x"))
	b.sees("write it as JSON")
	b.quiet()
}

func TestExplainAndSend(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	id := w.order(1, 90)
	b.open("event?id=" + id)
	b.click("Explain")
	b.sees("detail.total: 90, wanted numeric > 100")
	b.open("target?name=mailer")
	b.click("Send a test event…")
	b.sees("a rule that sends to mailer")
	b.click("Send")
	b.sees("The event is accepted.")
	b.sees("synthetic")
	b.sees("logged (synthetic)")
	b.open("rules")
	b.sees("orders-to-warehouse")
	b.click("Pause")
	b.sees("invoices is paused.")
	b.open("")
	b.click("Read again")
	b.sees("The files say what already serves.")
	b.open("audit")
	b.sees("rules.pause")
	b.quiet()
}

// hostile is text that would run if it were taken for HTML, or end a line of a stream.
const hostile = `</td><script>hacked=1</script><img src=x onerror=hacked=1>\"'&lt;javascript:hacked=1\r\revent: gone\rdata: x\r\r{{.}}`

// TestHostileEvents: whatever stands in an event is shown, and nothing of it is done.
func TestHostileEvents(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	text := fmt.Sprintf(`{"id": "1%s", "source": "s%[1]s", "detail-type": "T%[1]s", "resources": ["%[1]s"], "detail": {"%[1]s": "%[1]s"}}`, hostile)
	text = strings.ReplaceAll(text, "\\\\", "\\")
	b.open("events")
	b.sees("No events yet")
	_, err := w.client.Events.Send(t.Context(), []byte(text), clientOptions)
	must(t, err)
	b.sees("<script>hacked=1</script>")
	b.do(chromedp.Click("tbody a.row"))
	b.sees("What happened")
	b.sees("<img src=x onerror=hacked=1>")
	if got := of[string](b, "typeof hacked"); got != "undefined" {
		t.Error("what stands in an event was run")
	}
	if n := of[int](b, `document.querySelectorAll("main script, main img, [onerror]").length`); n > 0 {
		t.Errorf("%d elements of an event are in the page", n)
	}
	b.quiet()
}
