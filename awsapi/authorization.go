package awsapi

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"signalbox/secret"
)

// httpParameter is one thing that a connection adds to requests. The value of a secret one is not
// shown.
type httpParameter struct {
	Key           string
	Value         *string `json:",omitempty"`
	IsValueSecret bool
}

type httpParameters struct {
	HeaderParameters      []httpParameter `json:",omitempty"`
	QueryStringParameters []httpParameter `json:",omitempty"`
	BodyParameters        []httpParameter `json:",omitempty"`
}

// authGiven are AuthParameters as they are sent.
type authGiven struct {
	BasicAuthParameters      *struct{ Username, Password *string }
	APIKeyAuthParameters     *struct{ APIKeyName, APIKeyValue *string } `json:"ApiKeyAuthParameters"`
	OAuthParameters          *oauthGiven
	InvocationHTTPParameters *httpParameters `json:"InvocationHttpParameters"`
	ConnectivityParameters   *struct{}
}

type oauthGiven struct {
	ClientParameters      *struct{ ClientID, ClientSecret *string }
	AuthorizationEndpoint *string
	HTTPMethod            *string         `json:"HttpMethod"`
	OAuthHTTPParameters   *httpParameters `json:"OAuthHttpParameters"`
}

// authShown are AuthParameters as they are shown.
type authShown struct {
	BasicAuthParameters      *basicShown     `json:",omitempty"`
	OAuthParameters          *oauthShown     `json:",omitempty"`
	APIKeyAuthParameters     *keyShown       `json:"ApiKeyAuthParameters,omitempty"`
	InvocationHTTPParameters *httpParameters `json:"InvocationHttpParameters,omitempty"`
}

type basicShown struct {
	Username string `json:",omitempty"`
}

type keyShown struct {
	APIKeyName string `json:"ApiKeyName"`
}

type oauthShown struct {
	ClientParameters      clientShown
	AuthorizationEndpoint string          `json:",omitempty"`
	HTTPMethod            string          `json:"HttpMethod"`
	OAuthHTTPParameters   *httpParameters `json:"OAuthHttpParameters,omitempty"`
}

type clientShown struct {
	ClientID string `json:",omitempty"`
}

// The ways to authorize.
const (
	basicAuth = "BASIC"
	keyAuth   = "API_KEY"
	oauthAuth = "OAUTH_CLIENT_CREDENTIALS"
)

// sealer encrypts the secrets of one request, and keeps the first error.
type sealer struct {
	keys secret.Keys
	err  error
}

// secret returns the reference that stands for a secret, or the one of before where none is given.
func (s *sealer) secret(given *string, before string) string {
	if given == nil {
		return before
	}
	sealed, err := s.keys.Seal(*given)
	s.err = cmp.Or(s.err, err)
	return sealed
}

// texts returns the members of parameters as a connection has them, with their values encrypted. A
// value that is not given, as it is secret and was not shown, is that of before.
func (s *sealer) texts(given []httpParameter, before map[string]string) map[string]string {
	out := map[string]string{}
	for _, p := range given {
		out[p.Key] = s.secret(p.Value, before[p.Key])
	}
	return out
}

// shown returns parameters without the values of secret ones.
func shown(p *httpParameters) *httpParameters {
	if p == nil {
		return nil
	}
	hide := func(all []httpParameter) []httpParameter {
		out := make([]httpParameter, len(all))
		for i, p := range all {
			if out[i] = p; p.IsValueSecret {
				out[i].Value = nil
			}
		}
		return out
	}
	return &httpParameters{hide(p.HeaderParameters), hide(p.QueryStringParameters), hide(p.BodyParameters)}
}

