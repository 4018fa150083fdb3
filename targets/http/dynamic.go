package http

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"signalbox/rules/exprenv"
	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// maxValue is how long a path, a query or a header made of an event can be; servers
// refuse longer ones.
const maxValue = 8 << 10

// requests are what of a target's requests depends on the event. Their host never does.
type requests struct {
	url *url.URL
	// shown is url as it may be shown.
	shown   string
	path    template.Text
	query   []named
	headers []named
	// expressions means that any of these has one.
	expressions bool
}

// named is a member of the query, or a header.
type named struct {
	name string
	text template.Text
	// secret means that the value is not to be shown, wins that it takes the place of a rule's.
	secret, wins bool
}

// newRequests returns what makes requests of the options.
func newRequests(o *Options, c *targets.Config, s secret.Source) (r requests, secrets []string, err error) {
	if r.url, r.shown, secrets, err = o.Address(s, c.Dir, schemes...); err != nil {
		return requests{}, nil, err
	}
	resolve := func(literal string) (string, error) {
		e, err := s.Expand(literal, c.Dir)
		secrets = append(secrets, e.Secrets()...)
		return e.Value, err
	}
	if r.path, err = template.Parse(o.Path, resolve); err != nil {
		return requests{}, nil, err
	}
	if r.query, err = namedTexts(o.Query, resolve, func(string) bool { return true }); err != nil {
		return requests{}, nil, err
	}
	if r.headers, err = namedTexts(o.Headers, resolve, template.Dynamic); err != nil {
		return requests{}, nil, err
	}
	for _, n := range r.query {
		if text, literal := n.text.Literal(); n.secret && literal {
			secrets = append(secrets, text)
		}
	}
	r.expressions = o.Path != "" || len(r.query)+len(r.headers) > 0
	return r, secrets, nil
}

func namedTexts(from map[string]string, resolve func(string) (string, error), take func(string) bool) (out []named, err error) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if !take(from[name]) {
			continue
		}
		n := named{name: name, secret: !template.Dynamic(from[name]) || strings.Contains(from[name], "${")}
		if n.text, err = template.Parse(from[name], resolve); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// request is where one delivery goes, and the headers of its own.
type request struct {
	url     *url.URL
	shown   string
	headers []remote.Field
}

// of returns the request for a delivery. Its error is an *Error.
func (r *requests) of(d *targets.Delivery) (request, error) {
	if !r.expressions && d.Parameters == nil {
		return request{url: r.url, shown: r.shown}, nil
	}
	b := &building{requests: r, d: d}
	out, err := b.request()
	var own *targets.Error
	if err != nil && !errors.As(err, &own) {
		err = &targets.Error{Code: targets.CodeInvalidParameter, Final: true, Tries: 1, Err: fmt.Errorf("the request can't be made of the event: %w", err)}
	}
	return out, err
}

// building makes the request of one delivery.
type building struct {
	*requests
	d      *targets.Delivery
	env    *exprenv.Env
	params targets.Parameters
}

func (b *building) request() (request, error) {
	if b.d.Parameters != nil {
		b.params = *b.d.Parameters
	}
	if b.expressions {
		ev, err := b.d.Event()
		if err == nil {
			b.env, err = exprenv.New(ev)
		}
		if err != nil {
			return request{}, err
		}
	}
	own, added, err := b.fullPath()
	if err != nil {
		return request{}, err
	}
	query, shownQuery, err := b.fullQuery()
	if err != nil {
		return request{}, err
	}
	headers, err := b.fullHeaders()
	if err != nil {
		return request{}, err
	}
	out := request{headers: headers}
	u := *b.url
	u.RawPath, u.RawQuery = own+added, query
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return request{}, err
	}
	out.url, out.shown = &u, b.show(own, added, shownQuery)
	return out, nil
}

