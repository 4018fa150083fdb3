package main

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/auth/authtest"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/targets/targetstest"
)

const tlsConfig = "tls: {cert_file: certs/tls.crt, key_file: certs/tls.key}\n"

// certificate returns the one that the router shows.
func (s *serving) certificate() string {
	s.t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ConnectionState().PeerCertificates[0].Raw}))
}

// shows waits until the router shows the certificate of a directory.
func (s *serving) shows(dir string) {
	s.t.Helper()
	want, err := os.ReadFile(filepath.Join(dir, "tls.crt"))
	must(s.t, err)
	s.eventually("the certificate of "+dir+" is shown", func() bool { return s.certificate() == string(want) })
}

func TestCommandsSpeakTLS(t *testing.T) {
	dir, ca, stranger := shopDir(t, newShop(t), tlsConfig), authtest.NewCA(t), authtest.NewCA(t)
	ca.Write(filepath.Join(dir, "certs"), time.Hour)
	write(t, dir, "stranger.crt", string(stranger.PEM))
	s := startRouter(t, dir)
	if !strings.Contains(s.stderr.String(), "curl -s https://127.0.0.1") {
		t.Errorf("the greeting has no https: %s", s.stderr.String())
	}
	root := filepath.Join(dir, "certs", "ca.crt")
	s.run("dlq", "list").want(t, cli.ExitError, "", "give its root certificate with --ca-cert or SIGNALBOX_CA_CERT")
	s.run("dlq", "list", "--ca-cert", root).want(t, cli.ExitOK, "no dead letters", "")
	s.run("dlq", "list", "--ca-cert", filepath.Join(dir, "stranger.crt")).want(t, cli.ExitError, "", "unknown authority")
	s.run("dlq", "list", "--ca-cert", filepath.Join(dir, "rules.yaml")).want(t, cli.ExitError, "", "holds no certificate in PEM")
	s.run("dlq", "list", "--ca-cert", filepath.Join(dir, "nothing")).want(t, cli.ExitError, "", "no such file")
	s.run("dlq", "list", "--client-cert", root).want(t, cli.ExitUsage, "", "belong together")
	signalbox(t, "dlq", "list", "--url", strings.Replace(s.url, "https", "http", 1)).want(t, cli.ExitError, "", "the router speaks HTTPS (write https:// in --url)")
	t.Setenv("SIGNALBOX_CA_CERT", root)
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
}

// TestTheOwnCertificateIsTrusted runs a command beside the configuration, and no other root
// or name is needed.
func TestTheOwnCertificateIsTrusted(t *testing.T) {
	dir, ca := t.TempDir(), authtest.NewCA(t)
	cert, key := ca.Issue(time.Hour, "events.example")
	write(t, dir, "tls.crt", string(cert))
	write(t, dir, "tls.key", string(key))
	write(t, dir, "config.yaml", "listen: "+targetstest.FreeAddress(t)+"\nmin_free_disk: 0\nrules: []\ntls: {cert_file: tls.crt, key_file: tls.key}\n")
	s := startRouter(t, dir)
	config := filepath.Join(dir, "config.yaml")
	signalbox(t, "dlq", "list", "--config", config).want(t, cli.ExitOK, "no dead letters", "")
	other, otherKey := ca.Issue(time.Hour, "events.example")
	write(t, dir, "tls.crt", string(other)) // the key does not belong to it, so the router keeps the old one
	s.eventually("refused", func() bool { return strings.Contains(s.stderr.String(), "the new certificate can't be used") })
	signalbox(t, "dlq", "list", "--config", config).want(t, cli.ExitError, "", "another certificate than that of cert_file")
	write(t, dir, "tls.key", string(otherKey))
	s.shows(dir)
	signalbox(t, "dlq", "list", "--config", config).want(t, cli.ExitOK, "no dead letters", "")
}

func TestClientsShowCertificates(t *testing.T) {
	dir, ca := shopDir(t, newShop(t), "tls: {cert_file: certs/tls.crt, key_file: certs/tls.key, client_ca_file: certs/ca.crt}\n"), authtest.NewCA(t)
	certs := filepath.Join(dir, "certs")
	ca.Write(certs, time.Hour)
	s := startRouter(t, dir)
	root := []string{"--ca-cert", filepath.Join(certs, "ca.crt")}
	s.run(append([]string{"dlq", "list"}, root...)...).want(t, cli.ExitError, "", "give --client-cert and --client-key")
	s.run(append([]string{"dlq", "list", "--client-cert", filepath.Join(certs, "tls.crt"), "--client-key", filepath.Join(certs, "tls.key")}, root...)...).
		want(t, cli.ExitOK, "no dead letters", "")
}

