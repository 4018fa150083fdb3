package egress

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, tt := range []struct {
		name   string
		policy *Policy
		host   string
		want   string // empty for a connection
	}{
		{"no policy", nil, "127.0.0.1", ""},
		{"a policy that says nothing", &Policy{}, "localhost", ""},
		{"no policy, metadata", nil, "169.254.169.254", "gives credentials of this machine"},
		{"no policy, metadata in IPv6", nil, "::ffff:169.254.169.254", "gives credentials of this machine"},
		{"private", &Policy{Deny: []string{Private}}, "127.0.0.1", "add it to egress.allow"},
		{"private by name", &Policy{Deny: []string{Private}}, "localhost", "is not of the public internet"},
		{"a range", &Policy{Deny: []string{Private}, Allow: []string{"127.0.0.0/8"}}, "127.0.0.1", ""},
		{"an address", &Policy{Deny: []string{Private}, Allow: []string{"127.0.0.1"}}, "127.0.0.1", ""},
		{"another address", &Policy{Deny: []string{Private}, Allow: []string{"127.0.0.2"}}, "127.0.0.1", "may not connect"},
		{"a name", &Policy{Deny: []string{Private}, Allow: []string{"LocalHost"}}, "localhost", ""},
		{"a name is not its address", &Policy{Deny: []string{Private}, Allow: []string{"localhost"}}, "127.0.0.1", "may not connect"},
		{"metadata that is allowed", &Policy{Deny: []string{Private}, Allow: []string{"0.0.0.0/0", "169.254.169.254"}}, "169.254.169.254", "gives credentials"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var g *Guard
			if tt.policy != nil {
				if g, err = New(*tt.policy); err != nil {
					t.Fatal(err)
				}
			}
			c, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(tt.host, port))
			if err == nil {
				c.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	g, _ := New(Policy{Deny: []string{Private}})
	if c, err := g.DialProxy(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Errorf("a proxy: %v", err)
	} else {
		c.Close()
	}
}

func TestMetadata(t *testing.T) {
	for text, want := range map[string]bool{
		"169.254.169.254": true, "::ffff:169.254.169.254": true, "64:ff9b::a9fe:a9fe": true, "2002:a9fe:a9fe::1": true, "::a9fe:a9fe": true,
		"fd00:ec2::254": true, "168.63.129.16": true, "169.254.169.253": false, "10.0.0.1": false, "::1": false, "2001:db8::1": false,
	} {
		if got := Metadata(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPoliciesThatAreNone(t *testing.T) {
	for _, p := range []Policy{{Deny: []string{"public"}}, {Allow: []string{"10.0.0.0/99"}}, {Allow: []string{"https://x"}}, {Allow: []string{""}}, {Allow: []string{"*.example.com"}}} {
		if _, err := New(p); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

func TestAnotherPolicy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := New(Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		policy      Policy
		fault, open bool
	}{
		{Policy{Deny: []string{Private}}, false, false},
		{Policy{Deny: []string{Private}, Allow: []string{"127.0.0.1"}}, false, true},
		{Policy{Deny: []string{"all"}}, true, true}, // the one before stays
		{Policy{Deny: []string{Private}}, false, false},
	} {
		if err := g.Set(tt.policy); (err != nil) != tt.fault {
			t.Errorf("%+v: %v", tt.policy, err)
		}
		c, err := g.DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			c.Close()
		}
		if (err == nil) != tt.open {
			t.Errorf("%+v: %v", tt.policy, err)
		}
	}
}
