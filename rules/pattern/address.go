package pattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddress reads an IP address in any spelling that the reference takes for
// one: four decimal numbers, or hexadecimal groups (no zone, no dotted tail). An
// IPv4 address mapped into IPv6 is the IPv4 address.
func parseAddress[T []byte | string](text T) (netip.Addr, bool) {
	if len(text) < 2 || len(text) > 64 {
		return netip.Addr{}, false
	}
	colons, dots := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == ':':
			colons++
		case c == '.':
			dots++
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'f':
		default:
			return netip.Addr{}, false
		}
	}
	switch {
	case colons > 0 && dots == 0:
		return parseIPv6(string(text))
	case colons == 0 && dots == 3:
		return parseIPv4(string(text))
	}
	return netip.Addr{}, false
}

// parseIPv4 allows leading noughts, which are decimal, up to 15 characters.
func parseIPv4(text string) (netip.Addr, bool) {
	if len(text) > 15 {
		return netip.Addr{}, false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return netip.Addr{}, false
	}
	var addr [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		addr[i] = byte(n)
	}
	return netip.AddrFrom4(addr), true
}

func parseIPv6(text string) (netip.Addr, bool) {
	groups := strings.Split(text, ":")
	for i, group := range groups {
		if len(group) > 4 {
			groups[i] = strings.TrimLeft(group[:len(group)-4], "0") + group[len(group)-4:]
		}
	}
	addr, err := netip.ParseAddr(strings.Join(groups, ":"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// parsePrefix reads the operand of cidr. Host bits are allowed; a prefix of the
// whole address is not, as in the reference.
func parsePrefix(text string) (netip.Prefix, string) {
	address, bits, ok := strings.Cut(strings.TrimRight(text, "/"), "/")
	if !ok || strings.Contains(bits, "/") {
		return netip.Prefix{}, "Malformed CIDR, one '/' required"
	}
	n, err := strconv.ParseInt(bits, 10, 32)
	if err != nil {
		return netip.Prefix{}, "Malformed CIDR, mask bits must be an integer"
	}
	if n < 0 {
		return netip.Prefix{}, "Malformed CIDR, mask bits must not be negative"
	}
	addr, ok := parseAddress(address)
	if !ok {
		return netip.Prefix{}, "Nonstandard IP address: " + address
	}
	if addr.Is4() && n > 31 {
		return netip.Prefix{}, "IPv4 mask bits must be < 32"
	}
	if n > 127 {
		return netip.Prefix{}, "IPv6 mask bits must be < 128"
	}
	prefix, _ := addr.Prefix(int(n))
	return prefix, ""
}