// show returns the address as it may be shown. Where the path of the configuration holds
// secrets, values in it are not shown.
func (b *building) show(own, added string, query []string) string {
	shown, shownQuery, _ := strings.Cut(b.shown, "?")
	begin := strings.Index(shown, "://") + len("://")
	if i := strings.IndexByte(shown[begin:], '/'); i < 0 {
		shown += own
	} else if !strings.Contains(shown[begin+i:], secret.Mask) {
		shown = shown[:begin+i] + own
	}
	shown = strings.TrimSuffix(shown, "/") + added
	if added == "" && own != "" && own[len(own)-1] == '/' {
		shown += "/"
	}
	if shownQuery != "" {
		query = append([]string{shownQuery}, query...)
	}
	if len(query) > 0 {
		shown += "?" + strings.Join(query, "&")
	}
	return shown
}

// fullPath returns the path of the URL with the rule's values for each *, and what the
// target's own path adds, both escaped.
func (b *building) fullPath() (own, added string, err error) {
	pieces := strings.Split(b.url.EscapedPath(), "*")
	if len(b.params.Path) > len(pieces)-1 {
		return "", "", fmt.Errorf("the rule has %d values for the path, and the target's url %d *", len(b.params.Path), len(pieces)-1)
	}
	var out strings.Builder
	for i, piece := range pieces {
		out.WriteString(piece)
		switch {
		case i < len(b.params.Path):
			value, err := b.params.Path[i].Value(b.d)
			if err != nil {
				return "", "", err
			}
			if value == "" {
				return "", "", errors.New("a value for the path is empty")
			}
			out.WriteString(url.PathEscape(value))
		case i < len(pieces)-1:
			out.WriteByte('*')
		}
	}
	own = out.String()
	if len(b.path) > 0 {
		own = strings.TrimSuffix(own, "/")
		if added, _, err = b.path.Render(b.env, pathValue); err != nil {
			return "", "", err
		}
	}
	return own, added, checkSegments(own, added)
}

// pathValue escapes a value for one segment of a path, and marks an empty one.
func pathValue(value string) string {
	if value == "" {
		return emptyValue
	}
	return url.PathEscape(value)
}

// emptyValue stands for an empty value in a path until checkSegments refuses it: without
// it the path of one thing would be that of all of them.
const emptyValue = "\x00"

// checkSegments refuses paths that lead elsewhere than is written.
func checkSegments(own, added string) error {
	path := own + added
	if strings.Contains(path, emptyValue) {
		return errors.New("a value for the path is empty")
	}
	if len(path) > maxValue {
		return fmt.Errorf("the path is longer than %d bytes", maxValue)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return fmt.Errorf("%q can't be a part of a path", segment)
		}
	}
	return nil
}

func (b *building) fullQuery() (query string, shown []string, err error) {
	query = b.url.RawQuery
	add := func(name, value string, secretly bool) {
		member := url.QueryEscape(name) + "="
		if query != "" {
			query += "&"
		}
		query += member + url.QueryEscape(value)
		if secretly {
			value = secret.Mask
		} else {
			value = url.QueryEscape(value)
		}
		shown = append(shown, member+value)
	}
	for _, n := range b.query {
		value, has, err := n.text.Render(b.env, asIs)
		if err != nil {
			return "", nil, err
		}
		if has {
			add(n.name, value, n.secret)
		}
	}
	for i := range b.params.Query {
		p := &b.params.Query[i]
		if slices.ContainsFunc(b.query, func(n named) bool { return n.wins && n.name == p.Name }) {
			continue
		}
		value, err := p.Value(b.d)
		if err != nil {
			return "", nil, err
		}
		add(p.Name, value, p.Of == nil)
	}
	if len(query) > maxValue {
		return "", nil, fmt.Errorf("the query is longer than %d bytes", maxValue)
	}
	return query, shown, nil
}

func (b *building) fullHeaders() (out []remote.Field, err error) {
	add := func(name, value string) error {
		if len(value) > maxValue {
			return fmt.Errorf("the header %s is longer than %d bytes", name, maxValue)
		}
		out = append(out, remote.NewField(name, value))
		return nil
	}
	for _, n := range b.headers {
		value, has, err := n.text.Render(b.env, asIs)
		if err == nil && has {
			err = add(n.name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range b.params.Headers {
		p := &b.params.Headers[i]
		value, err := p.Value(b.d)
		if err == nil {
			err = add(p.Name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func asIs(value string) string { return value }
