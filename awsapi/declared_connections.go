package awsapi

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"signalbox/rules"
	"signalbox/targets/http/login"
)

// declared returns a connection of a file as the API tells of it; ok is false for one that logs in
// in a way that EventBridge has no word for.
func (a *API) declared(c *rules.Connection) (d connectionDocument, ok bool) {
	since := secondsOf(a.opts.Since)
	d = connectionDocument{
		API: connectionSaid{
			Name: c.Name, UUID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.Name)).String(), // the same after a restart
			CreationTime: since, LastModifiedTime: since, LastAuthorizedTime: since,
		},
		Connections: map[string]connectionSection{c.Name: {Description: c.Description}},
		file:        cmp.Or(c.Pos.File, "the program that runs the router"),
	}
	show := &d.API.AuthParameters
	switch auth := c.Auth; {
	case auth.Basic != nil:
		d.API.AuthorizationType, show.BasicAuthParameters = basicAuth, &basicShown{literal(auth.Basic.User)}
	case auth.Bearer != "":
		d.API.AuthorizationType, show.APIKeyAuthParameters = keyAuth, &keyShown{"Authorization"}
	case auth.APIKey != nil && auth.APIKey.Header != "":
		d.API.AuthorizationType, show.APIKeyAuthParameters = keyAuth, &keyShown{auth.APIKey.Header}
	case auth.OAuth2 != nil:
		d.API.AuthorizationType, show.OAuthParameters = oauthAuth, oauthOf(auth.OAuth2)
	default:
		return d, false
	}
	show.InvocationHTTPParameters = hidden(c.Headers, c.Query, c.Body)
	return d, true
}

// oauthOf is how tokens are asked for. What is added to that is not shown, but scopes.
func oauthOf(o *login.OAuth2) *oauthShown {
	show := &oauthShown{
		ClientParameters: clientShown{literal(o.ClientID)}, AuthorizationEndpoint: endpointOf(o.TokenURL), HTTPMethod: cmp.Or(o.Method, http.MethodPost),
		OAuthHTTPParameters: hidden(o.Headers, queryOf(o.TokenURL), o.Params),
	}
	if scope := literal(strings.Join(o.Scopes, " ")); scope != "" {
		if show.OAuthHTTPParameters == nil {
			show.OAuthHTTPParameters = &httpParameters{}
		}
		show.OAuthHTTPParameters.BodyParameters = append(show.OAuthHTTPParameters.BodyParameters, httpParameter{Key: "scope", Value: &scope})
	}
	return show
}

// queryOf returns the members of the query of a URL, as far as their names are there to be read.
func queryOf(text string) map[string]string {
	out := map[string]string{}
	_, query, _ := strings.Cut(text, "?")
	for member := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(member, "=")
		if name, err := url.QueryUnescape(name); ok && err == nil && !strings.Contains(name, "${") {
			out[name] = value
		}
	}
	return out
}

// endpointOf returns where a token server is, without a login or a query, which may hold secrets.
func endpointOf(text string) string {
	text, _, _ = strings.Cut(text, "?")
	u, err := url.Parse(literal(text))
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// hidden returns what is added to requests without values, which may be secret; nil where there is nothing.
func hidden(headers, query, body map[string]string) *httpParameters {
	if len(headers)+len(query)+len(body) == 0 {
		return nil
	}
	keys := func(texts map[string]string) (all []httpParameter) {
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			all = append(all, httpParameter{Key: key, IsValueSecret: true})
		}
		return all
	}
	return &httpParameters{keys(headers), keys(query), keys(body)}
}

// literal returns a text of a file as it is sent; empty for one that refers to a secret.
func literal(text string) string {
	plain := strings.ReplaceAll(text, "$${", "")
	if strings.Contains(plain, "${") {
		return ""
	}
	return strings.ReplaceAll(text, "$${", "${")
}
