package console_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"signalbox/auth"
	"signalbox/console"
)

// operatedRules have something of everything that can be operated.
var operatedRules = `sources:
  broker: {type: nats, url: "nats://127.0.0.1:1", stream: ORDERS}
archives:
  all: {folder: archive, every: 1s}
` + strings.NewReplacer("targets:\n", `targets:
  keyed: {type: http, url: "CONSUMER/keyed", order_by: detail.orderId, on_dead_letter: stop, retry: {max_attempts: 1}, breaker: off}
`, "rules:\n", `rules:
  - {name: keyed, pattern: {source: [shop.orders]}, targets: [keyed]}
`).Replace(worldRules)

// operatedPages are those that have something only with operatedRules, and a text that each has.
var operatedPages = map[string]string{
	"sources": "broker", "archives": "archive", "archive?name=all": "Verification", "target?name=keyed": "Unblock", "login": "Sign in",
}

// operated makes a world of operatedRules in which something has happened.
func operated(t testing.TB) *world {
	w := newWorldOf(t, operatedRules)
	w.order(1, 500)
	w.eventually("an archive with events, and a blocked key", func() bool {
		l, err := w.client.Archives.Get(context.Background(), "all")
		return err == nil && l.Content != nil && l.Content.Events > 0 && w.router.Accounts().Deliveries.BlockedKeys > 0
	})
	_, err := w.client.Archives.Verify(context.Background(), "all")
	must(t, err)
	return w
}

// confirmed clicks a button, and waits for what the next page tells.
func (b *browser) confirmed(button, told string) {
	b.t.Helper()
	b.click(button)
	b.sees(told)
}

// TestEveryButton operates all that can be operated, by clicks: as many actions as there are.
func TestEveryButton(t *testing.T) {
	w := newWorldOf(t, operatedRules)
	for n := range 6 {
		w.order(n, 500)
	}
	w.eventually("dead letters", func() bool { return w.router.Accounts().Deliveries.Dead >= 7 })
	b := newBrowser(t, w.server.URL+"/ui/")

	b.open("target?name=warehouse")
	b.confirmed("Pause", "warehouse is paused.")
	b.confirmed("Resume", "warehouse continues.")
	b.confirmed("Drain", "warehouse delivers what is pending, and then pauses.")
	b.confirmed("Resume", "warehouse continues.")
	b.confirmed("Retry now", "What waited at warehouse is due now.")
	b.click("Send a test event…")
	b.confirmed("Send", "The event is accepted.")
	b.open("target?name=keyed")
	b.confirmed("Unblock", "The ordering key")

	b.open("rules")
	b.confirmed("Pause", "is paused.")
	b.confirmed("Resume", "continues.")
	b.open("sources")
	b.confirmed("Pause", "broker is paused.")
	b.confirmed("Resume", "broker continues.")
	b.open("")
	b.confirmed("Read again", "The files say what already serves.")

	b.open("redrives")
	b.click("Replay past events…")
	b.do(chromedp.SetValue("input[name=since]", "1h"), chromedp.SetValue("input[name=target]", "warehouse"), chromedp.SetValue("input[name=rate]", "0.1"))
	b.click("Preview")
	b.sees("7 deliveries of 7 events") // with the test event
	b.confirmed("Replay them", "The replay has begun.")
	b.confirmed("Pause", "The replay is paused.")
	b.confirmed("Resume", "The replay continues.")
	b.confirmed("Cancel", "The replay is being cancelled.")
	b.sees("cancelled")
	b.open("again?since=soon")
	b.sees("write a time such as")

	w.down.Store(false)
	b.open("replay?target=billing&rate=0.1")
	b.sees("6 of 6 would be sent")
	b.confirmed("Replay 6", "The replay has begun.")
	b.confirmed("Cancel", "The replay is being cancelled.")
	b.sees("cancelled")
	b.confirmed("Resume", "The replay continues.")
	b.open("deadletters?target=keyed")
	b.click("Purge…")
	b.sees("would be deleted")
	b.do(chromedp.Click("//main//button[starts-with(normalize-space(), 'Delete ')]"))
	b.sees("dead letters are deleted.")

	w.eventually("events are archived", func() bool {
		l, err := w.client.Archives.Get(context.Background(), "all")
		return err == nil && l.Content != nil && l.Content.Events > 0
	})
	b.open("archives")
	b.click("all")
	b.confirmed("Verify", "The verification has begun.")
	b.sees("events")
	b.sees("Ended")
	marks, err := filepath.Glob(filepath.Join(w.dir, "archive", "*", "archive.json"))
	if err != nil || len(marks) != 1 {
		t.Fatalf("the archive's owner stands in %v, %v", marks, err)
	}
	mark := marks[0]
	text, err := os.ReadFile(mark)
	must(t, err)
	must(t, os.WriteFile(mark, regexp.MustCompile(`"owner": *"[^"]*"`).ReplaceAll(text, []byte(`"owner":"somebody-else"`)), 0o600))
	w.order(7, 10)
	b.sees("another router")
	b.confirmed("Take over", "This router writes the archive now.")
	b.quiet()

	for _, path := range console.Actions() {
		if _, done := w.posted.Load(path); !done {
			t.Errorf("no button was clicked for %s", path)
		}
	}
}

