package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// customer sends an audit message about a customer.
func (w *world) customer(detail string, deleted bool) string {
	w.t.Helper()
	mark := ""
	if deleted {
		mark = `, "deleted": true`
	}
	return w.envelope(fmt.Sprintf(`{"source": "shop.crm", "detail-type": "Customer", "detail": {"metadata": {"kind": "audit"%s}, "data": {%s}}}`, mark, detail))
}

// TestState chooses an object and a moment by clicks, and follows what made it.
func TestState(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.open("state")
	b.sees("No state is known")
	first := w.customer(`"id": "eu/42", "tier": "silver"`, false)
	second := w.customer(`"id": "eu/42", "tier": "gold <b>"`, false)
	b.sees("Customer")
	b.click("Customer")
	b.sees("eu/42")
	b.click("eu/42")
	b.sees("As it is")
	b.sees(`"gold <b>"`)
	b.do(chromedp.Click(`//section[contains(., "The events that made it")]//tr[contains(., "silver")]//a`))
	b.arrives("at=2")
	b.sees("As it was")
	b.sees(`"silver"`)
	if text := b.text(); strings.Contains(text, "gold") {
		t.Errorf("the state of before has what came after:\n%s", text)
	}
	b.click(first)
	b.arrives("event?id=" + first)
	b.open("state?type=Customer&key=eu/42&at=" + url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339)))
	b.sees("is not kept")
	b.sees("gold")
	b.open("state?type=Customer&key=eu/42&at=soon")
	b.sees("write a time such as")
	b.open("state?type=Customer&key=eu/43")
	b.sees("not found")
	w.customer(`"id": "eu/42"`, true)
	b.open("state?type=Customer&key=eu/42")
	b.sees("is gone")
	b.sees("gold")
	if n := of[int](b, `document.querySelectorAll("tbody tr").length`); n != 3 {
		t.Errorf("%d changes are listed", n)
	}
	b.do(chromedp.SetValue("input[name=at]", "0s"), chromedp.SetValue("input[name=key]", "eu/42"))
	b.click("Show")
	b.arrives("at=0s")
	b.quiet()
	if first == second {
		t.Error("two events have one id")
	}
}
