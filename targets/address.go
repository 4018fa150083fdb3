package targets

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// parseURL parses an address, without showing in an error what came from outside
// the configuration.
func parseURL(e expanded, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(e.value)
	shown := e.masked()
	switch {
	case err != nil && len(e.secret) > 0:
		return nil, fmt.Errorf("%q with its references resolved is no URL", shown)
	case err != nil:
		return nil, fmt.Errorf("%q is no URL: %w", shown, err.(*url.Error).Err)
	case !slices.Contains(schemes, u.Scheme):
		return nil, fmt.Errorf("%q is not an address: it must begin with %s://", shown, strings.Join(schemes, ":// or "))
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host", shown)
	case u.Fragment != "":
		return nil, fmt.Errorf("%q has a fragment (#), which is never sent", shown)
	}
	return u, nil
}

// address is a URL of the configuration as it may be shown: its scheme, host and
// port always; who logs in never; of the rest, what the configuration itself
// holds.
func address(e expanded) (shown string, secrets []string) {
	begin := strings.Index(e.value, "://") + len("://")
	end := len(e.value)
	if i := strings.IndexAny(e.value[begin:], "/?#"); i >= 0 {
		end = begin + i
	}
	shown = e.value[:begin]
	host := e.value[begin:end]
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		secrets = append(secrets, host[:at])
		if _, password, ok := strings.Cut(host[:at], ":"); ok {
			secrets = append(secrets, password)
		}
		shown += mask + "@"
		host = host[at+1:]
	}
	if end < len(e.value) && e.value[end] == '/' {
		host += "/"
		end++
	}
	rest := e.tail(end)
	return shown + host + rest.masked(), append(secrets, rest.secrets()...)
}
