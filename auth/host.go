package auth

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the names that a router without keys answers to. A page of another site can make
// a name of its own point to this machine (DNS rebinding); its requests then carry that name.
type Hosts struct {
	// Any answers to every name.
	Any bool
	// Names are answered besides those of loopback.
	Names []string
}

// Allow reports whether a Host header, with or without a port, is answered.
func (h *Hosts) Allow(host string) bool {
	if h == nil || h.Any {
		return true
	}
	name := hostname(host)
	if addr, err := netip.ParseAddr(name); err == nil && addr.Unmap().IsLoopback() {
		return true
	}
	return name == "localhost" || slices.ContainsFunc(h.Names, func(known string) bool { return hostname(known) == name })
}

// hostname returns a host without its port, in lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
