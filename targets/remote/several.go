package remote

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"signalbox/secret"
	"signalbox/targets"
)

// nextAddress is what stands between two addresses of one cluster of servers.
var nextAddress = regexp.MustCompile(`, *[a-z]+://`)

// several returns where the addresses of a cluster begin and end in a text, which may be one. It is false where only some
// of them have an @: what stands before it may be a password with a comma.
func several(text string) (spans [][2]int, ok bool) {
	begin, logins := 0, 0
	for _, at := range append(nextAddress.FindAllStringIndex(text, -1), []int{len(text), 0}) {
		if strings.Contains(text[begin:at[0]], "@") {
			logins++
		}
		spans = append(spans, [2]int{begin, at[0]})
		begin = min(at[0]+1, len(text))
		begin += len(text[begin:]) - len(strings.TrimLeft(text[begin:], " "))
	}
	return spans, logins == 0 || logins == len(spans)
}

// ValidateServers is Validate for servers that are one cluster: their URLs have commas between them. It returns them if
// they are right; they have one scheme, and the last alone may have a path.
func (o *Options) ValidateServers(v *targets.Validation, schemes ...string) []*url.URL {
	o.fields(v)
	return o.servers(v, schemes)
}

func (o *Options) servers(v *targets.Validation, schemes []string) []*url.URL {
	e, ok := o.expand(v)
	if !ok {
		return nil
	}
	all, shown, _, err := o.parseServers(e, schemes)
	if err != nil {
		v.Fail([]string{"url"}, "%v", err)
		return nil
	}
	for i, u := range all {
		switch {
		case u.Scheme != all[0].Scheme:
			v.Fail([]string{"url"}, "has addresses of %s:// and of %s://: let all begin with one of them", all[0].Scheme, u.Scheme)
			return nil
		case i < len(all)-1 && strings.Trim(u.Path, "/") != "":
			v.Fail([]string{"url"}, "has the path %q in the midst: write it behind the last address", u.Path)
			return nil
		}
	}
	o.shown = shown
	return all
}

// Servers is Address for servers that are one cluster.
func (o *Options) Servers(s secret.Source, dir string, schemes ...string) (all []*url.URL, shown string, secrets []string, err error) {
	e, err := s.Expand(o.URL, dir)
	if err != nil {
		return nil, "", nil, err
	}
	return o.parseServers(e, schemes)
}

func (o *Options) parseServers(e secret.Text, schemes []string) (all []*url.URL, shown string, secrets []string, err error) {
	spans, ok := several(e.Value)
	if !ok {
		return nil, "", nil, fmt.Errorf("%q has a login in some addresses only: write it in all, or use the options for it", maskStrictly(e.Masked()))
	}
	var texts []string
	for _, span := range spans {
		part := e.Slice(span[0], span[1])
		u, err := ParseURL(part, schemes...)
		if err != nil {
			return nil, "", nil, err
		}
		text, hidden := Shown(o.public(part))
		all, texts, secrets = append(all, u), append(texts, text), append(secrets, hidden...)
	}
	return all, strings.Join(texts, ","), secrets, nil
}

// maskSeveral is MaskURL for what may be several addresses.
func maskSeveral(text string) string {
	spans, ok := several(text)
	if !ok {
		return maskStrictly(text)
	}
	var parts []string
	for _, span := range spans {
		parts = append(parts, MaskURL(text[span[0]:span[1]]))
	}
	return strings.Join(parts, ",")
}

// ValidateServers is Options.ValidateServers.
func (s *Server) ValidateServers(v *targets.Validation, schemes ...string) []*url.URL {
	o := s.options()
	all := o.servers(v, schemes)
	o.TLS.Validate(v)
	s.shown = o.shown
	return all
}

// Servers is Options.Servers.
func (s *Server) Servers(secrets secret.Source, dir string, schemes ...string) (all []*url.URL, shown string, hidden []string, err error) {
	return s.options().Servers(secrets, dir, schemes...)
}
