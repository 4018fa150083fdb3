package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"signalbox/document"
	"signalbox/secret"
)

// writeFile writes a file below a directory of the test, and gives its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// environment answers look-ups from a map in place of the process's variables.
func environment(vars map[string]string) secret.Source {
	return secret.Source{LookupEnv: func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}}
}

// commented matches an option of the repository's file that is commented out;
// prose has one space after the #, options none or three.
var commented = regexp.MustCompile(`(?m)^#((?:  )?[a-z_]+:)`)

// sameOptions compares all that config.yaml can say, less what differs by
// writing alone.
func sameOptions(t *testing.T, got, want *Config) {
	t.Helper()
	for _, name := range want.differences(got) {
		if name != "listen" && name != "data_dir" {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Errorf("%s differs from the default\ngot  %s\nwant %s", name, g, w)
		}
	}
}

func TestRepositoryFile(t *testing.T) {
	text, err := os.ReadFile("../config.yaml")
	must(t, err)
	t.Run("as it is", func(t *testing.T) {
		c, err := Load("../config.yaml")
		must(t, err)
		sameOptions(t, c, Default())
		if c.Listen != Default().Listen || c.DataDir != filepath.Join("..", Default().DataDir) {
			t.Errorf("listen %q and data_dir %q are not the defaults", c.Listen, c.DataDir)
		}
		set, err := c.LoadRules()
		must(t, err)
		if len(set.Rules) == 0 || len(set.Warnings) > 0 {
			t.Errorf("%d rules, warnings %v", len(set.Rules), set.Warnings)
		}
	})
	t.Run("every option uncommented", func(t *testing.T) {
		if n := len(commented.FindAllIndex(text, -1)); n < 15 {
			t.Fatalf("only %d commented options found", n)
		}
		all := commented.ReplaceAll(text, []byte("$1"))
		c, err := Load(writeFile(t, t.TempDir(), "config.yaml", string(all)))
		must(t, err)
		c.Auth.APIKeys = nil // [] and none are the same
		sameOptions(t, c, Default())
	})
	t.Run("every option is there", func(t *testing.T) {
		for _, name := range optionNames() {
			if !regexp.MustCompile(`(?m)^#?( *)` + name + `:`).Match(text) {
				t.Errorf("config.yaml does not show %s", name)
			}
		}
	})
}

// optionNames are all keys of the configuration, which JSON of a Config with
// yaml tags does not give.
func optionNames() []string {
	var problems document.Problems
	dec := &document.Decoder{Problems: &problems}
	var names []string
	for _, section := range []string{"", "auth", "limits", "retention", "log"} {
		key := "no_such_option_at_all"
		text := key + ": 1"
		if section != "" {
			text = section + ": {" + text + "}"
		}
		root, err := document.Parse("x.yaml", []byte(text))
		if err != nil {
			panic(err)
		}
		dec.Decode(root, Default(), document.Path{})
	}
	for _, p := range problems.Sorted() {
		_, list, _ := strings.Cut(p.Message, "the keys here are ")
		names = append(names, strings.Split(list, ", ")...)
	}
	return names
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "keys/orders", "0123456789abcdef0123\n")
	path := writeFile(t, dir, "config.yaml", `
listen: ${HOST:-0.0.0.0}:${PORT}
data_dir: /var/lib/signalbox
rules: [rules, more/*.yaml]
account: "123456789012"
region: eu-west-1
auth: {api_keys: ["${KEY}", "${file:keys/orders}", "$${not-a-reference-at-all}"]}
limits: {max_body: 512KB, max_pending: 0, header_timeout: 500ms}
retention: {max_age: 2w, max_bytes: 1.5GiB}
log: {level: debug, format: json}
shutdown_timeout: 1m
min_free_disk: 0
trace: off
max_hops: 8
`)
	c, err := load(path, environment(map[string]string{"PORT": "9090", "KEY": "a-key-of-some-length", "HOST": ""}))
	must(t, err)
	for _, check := range []struct{ what, got, want any }{
		{"listen", c.Listen, "0.0.0.0:9090"},
		{"data_dir", c.DataDir, "/var/lib/signalbox"},
		{"account", c.Account, "123456789012"},
		{"first key", c.Auth.APIKeys[0].Reveal(), "a-key-of-some-length"},
		{"second key", c.Auth.APIKeys[1].Reveal(), "0123456789abcdef0123"},
		{"third key", c.Auth.APIKeys[2].Reveal(), "${not-a-reference-at-all}"},
		{"max_body", c.Limits.MaxBody, document.Size(512_000)},
		{"max_depth", c.Limits.MaxDepth, Default().Limits.MaxDepth},
		{"max_pending", c.Limits.MaxPending, 0},
		{"header_timeout", c.Limits.HeaderTimeout, 500 * time.Millisecond},
		{"max_age", c.Retention.MaxAge, 14 * 24 * time.Hour},
		{"max_bytes", c.Retention.MaxBytes, document.Size(3 << 29)},
		{"level", c.Log.Level, "debug"},
		{"min_free_disk", c.MinFreeDisk, document.Size(0)},
		{"trace", c.Trace, "off"},
		{"max_hops", c.MaxHops, 8},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	const key = "a-key-nobody-may-see"
	path := writeFile(t, t.TempDir(), "config.yaml", `auth: {api_keys: ["${KEY}"]}`)
	c, err := load(path, environment(map[string]string{"KEY": key}))
	must(t, err)
	asJSON, err := json.Marshal(c)
	must(t, err)
	for _, text := range []string{
		string(asJSON), fmt.Sprint(c.Auth), fmt.Sprintf("%+v %#v", *c, *c), fmt.Sprintf("%s %q %x %d", c.Auth.APIKeys, c.Auth.APIKeys, c.Auth.APIKeys, c.Auth.APIKeys),
	} {
		if strings.Contains(text, key) || strings.Contains(text, fmt.Sprintf("%x", key)) {
			t.Errorf("the key is in %s", text)
		}
		if !strings.Contains(text, secret.Mask) {
			t.Errorf("no mask in %s", text)
		}
	}
}

