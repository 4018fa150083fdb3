package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/trace"
)

// TestEventsAreFound by what they are and by what came of them.
func TestEventsAreFound(t *testing.T) {
	sink := newShop(t)
	s := startRouter(t, shopDir(t, sink, ""))
	s.run("events").want(t, cli.ExitOK, "no events (looked at 0)\n", "")
	s.run("send", bigOrder).want(t, cli.ExitOK, "", "")
	s.run("send", `{"source":"shop.returns","detail-type":"Returned","detail":{"note":"\u001b[31m"}}`).want(t, cli.ExitOK, "", "")
	s.eventually("it is delivered", func() bool {
		return strings.Contains(s.run("events", "--source", "shop.orders").stdout, "shop delivered 20")
	})
	s.run("events", "--outcome", "unmatched").want(t, cli.ExitOK, "shop.returns", "")
	s.run("events", "--target", "shop", "--text", "a-1").want(t, cli.ExitOK, "shop delivered 20", "")
	s.run("events", "--limit", "1").want(t, cli.ExitOK, "Returned", "there is more: --limit 0 lists all")
	s.run("events", "--until", "1h").want(t, cli.ExitOK, "no events (looked at 0)\n", "")
	s.run("events", "--outcome", "lost").want(t, cli.ExitError, "", "write one of dead, pending")
	s.run("events", "--pattern", "{").want(t, cli.ExitUsage, "", "not valid JSON")
	s.run("events", "--content").want(t, cli.ExitUsage, "", "--output json")
	s.run("events", "--limit", "-1").want(t, cli.ExitUsage, "", "negative")
	o := s.run("events", "--pattern", `{"source": ["shop.returns"]}`, "--content", "-o", "json")
	var page trace.Page
	must(t, json.Unmarshal([]byte(o.stdout), &page))
	if len(page.Events) != 1 || !strings.Contains(string(page.Events[0].Event), `"note"`) || page.Next != "" {
		t.Errorf("got %s", o.stdout)
	}
}

// TestTailGoesOnWhereItWasCutOff follows a router that is started again.
func TestTailGoesOnWhereItWasCutOff(t *testing.T) {
	dir := shopDir(t, newShop(t), "")
	s := startRouter(t, dir)
	address := strings.TrimPrefix(s.url, "http://")
	s.run("send", bigOrder).want(t, cli.ExitOK, "", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr output
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"tail", "--url", s.url, "--since", "1h", "--count", "2"}, strings.NewReader(""), &stdout, &stderr)
	}()
	s.eventually("the first event is shown", func() bool { return strings.Contains(stdout.String(), "OrderCreated") })
	s.run("tail", "--since", "1h", "--count", "1", "-o", "json").want(t, cli.ExitOK, `"detail":{"id":"A-1","total":250}`, "")
	if code := s.end(); code != cli.ExitOK {
		t.Fatalf("ended with %d", code)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	must(t, err)
	write(t, dir, "config.yaml", strings.Replace(string(text), "listen: 127.0.0.1:0", "listen: "+address, 1))
	s = startRouter(t, dir)
	s.run("send", `{"source":"shop.returns","detail-type":"Returned","detail":{}}`).want(t, cli.ExitOK, "", "")
	if code := <-ended; code != cli.ExitOK {
		t.Fatalf("the tail ended with %d: %s", code, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "OrderCreated → console, shop") || !strings.Contains(lines[1], "Returned → (unmatched)") {
		t.Errorf("it printed %q", stdout.String())
	}
	if !strings.Contains(stderr.String(), "cut off") {
		t.Errorf("it said %q", stderr.String())
	}
}

// TestSendTellsWhatCameOfIt with --wait.
func TestSendTellsWhatCameOfIt(t *testing.T) {
	sink := newShop(t)
	s := startRouter(t, shopDir(t, sink, ""))
	s.run("send", bigOrder, "--wait", "30s").want(t, cli.ExitOK, "delivered: console delivered, shop delivered 20", "")
	s.run("send", `{"source":"shop.returns","detail-type":"Returned","detail":{}}`, "--wait", "30s").want(t, cli.ExitOK, "unmatched", "no rule matched: signalbox explain 01")
	s.run("send", bigOrder, "--wait", "10s", "-o", "json").want(t, cli.ExitOK, `"outcome": "delivered"`, "")
	sink.down.Store(true)
	s.run("send", bigOrder, "--wait", "30s").want(t, cli.ExitError, "dead: console delivered, shop dead 503", "")
	s.run("targets", "pause", "shop").want(t, cli.ExitOK, "", "")
	s.run("send", bigOrder, "--wait", "300ms").want(t, cli.ExitError, "pending: ", "not ended within 300ms: signalbox trace 01")
	s.run("send", bigOrder, "--wait", "1s", "--dry-run").want(t, cli.ExitUsage, "", "nothing is sent that could be waited for")
}
