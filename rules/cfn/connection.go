package cfn

import (
	"regexp"
	"strings"

	"signalbox/document"
	"signalbox/secret"
)

// connection declares an AWS::Events::Connection. No secret of a template is taken over: a reference to the
// environment stands in its place.
func (c *converter) connection(m document.Member) {
	p := m.Value.Get("Properties")
	name := m.Key
	if given := p.Get("Name"); !given.IsZero() {
		name = c.text(given)
	}
	s := &login{converter: c, name: free(tidy(name), c.connections)}
	given := p.Get("AuthParameters")
	auth := mapping()
	switch basic, key, oauth := given.Get("BasicAuthParameters"), given.Get("ApiKeyAuthParameters"), given.Get("OAuthParameters"); {
	case basic != nil:
		set(auth, "basic", mapping("user", s.plain(basic.Get("Username"), "USERNAME"), "password", s.secret("PASSWORD")))
	case key != nil:
		set(auth, "api_key", mapping("header", str(c.text(orNull(key.Get("ApiKeyName")))), "value", s.secret("API_KEY_VALUE")))
	case oauth != nil:
		set(auth, "oauth2", s.oauth(oauth))
	default:
		c.leave("connection %s says no way to log in", document.Quoted(m.Key))
		return
	}
	connection := mapping()
	if d := p.Get("Description"); !d.IsZero() {
		set(connection, "description", str(c.text(d)))
	}
	set(connection, "auth", auth)
	s.add(connection, given.Get("InvocationHttpParameters"), map[string]string{"HeaderParameters": "headers", "QueryStringParameters": "query", "BodyParameters": "body"})
	c.note("its secrets are not taken over: set %s in the environment", strings.Join(s.variables, ", "))
	c.connections[m.Key] = s.name
	c.connectionList = append(c.connectionList, c.done(mapping(s.name, connection)))
}

// login reads how one connection logs in.
type login struct {
	*converter
	name string
	// variables are those of the environment that have its secrets.
	variables []string
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9]+`)

// secret returns a reference to a variable, which is named after the connection and what it is.
func (l *login) secret(what string) *document.Node {
	variable := strings.Trim(notInVariables.ReplaceAllString(strings.ToUpper(l.name+"_"+what), "_"), "_")
	if variable == "" || variable[0] <= '9' {
		variable = "CONNECTION_" + variable
	}
	l.variables = append(l.variables, variable)
	return str("${" + variable + "}")
}

// plain returns what is no secret; where only a deployment tells it, it is one.
func (l *login) plain(n *document.Node, what string) *document.Node {
	if function, _ := call(n); n.IsZero() || function != "" {
		return l.secret(what)
	}
	return str(secret.Literal(l.text(n)))
}

func (l *login) oauth(p *document.Node) *document.Node {
	client := p.Get("ClientParameters")
	oauth := mapping("token_url", l.plain(p.Get("AuthorizationEndpoint"), "AUTHORIZATION_ENDPOINT"))
	if method := p.Get("HttpMethod"); !method.IsZero() {
		set(oauth, "method", str(l.text(method)))
	}
	set(oauth, "client_id", l.plain(client.Get("ClientID"), "CLIENT_ID"))
	set(oauth, "client_secret", l.secret("CLIENT_SECRET"))
	set(oauth, "send_in", str("body"))
	more := p.Get("OAuthHttpParameters")
	if !more.Get("QueryStringParameters").IsZero() {
		l.note("QueryStringParameters of OAuthHttpParameters are left out: write them into token_url")
	}
	l.add(oauth, more, map[string]string{"HeaderParameters": "headers", "BodyParameters": "params"})
	return oauth
}

// add adds what requests get beside the login.
func (l *login) add(to, given *document.Node, keys map[string]string) {
	for _, kind := range []string{"HeaderParameters", "QueryStringParameters", "BodyParameters"} {
		list := given.Get(kind)
		if list == nil || keys[kind] == "" || len(list.Items) == 0 {
			continue
		}
		members := mapping()
		for _, item := range list.Items {
			key, hidden := l.text(orNull(item.Get("Key"))), item.Get("IsValueSecret")
			if members.Get(key) != nil {
				continue
			}
			value := l.plain(item.Get("Value"), key)
			if hidden != nil && hidden.Text == "true" && !strings.HasPrefix(value.Text, "${") {
				value = l.secret(key)
			}
			set(members, key, value)
		}
		set(to, keys[kind], members)
	}
}

// orNull returns a node that may be missing as one that can be read.
func orNull(n *document.Node) *document.Node {
	if n == nil {
		return str("")
	}
	return n
}
