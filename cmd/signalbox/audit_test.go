package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/audit"
	"signalbox/auth/authtest"
	"signalbox/cmd/signalbox/internal/cli"
)

// TestAuditTellsWhoDidWhat operates a router with keys, is refused, and reads it all after
// another start.
func TestAuditTellsWhoDidWhat(t *testing.T) {
	const anna, reader, sender = "the-key-of-anna-operating", "the-key-of-a-reader", "the-key-of-a-sender"
	dir := shopDir(t, newShop(t), "auth:\n  keys:\n"+
		"    - {name: anna, key: "+anna+", rights: [operate, read]}\n"+
		"    - {name: reader, key: "+reader+", rights: [read]}\n"+
		"    - {name: sender, key: "+sender+", rights: [{send: [orders]}]}\n")
	s := startRouter(t, dir)
	s.run("targets", "pause", "shop", "--api-key", anna).want(t, cli.ExitOK, "", "")
	s.run("targets", "resume", "shop", "--api-key", reader).want(t, cli.ExitError, "", `the key "reader" has no right to operate`)
	s.run("send", bigOrder, "--api-key", sender).want(t, cli.ExitError, "", "may not send")
	s.run("dlq", "list", "--api-key", "a-key-that-nobody-gave").want(t, cli.ExitError, "", "not known")
	s.run("dlq", "purge", "--all", "--yes", "--api-key", anna).want(t, cli.ExitOK, "", "")
	must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	page := func() (page audit.Page) {
		o := s.run("audit", "-o", "json", "--api-key", reader)
		o.want(t, cli.ExitOK, "", "")
		must(t, json.Unmarshal([]byte(o.stdout), &page))
		return page
	}
	s.eventually("the hangup is audited", func() bool {
		return slices.ContainsFunc(page().Entries, func(e audit.Entry) bool { return e.From == "SIGHUP" && e.Outcome == audit.Done })
	})
	text, err := os.ReadFile(filepath.Join(dir, "rules.yaml"))
	must(t, err)
	for _, want := range []audit.Outcome{audit.Failed, audit.Done} {
		write(t, dir, "rules.yaml", map[audit.Outcome]string{audit.Failed: "rules: 1\n", audit.Done: string(text)}[want])
		s.eventually("changed files are audited", func() bool {
			return slices.ContainsFunc(page().Entries, func(e audit.Entry) bool { return e.From == "files" && e.Action == "reload" && e.Outcome == want })
		})
	}
	if code := s.end(); code != cli.ExitOK {
		t.Fatalf("ended with %d", code)
	}
	s = startRouter(t, dir)
	found := map[string]int{}
	for _, e := range page().Entries {
		if host, _, _ := strings.Cut(e.From, ":"); host != "127.0.0.1" && e.From != "SIGHUP" && e.From != "files" {
			t.Errorf("from %q: %+v", e.From, e)
		}
		found[fmt.Sprintf("%s %s %s %s", e.Who(), e.Action, e.Outcome, e.Reason)]++
	}
	for _, want := range []string{
		"anna targets.pause done ", "- reload done ", "anna deadletters.purge done ",
		"reader request.refused refused right", "sender request.refused refused right", "- request.refused refused key",
	} {
		if found[want] == 0 {
			t.Errorf("no entry %q in %v", want, found)
		}
	}
	s.run("audit", "--key", "anna", "--action", "targets.pause", "--api-key", reader).want(t, cli.ExitOK, "shop", "")
	s.run("audit", "--until", "1h", "--api-key", reader).want(t, cli.ExitOK, "no entries\n", "")
	s.run("audit", "--limit", "1", "--api-key", reader).want(t, cli.ExitOK, "", "there are more than 1 entries")
	s.run("audit", "--api-key", sender).want(t, cli.ExitError, "", "no right to read")
	s.run("audit", "--since", "whenever", "--api-key", reader).want(t, cli.ExitUsage, "", "write a time")
	s.end()
	signalbox(t, "verify", "--config", filepath.Join(dir, "config.yaml")).want(t, cli.ExitOK, "", "")
}

// TestAuditNamesCertificates operates with a client's certificate and without keys.
func TestAuditNamesCertificates(t *testing.T) {
	dir, ca := shopDir(t, newShop(t), "tls: {cert_file: certs/tls.crt, key_file: certs/tls.key, client_ca_file: certs/ca.crt}\n"), authtest.NewCA(t)
	certs := filepath.Join(dir, "certs")
	ca.Write(certs, time.Hour)
	s := startRouter(t, dir)
	mine := []string{"--ca-cert", filepath.Join(certs, "ca.crt"), "--client-cert", filepath.Join(certs, "tls.crt"), "--client-key", filepath.Join(certs, "tls.key")}
	s.run(append([]string{"targets", "pause", "shop"}, mine...)...).want(t, cli.ExitOK, "", "")
	s.run(append([]string{"audit"}, mine...)...).want(t, cli.ExitOK, "certificate one of a test", "")
}
