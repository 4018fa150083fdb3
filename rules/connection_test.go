package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/document"
	"signalbox/rules"
	"signalbox/secret"
	"signalbox/targets/http/login"
	"signalbox/targets/kinds"
	"signalbox/targets/targetstest"
)

const connected = `
connections:
  crm: {hosts: ["crm.example.com", "*.crm.example.com"], auth: {basic: {user: box, password: "${file:key}"}}}
targets:
  a: {type: http, url: "https://crm.example.com/in", auth: {connection: crm}}
  b: {type: http, url: "https://eu.CRM.example.com/in", auth: {connection: crm}}
`

func TestConnections(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "logins"), 0o700); err != nil {
		t.Fatal(err)
	}
	connections, targets, _ := strings.Cut(connected, "targets:")
	write("logins/logins.yaml", connections)
	write("logins/key", "first\n")
	write("targets.yaml", "targets:"+targets)
	src := rules.Source{Kinds: kinds.All(), Globs: []string{"logins/logins.yaml", "targets.yaml"}, Dir: dir}
	first, err := rules.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		c := first.Targets[name]
		auth := c.Options.(login.User).LoginOptions()
		l, err := login.New(auth, c.Dir, secret.Source{}, nil)
		if err != nil || !strings.Contains(strings.Join(l.Secrets(), " "), "first") || auth.Kind() != "connection crm" {
			t.Errorf("%s: %q, %v: the file is found beside the one that names it", name, auth.Kind(), err)
		}
	}
	if first.Files[0].Connections != 1 {
		t.Errorf("%+v", first.Files)
	}

	again, err := rules.Load(src)
	if err != nil || !again.Same(first) {
		t.Errorf("the same files make another set: %v", err)
	}
	write("logins/key", "second\n")
	if again, err = rules.Load(src); err != nil || again.Same(first) {
		t.Errorf("another password makes the same set: %v", err)
	}
	before, now := first.Targets["a"], again.Targets["a"]
	if now.Equal(&before) {
		t.Error("a target stays the same when the password of its connection changes")
	}
	write("twice.yaml", connections)
	src.Globs = append(src.Globs, "twice.yaml")
	if _, err = rules.Load(src); err == nil || !strings.Contains(err.Error(), `twice.yaml:3:3: connection "crm": is declared twice; it is also at `) {
		t.Errorf("the same name twice: %v", err)
	}
	src.Globs = src.Globs[:2]
	src.Previous = again
	write("logins/logins.yaml", strings.ReplaceAll(connections, "user: box", "user: fox"))
	changed, err := rules.Load(src)
	if err != nil || changed.Revision == again.Revision {
		t.Errorf("another user makes the same revision: %v", err)
	}
	write("logins/logins.yaml", "")
	if _, err = rules.Load(src); err == nil || !strings.Contains(err.Error(), "is empty, and had 1 connection before") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestConnectionFaults(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"connection: crm}", "connection: cmr}", `target "a": auth.connection: no connection "cmr" (did you mean "crm"?); declare it`},
		{"https://crm.", "https://evil.", `target "a": url: connection "crm" is only for crm.example.com, *.crm.example.com`},
		{"https://eu.", "https://eu", `target "b": url: connection "crm" is only for`},
		{`https://crm.example.com/in"`, `http://crm.example.com/in", proxy: "http://evil:1"`, `target "a": proxy: would be shown the login of connection "crm"`},
		{`https://crm.example.com/in"`, `https://crm.example.com/in", proxy: "http://evil:1", tls: {insecure_skip_verify: true}`, `target "a": tls: says beside proxy whom to trust, so that the proxy could be shown the login of connection "crm"`},
		{`https://crm.example.com/in"`, `https://crm.example.com/in", proxy: "http://evil:1", tls: {server_name: evil.example.com}`, `target "a": tls: says beside proxy whom to trust`},
		{"auth: {basic: {user: box", "auth: {basic: {user: \"b:x\"", `connection "crm": auth.basic.user: can't hold a colon`},
		{"basic: {user: box, password: \"${file:key}\"}", "connection: crm", `connection "crm": auth.connection: a connection can't refer to another`},
		{"basic: {user: box, password: \"${file:key}\"}", "basic: {user: box, password: \"${file:nokey}\"}", `connection "crm": auth.basic.password: ${file:nokey}: `},
		{`, auth: {basic: {user: box, password: "${file:key}"}}`, "", `connection "crm": auth: is missing`},
		{`"crm.example.com", "*.`, `"https://crm.example.com", "*.`, `connection "crm": hosts[0]: "https://crm.example.com" is a URL: write its host alone: crm.example.com; *.example.com stands for all below`},
		{`"crm.example.com", "*.`, `"crm.example.com:443", "*.`, `hosts[0]: "crm.example.com:443" has a port, and a host is named for all its ports: write crm.example.com`},
		{`"crm.example.com", "*.`, `"*", "*.`, `hosts[0]: "*" is no name of a host: a * can't stand here; *.example.com stands for all below example.com, and no hosts for any`},
		{"auth: {connection: crm}", "auth: {connection: crm, bearer: x}", `target "a": auth: must have one of basic, `},
		{"crm: {hosts", "crm: {host", `connection "crm": unknown key "host" (did you mean "hosts"?)`},
	} {
		t.Run(test.want, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte("k3y"), 0o600); err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(connected, test.old, test.new, 1)
			if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := rules.Load(rules.Source{Kinds: kinds.All(), Globs: []string{"all.yaml"}, Dir: dir})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\nwant %s", err, test.want)
			}
		})
	}
}