// authorize sets how a connection authorizes.
func (a *API) authorize(d *connectionDocument, kind string, given *authGiven) error {
	s := &sealer{keys: a.opts.Keys()}
	section := d.Connections[d.API.Name]
	before := section.Auth
	section.Auth = authSection{}
	show := authShown{InvocationHTTPParameters: d.API.AuthParameters.InvocationHTTPParameters}
	old := d.API.AuthParameters
	var missing string
	switch kind {
	case basicAuth:
		if given.BasicAuthParameters == nil {
			missing = "BasicAuthParameters"
			break
		}
		b, was := given.BasicAuthParameters, basicSection{}
		if before.Basic != nil {
			was = *before.Basic
		}
		show.BasicAuthParameters = &basicShown{textOr(b.Username, orZero(old.BasicAuthParameters).Username)}
		section.Auth.Basic = &basicSection{secret.Literal(show.BasicAuthParameters.Username), s.secret(b.Password, was.Password)}
	case keyAuth:
		if given.APIKeyAuthParameters == nil {
			missing = "ApiKeyAuthParameters"
			break
		}
		k, was := given.APIKeyAuthParameters, orZero(before.APIKey)
		show.APIKeyAuthParameters = &keyShown{textOr(k.APIKeyName, orZero(old.APIKeyAuthParameters).APIKeyName)}
		section.Auth.APIKey = &keySection{show.APIKeyAuthParameters.APIKeyName, s.secret(k.APIKeyValue, was.Value)}
	case oauthAuth:
		if given.OAuthParameters == nil {
			missing = "OAuthParameters"
			break
		}
		show.OAuthParameters, section.Auth.OAuth2 = s.oauth(given.OAuthParameters, orZero(old.OAuthParameters), orZero(before.OAuth2))
	}
	if missing != "" {
		return invalid("Parameter(s) %s must be specified for the authorization type %s.", missing, kind)
	}
	if p := given.InvocationHTTPParameters; p != nil {
		show.InvocationHTTPParameters = shown(p)
		section.Headers = s.texts(p.HeaderParameters, section.Headers)
		section.Query = s.texts(p.QueryStringParameters, section.Query)
		section.Body = s.texts(p.BodyParameters, section.Body)
	}
	if errors.Is(s.err, secret.ErrNoKey) {
		return invalid("The connection can't be kept: %v.", s.err)
	}
	d.API.AuthorizationType, d.API.AuthParameters, d.API.LastAuthorizedTime = kind, show, d.API.LastModifiedTime
	d.Connections[d.API.Name] = section
	return s.err
}

// oauth returns how tokens are asked for, as it is shown and as a rule file has it.
func (s *sealer) oauth(o *oauthGiven, old oauthShown, was oauth2Section) (*oauthShown, *oauth2Section) {
	show := old
	show.AuthorizationEndpoint, show.HTTPMethod = textOr(o.AuthorizationEndpoint, old.AuthorizationEndpoint), textOr(o.HTTPMethod, old.HTTPMethod)
	section := &oauth2Section{Method: show.HTTPMethod, SendIn: "body", ClientSecret: was.ClientSecret, Params: was.Params, Headers: was.Headers}
	if c := o.ClientParameters; c != nil {
		show.ClientParameters.ClientID = textOr(c.ClientID, old.ClientParameters.ClientID)
		section.ClientSecret = s.secret(c.ClientSecret, was.ClientSecret)
	}
	section.ClientID = secret.Literal(show.ClientParameters.ClientID)
	query := ""
	if i := strings.LastIndex(was.TokenURL, querySealed); i >= 0 {
		query = was.TokenURL[i:]
	}
	if p := o.OAuthHTTPParameters; p != nil {
		show.OAuthHTTPParameters = shown(p)
		section.Headers, section.Params = s.texts(p.HeaderParameters, was.Headers), s.texts(p.BodyParameters, was.Params)
		query = s.query(p.QueryStringParameters)
	}
	section.TokenURL = secret.Literal(show.AuthorizationEndpoint)
	switch {
	case query == "":
	case strings.Contains(section.TokenURL, "?"):
		section.TokenURL += "&" + query
	default:
		section.TokenURL += "?" + query
	}
	return &show, section
}

// querySealed is how an encrypted query begins, behind the address of a token server.
const querySealed = "${sealed:"

// query returns an encrypted query.
func (s *sealer) query(given []httpParameter) string {
	var members []string
	for _, p := range given {
		if p.Value != nil {
			members = append(members, url.QueryEscape(p.Key)+"="+url.QueryEscape(*p.Value))
		}
	}
	if len(members) == 0 {
		return ""
	}
	text := strings.Join(members, "&")
	return s.secret(&text, "")
}

func textOr(given *string, before string) string {
	if given == nil {
		return before
	}
	return *given
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