// TestCertificatesAreReadAgain changes the files as people and Kubernetes do.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir, ca := shopDir(t, newShop(t), tlsConfig), authtest.NewCA(t)
	// A mounted secret: certs/tls.crt → ..data/tls.crt, ..data → ..1, swapped as a whole.
	certs := filepath.Join(dir, "certs")
	must(t, os.MkdirAll(certs, 0o700))
	version := func(name string) string { d := filepath.Join(certs, ".."+name); ca.Write(d, time.Hour); return d }
	first := version("1")
	must(t, os.Symlink("..1", filepath.Join(certs, "..data")))
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(t, os.Symlink("..data/"+name, filepath.Join(certs, name)))
	}
	s := startRouter(t, dir)
	s.shows(first)

	second := version("2")
	must(t, os.Symlink("..2", filepath.Join(certs, "..next")))
	must(t, os.Rename(filepath.Join(certs, "..next"), filepath.Join(certs, "..data")))
	s.shows(second)

	// Rules with a fault must not keep a certificate back.
	write(t, dir, "rules.yaml", "rules: nonsense")
	s.eventually("faulty", func() bool { return strings.Contains(s.stderr.String(), "rules have faults") })
	ca.Write(second, time.Hour)
	s.shows(second)

	// A faulty configuration neither, nor a hangup.
	write(t, dir, "config.yaml", "nonsense: 1\n")
	ca.Write(second, time.Hour)
	must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	s.shows(second)
}

func TestCheckLooksAtCertificates(t *testing.T) {
	ca := authtest.NewCA(t)
	for name, test := range map[string]struct {
		tls   string
		valid time.Duration
		code  int
		want  string
	}{
		"right":       {"{cert_file: tls.crt, key_file: tls.key}", 90 * 24 * time.Hour, cli.ExitOK, "ok: 0 rules and 0 targets in 0 files\n"},
		"short lived": {"{cert_file: tls.crt, key_file: tls.key}", time.Hour, cli.ExitOK, "ok: 0 rules and 0 targets in 0 files\n"},
		"over":        {"{cert_file: tls.crt, key_file: tls.key}", -time.Hour, cli.ExitOK, "config.yaml:2:6: tls: cert_file: the certificate expired on "},
		"swapped":     {"{cert_file: tls.key, key_file: tls.crt}", time.Hour, cli.ExitError, "tls: cert_file "},
		"half":        {"{cert_file: tls.crt}", time.Hour, cli.ExitError, "needs both cert_file and key_file"},
		"missing":     {"{cert_file: tls.crt, key_file: nothing}", time.Hour, cli.ExitOK, "tls: key_file: open "},
		"roots":       {"{cert_file: tls.crt, key_file: tls.key, client_ca_file: config.yaml}", time.Hour, cli.ExitError, "config.yaml holds no certificate in PEM"},
		"device":      {"{cert_file: tls.crt, key_file: tls.key, client_ca_file: /dev/zero}", time.Hour, cli.ExitError, "is no regular file"},
		"misspelt":    {"{cert_file: tls.crt, key_fil: tls.key}", time.Hour, cli.ExitError, `did you mean "key_file"?`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ca.Write(dir, test.valid)
			write(t, dir, "config.yaml", "rules: []\ntls: "+test.tls+"\n")
			signalbox(t, "check", "--config", filepath.Join(dir, "config.yaml")).want(t, test.code, test.want, "")
		})
	}
}

func TestKeysOverPlainHTTPAreWarnedAbout(t *testing.T) {
	ca := authtest.NewCA(t)
	const keys, warning = "auth: {keys: [{name: a, key: 0123456789abcdef, rights: [read]}]}\n", "takes keys over plain HTTP from other machines"
	for name, test := range map[string]struct {
		config string
		warned bool
	}{
		"beyond loopback": {"listen: 0.0.0.0:8080\n" + keys, true},
		"loopback":        {"listen: 127.0.0.1:8080\n" + keys, false},
		"TLS":             {"listen: 0.0.0.0:8080\ntls: {cert_file: tls.crt, key_file: tls.key}\n" + keys, false},
		"behind a proxy":  {"listen: 0.0.0.0:8080\npublic_url: https://events.example\n" + keys, false},
		"a plain proxy":   {"listen: 0.0.0.0:8080\npublic_url: http://events.example\n" + keys, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ca.Write(dir, time.Hour)
			write(t, dir, "config.yaml", "rules: []\n"+test.config)
			if o := signalbox(t, "check", "--config", filepath.Join(dir, "config.yaml")); strings.Contains(o.stdout, warning) != test.warned {
				t.Errorf("got %s", o.stdout)
			}
		})
	}
}
