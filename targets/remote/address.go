package remote

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"signalbox/secret"
	"signalbox/targets/egress"
)

// ParseURL parses an address, without showing in an error what may be a secret:
// what came from outside the configuration, who logs in, and the query.
func ParseURL(e secret.Text, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(e.Value)
	shown := maskStrictly(e.Masked())
	switch {
	case !strings.Contains(e.Value, ":/"):
		return nil, noScheme(shown, e, schemes)
	case err != nil && len(e.Secrets()) > 0:
		return nil, fmt.Errorf("%q with its references resolved is no URL", shown)
	case err != nil && strings.Contains(e.Value, "@"):
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
	case !validPort(u.Port()):
		return nil, fmt.Errorf("%q: the port must be from 1 to 65535", shown)
	}
	if err := toASCII(u); err != nil {
		if len(e.Secrets()) > 0 {
			err = fmt.Errorf("%q with its references resolved names no host", shown)
		}
		return nil, err
	}
	return u, nil
}

// noScheme is the error of an address without a scheme, such as localhost:9000.
func noScheme(shown string, e secret.Text, schemes []string) error {
	example := ""
	if len(e.Secrets()) == 0 && !strings.Contains(shown, "@") {
		example = ", such as " + schemes[0] + "://" + shown
	}
	return fmt.Errorf("%q is not an address: it must begin with %s://%s", shown, strings.Join(schemes, ":// or "), example)
}

func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

// toASCII writes an international name of a host as the name service knows it (RFC
// 5891).
func toASCII(u *url.URL) error {
	host := u.Hostname()
	if strings.IndexFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return nil
	}
	ascii, err := egress.HostName(host)
	if err != nil {
		return err
	}
	if port := u.Port(); port != "" {
		ascii = net.JoinHostPort(ascii, port)
	}
	u.Host = ascii
	return nil
}

// Shown returns a URL of the configuration as it may be shown: its scheme, host and
// port; who logs in and the values of the query never; of the rest, what the
// configuration itself holds. The secrets are those to hide where a server repeats them.
func Shown(e secret.Text) (shown string, secrets []string) {
	begin := strings.Index(e.Value, "://") + len("://")
	end := len(e.Value)
	if i := strings.IndexAny(e.Value[begin:], "/?#"); i >= 0 {
		end = begin + i
	}
	shown = e.Value[:begin]
	if at := strings.LastIndexByte(e.Value[begin:end], '@'); at >= 0 {
		login := e.Value[begin : begin+at]
		_, password, _ := strings.Cut(login, ":")
		secrets = append(secrets, login, password)
		shown += secret.Mask + "@"
		begin += at + 1
	}
	shown += shownHost(e.Slice(begin, end))
	if end < len(e.Value) && e.Value[end] == '/' {
		shown += "/"
		end++
	}
	query := len(e.Value)
	if i := strings.IndexByte(e.Value[end:], '?'); i >= 0 {
		query = end + i
		secrets = append(secrets, e.Value[query+1:])
		for part := range strings.SplitSeq(e.Value[query+1:], "&") {
			_, value, _ := strings.Cut(part, "=")
			secrets = append(secrets, value)
		}
	}
	secrets = append(secrets, e.Slice(end, query).Secrets()...)
	return shown + maskQuery(e.Slice(end, len(e.Value)).Masked()), secrets
}

// shownHost returns a host with its port. One that is secret only in part is such as a
// token before the name of a service.
func shownHost(e secret.Text) string {
	name := len(e.Value)
	if i := strings.LastIndexByte(e.Value, ':'); i > strings.LastIndexByte(e.Value, ']') {
		name = i
	}
	host := e.Slice(0, name)
	if secrets := host.Secrets(); len(secrets) == 1 && secrets[0] == host.Value {
		return e.Value
	}
	return host.Masked() + e.Value[name:]
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
			parts[i] = name + "=" + secret.Mask
		} else if !ok {
			parts[i] = secret.Mask
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
		rest = secret.Mask + rest[i:]
	}
	if hasQuery {
		rest += "?" + secret.Mask
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
		rest = secret.Mask + rest[i:]
	}
	rest, _, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		rest += "?" + secret.Mask
	}
	return scheme + rest
}
