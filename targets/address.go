package targets

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// parseURL parses an address, without showing in an error what may be a secret:
// what came from outside the configuration, who logs in, and the query.
func parseURL(e expanded, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(e.value)
	shown := maskStrictly(e.masked())
	switch {
	case err != nil && len(e.secret) > 0:
		return nil, fmt.Errorf("%q with its references resolved is no URL", shown)
	case err != nil && strings.Contains(e.value, "@"):
		// The cause may quote part of the password, where that has a slash.
		return nil, fmt.Errorf("%q is no URL: in the login before the @ write characters such as / and # as %%2F and %%23", shown)
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
// port always; who logs in and the values of the query never; of the rest, what
// the configuration itself holds.
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
	if _, query, ok := strings.Cut(rest.value, "?"); ok {
		secrets = append(secrets, query)
	}
	return shown + host + maskQuery(rest.masked()), append(secrets, rest.secrets()...)
}

// maskQuery hides the values in the query of a URL.
func maskQuery(text string) string {
	path, query, ok := strings.Cut(text, "?")
	if !ok {
		return text
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, value, ok := strings.Cut(part, "="); ok && value != "" {
			parts[i] = name + "=" + mask
		} else if !ok {
			parts[i] = mask
		}
	}
	return path + "?" + strings.Join(parts, "&")
}

// MaskURL hides what of an address may be a secret: who logs in, and the query.
// It does not parse: with references in it the text need not be a URL.
func MaskURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	rest, _, hasQuery := strings.Cut(rest, "?")
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 && !strings.Contains(rest[:i], "${") {
		authority = rest[:i] // else the slash may stand in the default of a reference
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		rest = mask + rest[i:]
	}
	if hasQuery {
		rest += "?" + mask
	}
	return scheme + "://" + rest
}

// maskStrictly is MaskURL for what may be no URL: all before an @ may be a login.
func maskStrictly(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = mask + rest[i:]
	}
	rest, _, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		rest += "?" + mask
	}
	return scheme + rest
}
