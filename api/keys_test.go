package api_test

import (
	"testing"
	"time"

	"signalbox/event"
)

func TestBlockedKeys(t *testing.T) {
	w := newWorld(t)
	w.ask("GET", "/v1/targets/shop/keys", "", 200, `{"keys":[]}`)
	w.ask("GET", "/v1/targets/nowhere/keys", "", 404, `no target \"nowhere\"`)
	w.ask("GET", "/v1/targets/shop/keys?limit=0", "", 400, "write a number from 1 to 1000")
	w.ask("GET", "/v1/targets/shop/keys?cursor=x", "", 400, "use the next_cursor of an earlier page")
	w.ask("POST", "/v1/targets/shop/keys/resume", `{"key":"o-1"}`, 404, `ordering key \"o-1\" is not stopped`)
	w.ask("POST", "/v1/targets/nowhere/keys/resume", `{"key":"o-1"}`, 404, "no target")
	w.ask("POST", "/v1/targets/shop/keys/resume", `{"kye":"o-1"}`, 400, "kye")

	w.write("rules.yaml", "targets: {shop: {type: http, url: \"http://127.0.0.1:1/\", order_by: detail.id, on_dead_letter: stop, retry: {max_attempts: 1}}}\n"+
		"rules: [{name: all, pattern: {source: [shop.orders]}, targets: [shop]}]\n")
	w.ask("POST", "/-/reload", "", 200, "")
	w.ask("GET", "/v1/targets", "", 200, `"on_dead_letter":"stop","order_by":"detail.id"`)
	for _, id := range []string{"o-1", "o-2"} {
		e := &event.Event{Source: "shop.orders", DetailType: "T", Detail: []byte(`{"id":"` + id + `"}`)}
		_, err := w.router.Accept(t.Context(), []*event.Event{e})
		must(t, err)
	}
	w.eventually("two keys stopped", func() bool { return w.router.Accounts().Deliveries.BlockedKeys == 2 })
	page, err := w.client.Targets.Keys(t.Context(), "shop", "")
	must(t, err)
	if len(page.Keys) != 2 || page.Keys[0].State != "stopped" || page.Keys[0].Head == "" || page.Next != "" {
		t.Errorf("got %+v", page)
	}
	w.ask("GET", "/v1/targets/shop/keys?limit=1", "", 200, `"next_cursor":"`)
	must(t, w.client.Targets.ResumeKey(t.Context(), "shop", "o-1"))
	w.eventually("one key going on", func() bool { return w.router.Accounts().Deliveries.BlockedKeys == 1 })
}

// eventually polls for what happens in the goroutines of a real router.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not %s in time", what)
		}
	}
}
