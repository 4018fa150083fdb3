package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/auth/authtest"
	"signalbox/cmd/signalbox/internal/cli"
)

func TestCheckOfGivenFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "rules"), 0o700))
	config := write(t, dir, "config.yaml", "rules: [rules/*.yaml]\ntargets:\n  out: {type: log}\n")
	targets := write(t, dir, "rules/targets.yaml", "targets:\n  shop: {type: http, url: http://127.0.0.1:1}\n")
	good := write(t, dir, "rules/good.yaml", "rules:\n  - {name: a, pattern: {source: [x]}, targets: [out, shop]}\n")
	bad := write(t, dir, "rules/bad.yaml", "rules:\n  - {name: b, pattern: {source: [x]}, targets: [shoop]}\n")
	empty := write(t, dir, "rules/empty.yaml", "")
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"all", nil, cli.ExitError, "bad.yaml:2:"},
		{"a good one beside a bad one", []string{good}, cli.ExitOK, "no faults here, but 1 error in other files: run signalbox check\n"},
		{"the bad one", []string{bad}, cli.ExitError, `did you mean "shop"?`},
		{"the directory", []string{filepath.Join(dir, "rules")}, cli.ExitError, "1 error, 0 warnings\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signalbox(t, append([]string{"check", "--config", config}, tt.args...)...).want(t, tt.code, tt.want, "")
		})
	}
	must(t, os.Remove(bad))
	t.Run("warnings", func(t *testing.T) {
		signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "empty.yaml: is empty: it holds no rules (warning)\nok: 1 rule and 1 target in 3 files, 1 warning\n", "")
		signalbox(t, "check", "--config", config, "--strict").want(t, cli.ExitError, "0 errors, 1 warning\n", "")
		signalbox(t, "check", "--config", config, "--strict", good, targets).want(t, cli.ExitOK, "ok: 1 rule and 1 target in 2 files\n", "")
	})
	t.Run("as JSON", func(t *testing.T) {
		o := signalbox(t, "check", "--config", config, "--output", "json", empty)
		var found struct {
			OK               bool
			Files            int
			Errors, Warnings []struct{ File string }
		}
		must(t, json.Unmarshal([]byte(o.stdout), &found))
		if !found.OK || len(found.Warnings) != 1 || found.Warnings[0].File != empty || found.Files != 1 {
			t.Errorf("got %+v", found)
		}
	})
}

func TestCheckOfAFileWithoutConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	t.Chdir(dir)
	signalbox(t, "check", "a.yaml").want(t, cli.ExitOK, "ok: 1 rule and 1 target in 1 file\n", "")
	write(t, dir, "a.yaml", "hooks:\n  gh: {verify: github, secrets: [\"0123456789abcdef\"]}\nconnections:\n  crm: {auth: {bearer: x}}\ntargets:\n  out: {type: http, url: \"https://crm/\", auth: {connection: crm}}\nrules:\n  - {name: a, pattern: {source: [gh]}, targets: [out]}\n")
	signalbox(t, "check", "a.yaml").want(t, cli.ExitOK, "ok: 1 rule, 1 target, 1 hook and 1 connection in 1 file\n", "")
	signalbox(t, "check").want(t, cli.ExitError, "config.yaml: no such file", "")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckOfSources(t *testing.T) {
	dir := t.TempDir()
	config := write(t, dir, "config.yaml", `rules: []
buses: {audit: {}}
sources:
  a: {type: redis, url: redis://127.0.0.1, stream: orders, group: g, map: {detail-type: '"A"'}}
  also: {type: redis, url: redis://127.0.0.1, stream: orders, group: g, map: {detail-type: '"A"'}}
  audited: {type: redis, url: redis://127.0.0.1, stream: orders, bus: audit, map: {detail-type: '"A"'}}
  b: {type: redis, url: redis://127.0.0.1, stream: orders, group: g, map: {detail-type: '"B"'}}
`)
	const warning = `config.yaml:7:3: sources.b: reads what the source "a" reads, for the same bus: a message becomes one event, of whichever source has it first (warning)`
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, warning, "")
	signalbox(t, "check", "--config", config).want(t, cli.ExitOK, "2 warnings\n", "") // and of b and also
}

// TestCheckOfTheFilesOfACluster names each file that is missing, or is none, and says what to do.
func TestCheckOfTheFilesOfACluster(t *testing.T) {
	dir := t.TempDir()
	const cluster = "listen: 127.0.0.1:8080\nallow_unauthenticated: true\ncluster: {nats: 'tls://127.0.0.1:4222', name: orders, node: 1, advertise: 'http://127.0.0.1:8080', " +
		"ca_file: ca.crt, cert_file: tls.crt, key_file: tls.key, credentials_file: nats.creds}\n"
	config := write(t, dir, "config.yaml", cluster)
	missing := func(o outcome, code int, names ...string) {
		t.Helper()
		for _, name := range names {
			option, file, _ := strings.Cut(name, " ")
			o.want(t, code, config+":3:10: cluster: "+option+": open "+filepath.Join(dir, file)+": no such file or directory: put it there, for the router to read, or correct the option", "")
		}
	}
	missing(signalbox(t, "check", "--config", config), cli.ExitOK, "ca_file ca.crt", "cert_file tls.crt", "credentials_file nats.creds")
	signalbox(t, "check", "--config", config, "--strict").want(t, cli.ExitError, "0 errors, 3 warnings\n", "")
	signalbox(t, "serve", "--config", config).want(t, cli.ExitError, "", "cluster: ca_file: open "+filepath.Join(dir, "ca.crt"))
	authtest.NewCA(t).Write(dir, time.Hour)
	missing(signalbox(t, "check", "--config", config, "--strict"), cli.ExitError, "credentials_file nats.creds")
	for _, name := range []string{"ca.crt", "tls.key", "nats.creds"} {
		write(t, dir, name, "nothing of the kind\n")
	}
	signalbox(t, "check", "--config", config).want(t, cli.ExitError, "cluster: ca_file: ca.crt holds no certificate in PEM", "")
	signalbox(t, "check", "--config", config).want(t, cli.ExitError, "cluster: cert_file tls.crt and key_file tls.key: tls: ", "")
	signalbox(t, "check", "--config", config).want(t, cli.ExitError, "cluster: credentials_file: nats.creds is no .creds file of NATS", "")
}
