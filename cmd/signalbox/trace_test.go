package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

const loopRules = `
targets:
  quotes:  {type: http, url: URL/OfferMade, reply: events, emits: [OfferMade]}
  pricing: {type: http, url: URL/PriceChanged, reply: events, emits: [PriceChanged]}
  stock:   {type: http, url: URL/OfferExpired, reply: events, emits: [OfferExpired]}
rules:
  - {name: price-the-offer, pattern: {detail-type: [OfferMade]}, targets: [pricing]}
  - {name: withdraw, pattern: {detail-type: [PriceChanged]}, targets: [stock]}
  - {name: offer-again, pattern: {detail-type: [OfferExpired]}, targets: [quotes]}
`

// TestALoopOfThreeRules runs one over real HTTP: it is warned of, stopped, and
// its way is in the dead letter and in the trace.
func TestALoopOfThreeRules(t *testing.T) {
	services := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/cloudevents+json")
		fmt.Fprintf(w, `{"specversion":"1.0","id":%q,"source":"shop","type":%q,"data":{}}`, r.Header.Get("X-Signalbox-Delivery-Id"), r.URL.Path[1:])
	}))
	defer services.Close()
	dir := t.TempDir()
	config := write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\nmin_free_disk: 0\nmax_hops: 6\n")
	write(t, dir, "rules.yaml", strings.ReplaceAll(loopRules, "URL", services.URL))
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, `rule "offer-again": is part of a loop: `+
		"default/offer-again > quotes -> OfferMade -> default/price-the-offer > pricing -> PriceChanged -> default/withdraw > stock -> OfferExpired -> default/offer-again; ", "")

	s := startRouter(t, dir)
	id := strings.TrimSpace(s.run("send", `{"source":"shop","detail-type":"OfferMade","detail":{}}`).stdout)
	s.eventually("stopped", func() bool { _, a := s.get("/v1/accounts", ""); return strings.Contains(a, `"dead":1`) })
	_, letters := s.get("/v1/deadletters", "")
	for _, want := range []string{`"error_code":"MAX_HOPS"`, `the reply would be hop 7, and max_hops is 6: is there a loop in the rules?`,
		`"path":[{"event_id":"` + id + `","detail_type":"OfferMade","bus":"default","rule":"price-the-offer","target":"pricing"}`} {
		if !strings.Contains(letters, want) {
			t.Errorf("the letter %s lacks %s", letters, want)
		}
	}
	s.eventually("written", func() bool {
		return strings.Count(s.run("trace", id).stdout, "delivered 200") == 6
	})
	o := s.run("trace", id)
	o.want(t, cli.ExitOK, "OfferMade "+id+"\n├─ taken in ", "")
	o.want(t, cli.ExitOK, "dead MAX_HOPS, 1 attempt", "")
	s.run("trace", id, "--correlation", "--output", "json").want(t, cli.ExitOK, `"events": 7`, "")
	s.run("trace", id, "--output", "mermaid").want(t, cli.ExitOK, `-->|"withdraw"|`, "")
	s.run("trace", id, "--output", "svg").want(t, cli.ExitUsage, "", `"svg" is none of text, json, mermaid`)
}