// TestReadersOperateNothing: who may only look sees no button that would be refused, and each of
// them is refused to who makes one.
func TestReadersOperateNothing(t *testing.T) {
	read := auth.Key{Name: "ada", Token: "a-key-that-may-read", Rights: auth.Rights{Held: []auth.Right{auth.Read}}}
	w := newWorldOf(t, operatedRules, auth.Key{Name: "ops", Token: theKey, Rights: auth.Rights{Held: []auth.Right{auth.Admin}}}, read)
	id := w.order(1, 500)
	w.eventually("dead letters", func() bool { return w.router.Accounts().Deliveries.Dead >= 2 })
	b := newBrowser(t, w.server.URL+"/ui/")
	login := func(key string) {
		b.open("login?next=targets")
		b.do(chromedp.SetValue("input[name=key]", key))
		b.click("Sign in")
		b.arrives("/ui/targets")
	}
	const buttons = `[...document.querySelectorAll("main form[method=post] button, main a.button")].map(b => b.innerText).join("|")`
	pages := []string{"", "target?name=keyed", "rules", "rule?bus=default&name=keyed", "sources", "deadletters?target=billing", "redrives", "archives", "archive?name=all", "event?id=" + id, "send"}
	login(theKey)
	for _, path := range []string{"target?name=keyed", "rules", "deadletters?target=billing", "archive?name=all", "redrives"} {
		b.open(path)
		if got := of[string](b, buttons); got == "" {
			t.Errorf("%s has no button for who may do all", path)
		}
	}
	b.do(chromedp.Click("//button[normalize-space()='Sign out']"))
	b.arrives("/ui/login")
	login(read.Token)
	for _, path := range pages {
		b.open(path)
		for _, button := range strings.Split(of[string](b, buttons), "|") {
			switch button {
			case "", "Events", "Clear", "Explain", "Playground", "What it would have sent":
			default:
				t.Errorf("%s has the button %q for who may only read", path, button)
			}
		}
	}
	b.quiet()
	v := newViewer(w, t)
	v.post("/ui/login", "/ui/login", url.Values{"key": {read.Token}})
	for _, path := range console.Actions() {
		resp, body := v.post("/ui/"+path, "/ui/send", url.Values{
			"name": {"keyed"}, "bus": {"default"}, "id": {"x"}, "key": {"1"}, "target": {"keyed"}, "since": {"1h"}, "event": {`{"source":"a","detail-type":"b","detail":{}}`},
		})
		v.wants(resp, body, 403, "the key &#34;ada&#34;")
	}
	for _, path := range []string{"replay?target=billing", "purge?target=billing", "again?since=1h"} {
		resp, body := v.get("/ui/" + path)
		v.wants(resp, body, 403, "has no right to")
	}
}
