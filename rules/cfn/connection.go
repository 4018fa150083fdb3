package cfn

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"signalbox/document"
	"signalbox/secret"
)

// connection declares an AWS::Events::Connection. No secret of a template is taken over: a reference to the
// environment stands in its place.
func (c *converter) connection(m document.Member) {
	c.comments = nil
	c.conditional(m.Key, m.Value)
	s := c.scope(m.Key, m.Value.Get("Properties"))
	name := m.Key
	if given := s.string("Name"); given != "" {
		name = s.named(given)
	}
	l := &login{converter: c, name: free(tidy(name), c.connections)}
	description := s.string("Description")
	s.get("AuthorizationType") // the parameters say it
	auth, given := mapping(), s.below("AuthParameters")
	switch basic, key, oauth := given.below("BasicAuthParameters"), given.below("ApiKeyAuthParameters"), given.below("OAuthParameters"); {
	case basic.node != nil:
		set(auth, "basic", mapping("user", l.plain(basic.get("Username"), "USERNAME"), "password", l.secret("PASSWORD")))
		basic.get("Password")
		basic.rest(nil)
	case key.node != nil:
		set(auth, "api_key", mapping("header", str(key.string("ApiKeyName")), "value", l.secret("API_KEY_VALUE")))
		key.get("ApiKeyValue")
		key.rest(nil)
	case oauth.node != nil:
		set(auth, "oauth2", l.oauth(oauth))
	default:
		c.leave("connection %s says no way to log in: write it under connections:", document.Quoted(m.Key))
		return
	}
	connection := mapping()
	if description != "" {
		set(connection, "description", str(description))
	}
	set(connection, "auth", auth)
	more := given.below("InvocationHttpParameters")
	for _, kind := range []struct{ property, key string }{{"HeaderParameters", "headers"}, {"QueryStringParameters", "query"}, {"BodyParameters", "body"}} {
		if added := l.added(more, kind.property); added != nil {
			set(connection, kind.key, added)
		}
	}
	more.rest(nil)
	const private = "the router connects by itself: it must reach the address"
	given.rest(map[string]string{"ConnectivityParameters": private})
	s.rest(map[string]string{"InvocationConnectivityParameters": private, "KmsKeyIdentifier": noEncrypted})
	c.at = m.Key
	c.note("its secrets are not taken over: set %s in the environment", strings.Join(l.variables, ", "))
	c.connections[m.Key] = l.name
	c.connectionList = append(c.connectionList, c.done(mapping(l.name, connection)))
}

// login reads how one connection logs in.
type login struct {
	*converter
	name string
	// variables are those of the environment that have its secrets.
	variables []string
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9]+`)

// variable returns the name of a variable of the environment.
func variable(text string) string {
	name := strings.Trim(notInVariables.ReplaceAllString(strings.ToUpper(text), "_"), "_")
	if name == "" || name[0] <= '9' {
		name = "CONNECTION_" + name
	}
	return name
}

// secret returns a reference to a variable, which is named after the connection and what it is.
func (l *login) secret(what string) *document.Node {
	name := free(variable(l.name+"_"+what), l.taken())
	l.variables = append(l.variables, name)
	return str("${" + name + "}")
}

func (l *login) taken() map[string]string {
	taken := map[string]string{}
	for _, name := range l.variables {
		taken[name] = name
	}
	return taken
}

// plain returns what is no secret; where only a deployment tells it, it is one.
func (l *login) plain(n *document.Node, what string) *document.Node {
	if function, _ := call(n); n.IsZero() || function != "" || dynamic.MatchString(n.Text) {
		return l.secret(what)
	}
	return str(secret.Literal(l.text(n)))
}

func (l *login) oauth(s *scope) *document.Node {
	endpoint := l.plain(s.get("AuthorizationEndpoint"), "AUTHORIZATION_ENDPOINT")
	oauth := mapping("token_url", endpoint)
	if method := s.string("HttpMethod"); method != "" {
		set(oauth, "method", str(method))
	}
	client := s.below("ClientParameters")
	set(oauth, "client_id", l.plain(client.get("ClientID"), "CLIENT_ID"))
	set(oauth, "client_secret", l.secret("CLIENT_SECRET"))
	client.get("ClientSecret")
	client.rest(nil)
	set(oauth, "send_in", str("body"))
	more := s.below("OAuthHttpParameters")
	if added := l.added(more, "HeaderParameters"); added != nil {
		set(oauth, "headers", added)
	}
	if added := l.added(more, "BodyParameters"); added != nil {
		set(oauth, "params", added)
	}
	l.query(endpoint, l.added(more, "QueryStringParameters"))
	more.rest(nil)
	s.rest(nil)
	return oauth
}

// query adds parameters to the query of a URL, escaped.
func (l *login) query(to, added *document.Node) {
	if added == nil {
		return
	}
	separator := "?"
	if strings.Contains(to.Text, "?") {
		separator = "&"
	}
	for _, m := range added.Members {
		value := m.Value.Text
		if name, ok := strings.CutPrefix(value, "${"); ok {
			l.note("what %s holds stands in a query: escape it there", strings.TrimSuffix(name, "}"))
		} else {
			value = url.QueryEscape(strings.ReplaceAll(value, "$${", "${"))
		}
		to.Text += separator + url.QueryEscape(m.Key) + "=" + value
		separator = "&"
	}
}

// added is what requests get beside the login; nil for nothing.
func (l *login) added(s *scope, kind string) *document.Node {
	list := s.get(kind)
	if list == nil {
		return nil
	}
	if function, _ := call(list); function != "" {
		list = l.resolve(list)
	}
	members := mapping()
	for i, item := range list.Items {
		one := l.scope(fmt.Sprintf("%s.%s[%d]", s.path, kind, i), item)
		key, hidden := one.string("Key"), one.string("IsValueSecret")
		given := one.get("Value")
		one.rest(nil)
		if members.Get(key) != nil {
			l.lose(one.path, "another has the key "+document.Quoted(key)+" already")
			continue
		}
		if hidden == "true" {
			given = nil
		}
		set(members, key, l.plain(given, key))
	}
	if len(members.Members) == 0 {
		return nil
	}
	return members
}
