package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// HostName returns a host of a list in the form in which hosts are compared: an address, or a name
// as the name service knows it (RFC 5891), in lower case and without the dot at the end. The error
// says of what is no host how to write it.
func HostName(text string) (string, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.Unmap().String(), nil
	}
	if u, err := url.Parse(text); err == nil && strings.Contains(text, "://") && u.Hostname() != "" {
		return "", fmt.Errorf("%q is a URL: write its host alone: %s", text, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(text); err == nil && host != "" {
		return "", fmt.Errorf("%q has a port, and a host is named for all its ports: write %s", text, host)
	}
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		if ascii, err := idna.Lookup.ToASCII(name); err == nil {
			name = ascii
		}
	}
	switch {
	case text == "":
		return "", errors.New("is empty: write the name of a host, such as crm.example.com")
	case strings.Contains(name, "*"):
		return "", fmt.Errorf("%q is no name of a host: a * can't stand here", text)
	case strings.IndexFunc(name, notInName) >= 0 || strings.Contains("."+name+".", ".."):
		return "", fmt.Errorf("%q is no name of a host: write one such as crm.example.com", text)
	}
	return name, nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}
