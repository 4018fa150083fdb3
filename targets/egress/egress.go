// Package egress says which addresses targets may connect to.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Policy is what config.yaml says.
type Policy struct {
	// Deny is what may not be connected to. Private are loopback, private, link-local, and all other
	// addresses that are not of the public internet.
	Deny []string `yaml:"deny" enum:"private" example:"[private]"`
	// Allow are addresses, ranges of them (CIDR), and names of hosts that may be connected to
	// all the same.
	Allow []string `yaml:"allow" example:"[10.1.0.0/16, crm.internal]"`
}

// Private is what Deny may hold.
const Private = "private"

// ErrDenied is the error of an address that may not be connected to.
var ErrDenied = errors.New("the router may not connect to this address")

// metadata are the addresses at which clouds give their machines credentials. No policy allows
// them: whoever writes rule files would get the rights of the machine.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // AWS, Azure, Google, Oracle and others
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS EKS
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

// Guard connects to what a policy allows, which may change at any time. Nil stands for a policy
// that says nothing. It is safe for concurrent use.
type Guard struct{ policy atomic.Pointer[policy] }

// policy is a Policy that has been read.
type policy struct {
	private *ssrf.Guardian // nil where private addresses are not denied
	hosts   []string
}

// New returns the guard of a policy. The error names what can't be read.
func New(p Policy) (*Guard, error) {
	g := &Guard{}
	return g, g.Set(p)
}

// Set puts another policy in place, for connections that are made from now on. Where its error
// names what can't be read, the one before stays.
func (g *Guard) Set(p Policy) error {
	read, err := p.read()
	if err == nil {
		g.policy.Store(read)
	}
	return err
}

// now returns the policy; one that says nothing for nil.
func (g *Guard) now() *policy {
	if g == nil {
		return &policy{}
	}
	return g.policy.Load()
}

func (p *Policy) read() (*policy, error) {
	var v4, v6 []netip.Prefix
	g := &policy{}
	for _, text := range p.Allow {
		prefix, err := netip.ParsePrefix(text)
		if addr, err2 := netip.ParseAddr(text); err2 == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			name, err := HostName(text)
			if err != nil {
				return nil, fmt.Errorf("allow: %w; an address such as 10.1.2.3 and a range such as 10.1.0.0/16 may stand here too", err)
			}
			g.hosts = append(g.hosts, name)
			continue
		}
		switch {
		case prefix.Addr().Is4():
			v4 = append(v4, prefix)
		default:
			v6 = append(v6, prefix)
		}
	}
	for _, text := range p.Deny {
		if text != Private {
			return nil, fmt.Errorf("deny: is %q: it can hold private", text)
		}
		g.private = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	}
	return g, nil
}

// Metadata reports whether an address gives credentials of the machine, in whatever way it is
// written.
func Metadata(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.Contains(metadata, addr) || slices.Contains(metadata, embedded(addr))
}

// embedded returns the IPv4 address within one of NAT64 (RFC 6052), 6to4, or the old
// compatible form.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr), compatible.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	compatible = netip.MustParsePrefix("::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// DialContext connects as a net.Dialer does, where the policy allows the address that a name
// stands for at that moment.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p := g.now()
	named := slices.Contains(p.hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	return p.dialer(named).DialContext(ctx, network, address)
}

// DialProxy connects to a proxy of the configuration, which may be anywhere but at an address
// that gives credentials.
func (g *Guard) DialProxy(ctx context.Context, network, address string) (net.Conn, error) {
	return g.now().dialer(true).DialContext(ctx, network, address)
}

func (p *policy) dialer(named bool) *net.Dialer {
	return &net.Dialer{Timeout: 30 * time.Second, Control: func(network, address string, c syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		switch {
		case err != nil:
			return err
		case Metadata(at.Addr()):
			return fmt.Errorf("%w: %s gives credentials of this machine", ErrDenied, at.Addr())
		case p.private == nil || named:
			return nil
		}
		if p.private.Safe(network, address, c) != nil {
			return fmt.Errorf("%w: %s is not of the public internet: add it to egress.allow in the configuration", ErrDenied, at.Addr())
		}
		return nil
	}}
}