// TestConnectionTokensWithoutTLS: a proxy that a rule file names would see the client's secret.
func TestConnectionTokensWithoutTLS(t *testing.T) {
	dir := t.TempDir()
	for _, scheme := range []string{"http", "https"} {
		text := `
connections:
  crm: {hosts: [crm.example.com], auth: {oauth2: {token_url: "` + scheme + `://crm.example.com/token", client_id: box, client_secret: s3cret}}}
targets:
  a: {type: http, url: "https://crm.example.com/in", proxy: "http://evil:1", auth: {connection: crm}}
`
		if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := rules.Load(rules.Source{Kinds: kinds.All(), Globs: []string{"all.yaml"}, Dir: dir})
		if refused := err != nil && strings.Contains(err.Error(), `target "a": proxy: would be shown the login of connection "crm"`); refused != (scheme == "http") {
			t.Errorf("tokens by %s: %v", scheme, err)
		}
	}
}

// TestConnectionsOfTheConfiguration: rule files can't send what they may not know to hosts of
// their choice.
func TestConnectionsOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	load := func(connections, host string) error {
		t.Helper()
		n, err := document.Parse(filepath.Join(dir, "config.yaml"), []byte(connections))
		if err != nil {
			t.Fatal(err)
		}
		text := "targets: {a: {type: http, url: \"https://" + host + "/\", auth: {connection: crm}}}"
		if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = rules.Load(rules.Source{
			Kinds: kinds.All(), Globs: []string{"all.yaml"}, Dir: dir, Connections: n,
			Secrets: targetstest.Vars("TOKEN", "t0k3n"), Limits: secret.Limits{Env: []string{}, Files: []string{}},
		})
		return err
	}
	const open, bound = `crm: {auth: {bearer: "${TOKEN}"}}`, `crm: {hosts: [crm], auth: {bearer: "${TOKEN}"}}`
	if err := load(open, "crm"); err == nil || !strings.Contains(err.Error(), "give the connection its hosts:") {
		t.Errorf("to any host: %v", err)
	}
	if err := load(bound, "crm"); err != nil {
		t.Errorf("to its host: %v", err)
	}
	if err := load(bound, "evil"); err == nil || !strings.Contains(err.Error(), `connection "crm" is only for crm`) {
		t.Errorf("to another host: %v", err)
	}
}
