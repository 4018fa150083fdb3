package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/secret"
	"signalbox/spelling"
	"signalbox/targets/egress"
)

// minKeyLength keeps keys that can be guessed out.
const minKeyLength = 16

// minMemory and minConnections are what the router can work with at all.
const (
	minMemory      = 64 << 20
	minConnections = 16
)

// maxHops bounds max_hops: the chain of events that a loop makes before it is
// stopped.
const maxHops = 1000

// maxDerived bounds max_derived in the same way.
const maxDerived = 1_000_000

// validate notes what is wrong with the values, each at its place in the file.
func (c *Config) validate(root *document.Node, problems *document.Problems) {
	v := &validation{root: root, problems: problems}
	v.check(len(c.Listen) > 0 && validAddress(c.Listen), "must be host:port, such as 127.0.0.1:8080", "listen")
	v.check(c.PublicURL == "" || validURL(c.PublicURL), "must be an address such as https://events.example.com", "public_url")
	v.check(c.DataDir != "", "must name a folder", "data_dir")
	v.check(c.Account != "" && !strings.ContainsAny(c.Account, ": /"), "must be without spaces, colons and slashes", "account")
	v.check(c.Region != "" && !strings.ContainsAny(c.Region, ": /"), "must be without spaces, colons and slashes", "region")
	v.positive("limits", "max_body", int64(c.Limits.MaxBody))
	v.positive("limits", "max_entries", int64(c.Limits.MaxEntries))
	v.positive("limits", "max_depth", int64(c.Limits.MaxDepth))
	v.check(c.Limits.MaxPending >= 0, "must not be negative; 0 is no limit", "limits", "max_pending")
	v.positive("limits", "header_timeout", int64(c.Limits.HeaderTimeout))
	v.check(c.Limits.Memory == 0 || c.Limits.Memory >= minMemory, "must be 0 or at least 64MiB", "limits", "memory")
	v.check(c.Limits.Connections == 0 || c.Limits.Connections >= minConnections, "must be 0 or at least 16", "limits", "connections")
	v.positive("limits", "window", int64(c.Limits.Window))
	v.positive("limits", "window_bytes", int64(c.Limits.WindowBytes))
	v.positive("retention", "max_age", int64(c.Retention.MaxAge))
	v.positive("retention", "max_bytes", int64(c.Retention.MaxBytes))
	v.oneOf(c.Trace, []string{"on", "off"}, "trace")
	v.oneOf(c.Console, []string{"on", "off"}, "console")
	v.check(c.MaxDerived >= 1 && c.MaxDerived <= maxDerived, "must be from 1 to 1000000", "max_derived")
	v.check(c.MaxHops >= 1 && c.MaxHops <= maxHops, "must be from 1 to 1000", "max_hops")
	v.check(c.Dedup.Window >= 0 && c.Dedup.Window <= 24*time.Hour, "must be from 0, which takes every event, to 24h", "dedup", "window")
	v.check(c.DLQ.MaxAge >= 0, "must be 0, which is no bound, or how long to keep a dead letter", "dlq", "max_age")
	v.check(c.DLQ.MaxBytes >= 0, "must be 0, which is no bound, or a size such as 1GiB", "dlq", "max_bytes")
	v.check(c.Quotas.TargetsPerRule >= 0, "must be 0, which is no limit, or how many targets", "quotas", "targets_per_rule")
	v.check(c.Quotas.ReplaysAtOnce >= 0, "must be 0, which is no limit, or how many replays", "quotas", "replays_at_once")
	v.check(c.Metrics.MaxRules >= 1, "must be at least 1", "metrics", "max_rules")
	v.check(c.Metrics.MaxTargets >= 1, "must be at least 1", "metrics", "max_targets")
	c.Telemetry.OTLP.validate(v)
	c.Cluster.validate(v)
	v.check(c.TargetGone.Wait >= 0, "must be 0, which is not at all, or how long to wait", "target_gone", "wait")
	v.positive("reload", "since", int64(c.Reload.Since))
	v.check(c.DrainDelay >= 0, "must not be negative", "drain_delay")
	v.positive("shutdown_timeout", "", int64(c.ShutdownTimeout))
	v.oneOf(c.Log.Level, []string{"debug", "info", "warn", "error"}, "log", "level")
	v.oneOf(c.Log.Format, []string{"console", "json"}, "log", "format")
	if err := c.Secrets.Fault(); err != nil {
		v.fail(err.Error(), "secrets")
	}
	var err error
	keys := revealed(c.SecretKeys)
	if slices.Contains(keys, "") { // which is a fault already
		keys = nil
	}
	if c.keys, err = secret.ParseKeys(keys); err != nil {
		v.fail(err.Error(), "secret_keys")
	}
	if _, err := egress.New(c.Egress); err != nil {
		v.fail(err.Error(), "egress")
	}
	v.keys(c.Auth.APIKeys)
	for _, host := range c.AllowedHosts {
		if _, err := egress.HostName(host); err != nil {
			v.fail(err.Error(), "allowed_hosts")
		}
	}
	v.namedKeys(c)
	v.tls(c.TLS)
	if c.needsAuth() {
		v.fail("is reachable from other machines, and no key protects it: set auth.keys, listen on 127.0.0.1, or set allow_unauthenticated: true", "listen")
	}
}

// needsAuth reports whether anybody on the network could call without a key.
func (c *Config) needsAuth() bool {
	return !c.AllowUnauthenticated && !c.Authenticates() && validAddress(c.Listen) && !c.Loopback()
}

// Loopback reports whether Listen can be reached from this machine alone.
func (c *Config) Loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func validURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.Fragment == ""
}

func validAddress(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

type validation struct {
	root     *document.Node
	problems *document.Problems
}

func (v *validation) check(ok bool, message string, keys ...string) {
	if !ok {
		v.fail(message, keys...)
	}
}

func (v *validation) fail(message string, keys ...string) {
	at, path := v.root, document.Path{}
	for _, key := range keys {
		path = path.Key(key)
		if next := at.Get(key); next != nil {
			at = next
		}
	}
	if v.problems.Has(at.Pos, path) {
		return // what can't be read has no value to find fault with
	}
	v.problems.Add(at.Pos, path, "%s", message)
}

func (v *validation) positive(section, key string, value int64) {
	keys := []string{section, key}
	if key == "" {
		keys = keys[:1]
	}
	v.check(value > 0, "must be more than 0", keys...)
}

func (v *validation) oneOf(value string, allowed []string, keys ...string) {
	if !slices.Contains(allowed, value) {
		v.fail(fmt.Sprintf("is %q%s: it must be one of %s", value, spelling.Suggest(value, allowed), strings.Join(allowed, ", ")), keys...)
	}
}

// keys checks keys. Its errors reveal nothing of a key but its length.
func (v *validation) keys(keys []Secret) {
	for i, key := range keys {
		pos, path := v.root.Pos, document.Path{}.Key("auth").Key("api_keys").Index(i)
		if list := v.root.Get("auth").Get("api_keys"); list != nil && i < len(list.Items) {
			pos = list.Items[i].Pos
		}
		if n := len(key.Reveal()); n < minKeyLength {
			v.problems.Add(pos, path, "is %d characters long; a key needs at least %d", n, minKeyLength)
		}
		if strings.ContainsFunc(key.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			v.problems.Add(pos, path, "holds spaces or characters beyond ASCII, which a header cannot carry")
		}
	}
}