func TestLoadFaults(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"config.yaml: is empty; write listen:, data_dir: and rules: into it"}},
		{"unknown key", "listn: 127.0.0.1:1\nlimits:\n  max_bdy: 1MiB", []string{
			`config.yaml:1:1: unknown key "listn" (did you mean "listen"?)`,
			`config.yaml:3:3: limits: unknown key "max_bdy" (did you mean "max_body"?)`,
		}},
		{"dedup", "dedup: {window: 25h}\n", []string{`config.yaml:1:17: dedup.window: must be from 0, which takes every event, to 24h`}},
		{"units", "limits: {max_body: 1 megabyte, header_timeout: 5}\nretention: {max_age: -7d, max_bytes: 0}", []string{
			`config.yaml:1:20: limits.max_body: "1 megabyte" is no size; write a number and its unit, such as 512KB, 1MiB or 10GiB`,
			`config.yaml:1:48: limits.header_timeout: "5" is no duration; write a number and its unit, such as 500ms, 30s, 5m, 24h or 7d`,
			`config.yaml:2:22: retention.max_age: "-7d" is no duration; write a number and its unit, such as 500ms, 30s, 5m, 24h or 7d`,
			`config.yaml:2:38: retention.max_bytes: must be more than 0`,
		}},
		{"missing variable", "region: ${NO_SUCH_REGION}", []string{
			"config.yaml:1:9: region: environment variable NO_SUCH_REGION is not set: set it, or give a default with ${NO_SUCH_REGION:-default}",
		}},
		{"open to the network", "listen: 0.0.0.0:8080", []string{
			"config.yaml:1:9: listen: is reachable from other machines, and no key protects it: set auth.keys, listen on 127.0.0.1, or set allow_unauthenticated: true",
		}},
		{"hosts that are none", "allowed_hosts: [\"*\"]", []string{"config.yaml:1:16: allowed_hosts: \"*\" is no name of a host: a * can't stand here"}},
		{"a host with a port", "allowed_hosts: [events.internal, \"events.internal:8080\"]", []string{"config.yaml:1:16: allowed_hosts: \"events.internal:8080\" has a port, and a host is named for all its ports: write events.internal"}},
		{"egress to a host with a port", "egress: {deny: [private], allow: [\"db.internal:5432\"]}", []string{"config.yaml:1:9: egress: allow: \"db.internal:5432\" has a port, and a host is named for all its ports: write db.internal; an address such as 10.1.2.3 and a range such as 10.1.0.0/16 may stand here too"}},
		{"listen on every address by name", "listen: :8080", []string{
			"config.yaml:1:9: listen: is reachable from other machines, and no key protects it: set auth.keys, listen on 127.0.0.1, or set allow_unauthenticated: true",
		}},
		{"short key", "auth: {api_keys: [geheim, \"with a space in it\"]}", []string{
			"config.yaml:1:19: auth.api_keys[0]: is 6 characters long; a key needs at least 16",
			"config.yaml:1:27: auth.api_keys[1]: holds spaces or characters beyond ASCII, which a header cannot carry",
		}},
		{"log", "log: {level: inf, format: xml}", []string{
			`config.yaml:1:14: log.level: is "inf" (did you mean "info"?): it must be one of debug, info, warn, error`,
			`config.yaml:1:27: log.format: is "xml": it must be one of console, json`,
		}},
		{"trace", "trace: maybe\nmax_hops: 0", []string{
			`config.yaml:1:8: trace: is "maybe": it must be one of on, off`,
			`config.yaml:2:11: max_hops: must be from 1 to 1000`,
		}},
		{"no mapping", "[]", []string{"config.yaml:1:1: must be a mapping, not a list"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := load(writeFile(t, dir, "config.yaml", tt.text), environment(nil))
			if err == nil {
				t.Fatal("loaded")
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "")
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if strings.Contains(got, "geheim") {
				t.Error("the message shows a key")
			}
		})
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "config.yaml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--config") {
		t.Errorf("got %v, want an error that names --config and is fs.ErrNotExist", err)
	}
}

func TestLoadRules(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "rules/a.yaml", "rules:\n  - {name: a, bus: orders, pattern: {source: [x]}, targets: [console]}\n")
	writeFile(t, dir, "rules/a_test.yaml", "this: is no rule file\n")
	path := writeFile(t, dir, "config.yaml", "rules: [rules/*.yaml]\ntargets: {console: {type: log}}\nbuses: {orders: {}}\n")
	c, err := Load(path)
	must(t, err)
	set, err := c.LoadRules()
	must(t, err)
	if r := set.Rule("orders", "a"); r == nil || r.ARN != "arn:aws:events:local:000000000000:rule/orders/a" {
		t.Errorf("got %+v, want the rule with its ARN", r)
	}
}
