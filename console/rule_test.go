package console_test

import (
	"strings"
	"testing"
)

// TestRules: the page tells of each rule when it matched, why its condition failed, and what a
// shadow rule would have sent; one rule is paused and resumed by clicks.
func TestRules(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("rules")
	b.sees("orders-to-warehouse")
	row := func(name string) string {
		return of[string](b, `document.getElementById("r-default/`+name+`").innerText`)
	}
	if text := row("vip"); !strings.Contains(text, "–") || strings.Contains(text, "failed") {
		t.Errorf("before any event: %s", text)
	}
	id := w.order(1, 500)
	b.sees("its condition failed on 1 events")
	if text := row("vip"); !strings.Contains(text, "tier") {
		t.Errorf("the error is not there: %s", text)
	}
	if text := row("orders-to-warehouse"); strings.Contains(text, "–") {
		t.Errorf("its match is not there: %s", text)
	}
	b.click("vip")
	b.arrives("rule?bus=default&name=vip")
	b.sees("the last on " + id)
	b.sees("detail.customer.tier")
	b.sees("rules.yaml:")
	b.click("Pause")
	b.sees("vip is paused.")
	b.sees("paused")
	b.click("Resume")
	b.sees("vip continues.")
	b.sees("enabled")
	b.open("rule?bus=default&name=fraud")
	b.sees("OrderCreated")
	b.click("What it would have sent")
	b.sees("1 would have been sent")
	b.sees("1 to mailer")
	b.open("shadow?bus=default&name=fraud&since=soon")
	b.sees("write a time such as")
	b.open("shadow?bus=default&name=vip")
	b.sees("not in state shadow")
	b.quiet()
}

func TestRuleThatIsNot(t *testing.T) {
	v := newViewer(newWorld(t), t)
	resp, body := v.get("/ui/rule?bus=default&name=vipp")
	v.wants(resp, body, 404, "did you mean &#34;vip&#34;?")
}
