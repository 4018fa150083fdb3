package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"signalbox/auth"
	"signalbox/document"
	"signalbox/rules"
	"signalbox/spelling"
	"signalbox/targets/egress"
)

// Auth is who may call the router.
type Auth struct {
	// Keys have names, and the rights that they give.
	Keys []Key `yaml:"keys" example:"[{name: shop, key: example-of-a-key-0123, rights: [read]}]"`
	// APIKeys are accepted as bearer tokens, have no name and give all rights. They have at least 16
	// characters.
	APIKeys []Secret `yaml:"api_keys" example:"[example-of-a-key-0123]"`
	// AcceptUnsigned takes an API key as the access key id of an AWS client too, without a look at its
	// signature.
	AcceptUnsigned bool `yaml:"accept_unsigned"`
}

// Key is a key with a name. Several may share a name, so that one follows the other.
type Key struct {
	// Name is who the key is given to. Several keys may share one, so that one follows the other.
	Name string `yaml:"name" required:"true" example:"shop" with:"{key: example-of-a-key-0123}"`
	// Token is sent as Authorization: Bearer. It has at least 16 characters.
	Token Secret `yaml:"key" example:"example-of-a-key-0123"`
	// ID is the access key id of AWS clients.
	ID string `yaml:"id" example:"shop-client" with:"{secret: example-of-a-secret-0123}"`
	// Secret is their secret access key, of at least 16 characters.
	Secret Secret `yaml:"secret" example:"example-of-a-secret-0123" with:"{id: shop-client}"`
	// Rights are what the key allows: to send to some buses, or to all by the word send; to read; to
	// operate (pause, replay, purge, reload); or all, by admin.
	Rights []Right `yaml:"rights" required:"true" example:"[{send: [orders]}, read]"`
}

// Right is read, operate or admin, or {send: [buses]}.
type Right struct {
	Right auth.Right
	Send  []string
}

// UnmarshalNode reads a word, or the buses that may be sent to.
func (r *Right) UnmarshalNode(d *document.Decoder, n *document.Node, path document.Path) {
	if n.Kind == document.String {
		words := []string{string(auth.Send), string(auth.Read), string(auth.Operate), string(auth.Admin)}
		for _, word := range words {
			if n.Text == word {
				r.Right = auth.Right(word)
			}
		}
		switch r.Right {
		case "":
			d.Problems.Add(n.Pos, path, "is %q%s: it must be read, operate, admin or {send: [buses]}", n.Text, spelling.Suggest(n.Text, words))
		case auth.Send:
			r.Send = []string{"*"}
		}
		return
	}
	var buses struct {
		Send []string `yaml:"send"`
	}
	d.Decode(n, &buses, path)
	if r.Right, r.Send = auth.Send, buses.Send; len(r.Send) == 0 {
		d.Problems.Add(n.Pos, path, "names no bus: write {send: [orders, \"shop-*\"]}")
	}
}

// KeySet returns the keys as requests are held against them.
func (c *Config) KeySet() (*auth.Keys, error) {
	var keys []auth.Key
	for _, k := range c.Auth.Keys {
		key := auth.Key{Name: k.Name, Token: k.Token.Reveal(), ID: k.ID, Secret: k.Secret.Reveal()}
		for _, right := range k.Rights {
			if right.Right == auth.Send {
				key.Rights.Send = append(key.Rights.Send, right.Send...)
				continue
			}
			key.Rights.Held = append(key.Rights.Held, right.Right)
		}
		keys = append(keys, key)
	}
	for _, k := range c.Auth.APIKeys {
		keys = append(keys, auth.Key{Token: k.Reveal(), Unsigned: c.Auth.AcceptUnsigned, Rights: auth.Rights{Held: []auth.Right{auth.Admin}}})
	}
	return auth.NewKeys(keys)
}

// HasKeys reports whether requests need a key.
func (c *Config) HasKeys() bool { return len(c.Auth.Keys)+len(c.Auth.APIKeys) > 0 }

