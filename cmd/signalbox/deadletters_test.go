package main

import (
	"regexp"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestADeadLetterOfADeadLetterIsShown: what goes to the queue of dead letters may connect to no more than
// others, and says whose it is.
func TestADeadLetterOfADeadLetterIsShown(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\negress: {deny: [private]}\n")
	write(t, dir, "rules.yaml", `
targets:
  out: {type: http, url: http://127.0.0.1:1/, retry: {max_attempts: 1}, breaker: off}
  letters: {type: sqs, url: "sqs://eu-central-1/123456789012/letters", endpoint: http://127.0.0.1:1, access_key_id: test, secret_access_key: test, retry: {max_attempts: 1}}
rules:
  - {name: all, pattern: {source: [shop]}, targets: [{target: out, dead_letter: letters}]}
`)
	s := startRouter(t, dir)
	id := strings.TrimSpace(s.run("send", "--source", "shop", "--detail-type", "T", "--detail", "{}").stdout)
	s.eventually("dead", func() bool { return len(s.letters()) == 2 })
	of := map[string]string{}
	for _, l := range s.letters() {
		if of[l.Target] = l.ID; !strings.Contains(l.ErrorMessage, "is not of the public internet") {
			t.Errorf("%s died of %s", l.Target, l.ErrorMessage)
		}
	}
	show := s.run("dlq", "show", of["letters"])
	for _, want := range []string{of["out"], "SEND sqs://eu-central-1/123456789012/letters", "RETRY_ATTEMPTS: 0"} {
		show.want(t, cli.ExitOK, want, "")
	}
	if !regexp.MustCompile(`(?m)^forward of +` + of["out"] + `$`).MatchString(show.stdout) {
		t.Errorf("got %s", show.stdout)
	}
	s.run("trace", id).want(t, cli.ExitOK, ", of dead letter "+of["out"], "")
}
