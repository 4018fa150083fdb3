package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestEachEventIsRoutedByOneRevision sends events while the rule file is
// rewritten again and again, every tenth time with a fault in it. Each event
// must be delivered by both rules of one good revision, once.
func TestEachEventIsRoutedByOneRevision(t *testing.T) {
	s := newSink(t)
	const events, rewrites = 10_000, 100
	revision := func(n int) string {
		text := "targets:\n  sink: {type: http, url: \"" + s.url + "\"}\nrules:\n"
		for _, rule := range []string{"a", "b"} {
			text += fmt.Sprintf("  - name: %s\n    pattern: {source: [shop.orders]}\n    targets:\n      - target: sink\n        input_transformer:\n          input_paths_map: {n: $.detail.n}\n          input_template: '{\"n\":<n>,\"rule\":\"%s\",\"revision\":%d}'\n", rule, rule, n)
		}
		if n%10 == 9 {
			text += "  - {name: c, pattern: {source: [{numerc: 1}]}}\n"
		}
		return text
	}
	p := newProcess(t, revision(0))
	p.start()

	sent := make(chan struct{})
	var producers sync.WaitGroup
	client := &http.Client{Timeout: 10 * time.Second}
	for k := range 4 {
		producers.Go(func() {
			for n := k * events / 4; n < (k+1)*events/4; n += 5 {
				if _, err := p.put(client, n, n+1, n+2, n+3, n+4); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond) // so that the events last as long as the rewrites
			}
		})
	}
	go func() { producers.Wait(); close(sent) }()
	for n := 1; n <= rewrites; n++ {
		p.write("rules.yaml", revision(n))
		time.Sleep(60 * time.Millisecond)
	}
	<-sent
	p.eventually(60*time.Second, "all delivered", func() bool {
		a, err := p.accounts()
		return err == nil && a.Deliveries.Ready+a.Deliveries.Waiting == 0 && a.Deliveries.Planned > 0
	})

	type by struct{ a, b []int }
	got := map[int]by{}
	for _, r := range s.receipts() {
		var body struct {
			N, Revision int
			Rule        string
		}
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
		x := got[body.N]
		if body.Rule == "a" {
			x.a = append(x.a, body.Revision)
		} else {
			x.b = append(x.b, body.Revision)
		}
		got[body.N] = x
	}
	revisions := map[int]bool{}
	for n := range events {
		x := got[n]
		if len(x.a) != 1 || len(x.b) != 1 || x.a[0] != x.b[0] || x.a[0]%10 == 9 {
			t.Errorf("event %d: delivered by rule a of revisions %v, by b of %v", n, x.a, x.b)
			continue
		}
		revisions[x.a[0]] = true
	}
	if len(revisions) < 20 {
		t.Errorf("only %d revisions routed events: the test shows little", len(revisions))
	}
	t.Logf("%d events, %d rewrites, %d revisions in use", events, rewrites, len(revisions))
}
