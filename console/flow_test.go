package console_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestFlowLive: an edge turns red, with a word, when its target fails, and is as before when the
// target takes deliveries again, while the page is open.
func TestFlowLive(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("flow")
	b.sees("orders-to-warehouse")
	red := func() int { return of[int](b, `document.querySelectorAll(".graph .edge.bad").length`) }
	if n := red(); n != 0 {
		t.Errorf("%d edges are red before anything was sent", n)
	}
	for n := range 3 {
		w.order(n, 500)
	}
	b.sees("failing")
	if n := red(); n != 1 {
		t.Errorf("%d edges are red, not that to billing alone", n)
	}
	if row := of[string](b, `[...document.querySelectorAll("tr")].find(r => r.innerText.includes("invoices")).innerText`); !strings.Contains(row, "billing") || !strings.Contains(row, "failing") {
		t.Errorf("the table says %q of the red edge", row)
	}
	w.down.Store(false)
	w.settled(3)
	w.order(4, 500)
	b.sees("3 dead")
	b.do(chromedp.Focus(`.graph a.target[href*="billing"]`), chromedp.KeyEvent("\r"))
	b.arrives("target?name=billing")
	b.quiet()
}

// TestFlowRates: what goes to a target stands at its edge and in the table, within the quarter of a
// minute for which figures are taken.
func TestFlowRates(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("flow")
	b.sees("orders-to-warehouse")
	const moving = `[...document.querySelectorAll(".graph .figure-text")].some(e => !e.textContent.startsWith("0/s") && e.textContent.endsWith("/s"))`
	w.eventually("an edge has a rate", func() bool {
		w.order(1, 50)
		return of[bool](b, moving)
	})
	if row := of[string](b, `document.getElementById("rule:default/orders-to-warehouse target:warehouse").innerText`); !regexp.MustCompile(`[1-9]`).MatchString(row) {
		t.Errorf("the table says %q of it", row)
	}
	b.quiet()
}

// TestFlowPrints: on paper the picture is as wide as the page, and what is to be clicked is left out.
func TestFlowPrints(t *testing.T) {
	w := newWorldOf(t, wideRules(0))
	b := newBrowser(t, w.server.URL+"/ui/")
	b.size(700, true)
	b.open("flow")
	b.sees("service-5")
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	must(t, err)
	if wide := of[float64](b, `document.querySelector(".graph").getBoundingClientRect().width`); wide > 700 || wide < 500 {
		t.Errorf("the picture is %v pixels wide on a page of 700", wide)
	}
	if n := of[int](b, `[...document.querySelectorAll(".side, form, button")].filter(e => e.offsetParent !== null).length`); n > 0 {
		t.Errorf("%d things to be clicked are printed", n)
	}
}

// wideRules are rules with 20 types, 20 rules and 6 targets, and more with 30 rules for one target.
func wideRules(more int) string {
	var b strings.Builder
	b.WriteString("targets:\n")
	for n := range 6 {
		fmt.Fprintf(&b, "  service-%d: {type: log, to: stdout}\n", n)
	}
	b.WriteString("rules:\n")
	for n := range 20 {
		fmt.Fprintf(&b, "  - {name: rule-%d, pattern: {source: [shop.%d], detail-type: [SomethingHappened%d]}, targets: [service-%d]}\n", n, n%4, n, n%6)
	}
	for n := range more {
		fmt.Fprintf(&b, "  - {name: more-%d, pattern: {source: [shop.0], detail-type: [SomethingHappened1]}, targets: [service-0]}\n", n)
	}
	return b.String()
}

// TestFlowFolds: many rules are folded by target, and a target is chosen by a click.
func TestFlowFolds(t *testing.T) {
	w := newWorldOf(t, wideRules(30))
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("flow")
	b.sees("34 rules")
	nodes := func() int { return of[int](b, `document.querySelectorAll(".graph .node").length`) }
	folded := nodes()
	b.do(chromedp.Click(`//*[name()="a"][contains(., "34 rules")]`))
	b.arrives("fold=none")
	b.sees("more-29")
	if n := nodes(); n != 34+1+5+3 { // rules, their target, their types, and who sends those
		t.Errorf("%d nodes lead to one target", n)
	}
	b.open("flow?fold=none")
	b.sees("more-29")
	if n := nodes(); n <= folded {
		t.Errorf("%d nodes unfolded, %d folded", n, folded)
	}
	b.quiet()
}