// Authenticates reports whether callers must show something: a key or a certificate.
func (c *Config) Authenticates() bool { return c.HasKeys() || c.TLS.ClientCAFile != "" }

// OpenHooks reports whether hooks may take requests of everybody: those are from this machine,
// show a certificate, or are let in on purpose.
func (c *Config) OpenHooks() bool {
	return c.Loopback() || c.AllowUnauthenticated || c.TLS.ClientCAFile != ""
}

// CheckHooks returns an error for a hook that takes requests of everybody where the router can
// be reached from other machines: it was told to listen elsewhere after its rules were loaded.
func (c *Config) CheckHooks(set *rules.Set) error {
	for name, hook := range set.Hooks {
		if hook.Open() && !c.OpenHooks() {
			return fmt.Errorf("listen %q: hook %q has verify: none, and everybody who reaches this address could send events: "+
				"verify the hook, listen on 127.0.0.1, or set allow_unauthenticated: true", c.Listen, name)
		}
	}
	return nil
}

// Hosts returns the names that the router answers to without keys.
func (c *Config) Hosts() *auth.Hosts {
	h := &auth.Hosts{Any: !c.Loopback() && len(c.AllowedHosts) == 0}
	for _, host := range c.AllowedHosts {
		if name, err := egress.HostName(host); err == nil { // else it was reported
			h.Names = append(h.Names, name)
		}
	}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		h.Names = append(h.Names, host)
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		h.Names = append(h.Names, u.Host)
	}
	return h
}

// Warnings are what is allowed and yet leaves a door open.
func (c *Config) Warnings() []*document.Problem {
	var w document.Problems
	if len(c.Auth.APIKeys) > 0 {
		w.Add(c.at("auth", "api_keys"), document.Path{}.Key("auth").Key("api_keys"), "have no name and all rights: give each caller one of auth.keys")
	}
	if c.Auth.AcceptUnsigned {
		w.Add(c.at("auth", "accept_unsigned"), document.Path{}.Key("auth").Key("accept_unsigned"), "takes access key ids whose signature nobody checks: give AWS clients a key with an id and a secret")
	}
	if !c.Authenticates() && !c.Loopback() && len(c.AllowedHosts) == 0 {
		w.Add(c.at("allow_unauthenticated"), document.Path{}.Key("allow_unauthenticated"), "lets everybody who reaches the address send events and read them, pages in a browser included: set auth.keys, or at least allowed_hosts")
	}
	if c.HasKeys() && !c.Loopback() && !c.TLS.On() && !strings.HasPrefix(c.PublicURL, "https://") {
		w.Add(c.at("listen"), document.Path{}.Key("listen"), "takes keys over plain HTTP from other machines, where others can read them: set tls, or, if a proxy before it ends TLS, public_url: https://…")
	}
	return w.Sorted()
}

// keys notes what is wrong with the named keys. It shows nothing of a secret but its length.
func (v *validation) namedKeys(c *Config) {
	for i, key := range c.Auth.Keys {
		pos, path := v.root.Pos, document.Path{}.Key("auth").Key("keys").Index(i)
		if list := v.root.Get("auth").Get("keys"); list != nil && i < len(list.Items) {
			pos = list.Items[i].Pos
		}
		if key.Name == "" {
			v.problems.Add(pos, path, "has no name: write name: and who the key is given to")
		}
		if len(key.Rights) == 0 {
			v.problems.Add(pos, path, "has no rights: write rights: [read], or such as [{send: [orders]}, read]")
		}
	}
	if v.problems.Len() > 0 {
		return
	}
	if _, err := c.KeySet(); err != nil {
		for _, fault := range joined(err) {
			v.problems.Add(v.root.Get("auth").Pos, document.Path{}.Key("auth"), "%v", fault)
		}
	}
}

// joined returns the errors that errors.Join put together.
func joined(err error) []error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		return many.Unwrap()
	}
	return []error{err}
}
