package awsapi

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/secret"
)

// connectionDocument is a connection of the API: what a rule file says of it, with its secrets
// encrypted, and beside that what only the API tells. Its JSON is a rule file.
type connectionDocument struct {
	API         connectionSaid               `json:"Api"`
	Connections map[string]connectionSection `json:"connections"`
}

// connectionSaid is a connection as the API tells of it, without secrets.
type connectionSaid struct {
	Name string
	// UUID is the end of its ARN, and of that of its secret.
	UUID              string
	Description       string `json:",omitempty"`
	AuthorizationType string
	AuthParameters    authShown
	KmsKeyIdentifier  string `json:",omitempty"`
	CreationTime      seconds
	LastModifiedTime  seconds
}

// connectionSection is a connection as a rule file has it.
type connectionSection struct {
	Description string            `json:"description,omitempty"`
	Auth        authSection       `json:"auth"`
	Headers     map[string]string `json:"headers,omitempty"`
	Query       map[string]string `json:"query,omitempty"`
	Body        map[string]string `json:"body,omitempty"`
}

type authSection struct {
	Basic  *basicSection  `json:"basic,omitempty"`
	APIKey *keySection    `json:"api_key,omitempty"`
	OAuth2 *oauth2Section `json:"oauth2,omitempty"`
}

type basicSection struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

type keySection struct {
	Header string `json:"header"`
	Value  string `json:"value"`
}

type oauth2Section struct {
	TokenURL     string            `json:"token_url"`
	Method       string            `json:"method"`
	ClientID     string            `json:"client_id"`
	ClientSecret string            `json:"client_secret"`
	SendIn       string            `json:"send_in"`
	Params       map[string]string `json:"params,omitempty"`
	Headers      map[string]string `json:"headers,omitempty"`
}

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

type basicShown struct{ Username string }

type keyShown struct {
	APIKeyName string `json:"ApiKeyName"`
}

type oauthShown struct {
	ClientParameters      clientShown
	AuthorizationEndpoint string
	HTTPMethod            string          `json:"HttpMethod"`
	OAuthHTTPParameters   *httpParameters `json:"OAuthHttpParameters,omitempty"`
}

type clientShown struct{ ClientID string }

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
	s := &sealer{keys: a.opts.Keys}
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
	d.API.AuthorizationType, d.API.AuthParameters = kind, show
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

func connectionPath(name string) string { return "connections/" + name + ".json" }

func noConnection(name string) error {
	return notFound("Failed to describe the connection(s). Connection '%s' does not exist.", name)
}

func (a *API) connectionARN(c *connectionSaid) string {
	return a.arn("connection/" + c.Name + "/" + c.UUID)
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// secretARN is the ARN that a secret of AWS's would have.
func (a *API) secretARN(c *connectionSaid) string {
	end := sha256.Sum256([]byte(c.UUID))
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:events!connection/%s/%s-%s", a.opts.Region, a.opts.Account, c.Name, c.UUID, hex.EncodeToString(end[:3]))
}

// connection returns a connection of the API.
func (a *API) connection(name string) (d connectionDocument, err error) {
	found, err := a.opts.Documents.read(connectionPath(name), &d)
	if err == nil && !found {
		err = noConnection(name)
	}
	return d, err
}

// authorized is the state of a connection: what it authorizes with is complete. Tokens are got when
// something is sent.
const authorized = "AUTHORIZED"

// stateOf is the state that CreateConnection and UpdateConnection answer.
func stateOf(c *connectionSaid) string {
	if c.AuthorizationType == oauthAuth {
		return "AUTHORIZING"
	}
	return authorized
}

type connectionName struct{ Name string }

// connectionView is a connection in an answer.
type connectionView struct {
	Name               string
	Description        string `json:",omitempty"`
	ConnectionArn      string
	ConnectionState    string
	AuthorizationType  string
	SecretArn          string     `json:",omitempty"`
	KmsKeyIdentifier   string     `json:",omitempty"`
	AuthParameters     *authShown `json:",omitempty"`
	CreationTime       seconds
	LastModifiedTime   seconds
	LastAuthorizedTime seconds
}

func (a *API) listedConnection(c *connectionSaid) connectionView {
	return connectionView{
		Name: c.Name, ConnectionArn: a.connectionARN(c), ConnectionState: authorized, AuthorizationType: c.AuthorizationType,
		CreationTime: c.CreationTime, LastModifiedTime: c.LastModifiedTime, LastAuthorizedTime: c.LastModifiedTime,
	}
}

func (a *API) describeConnection(in *connectionName) (any, error) {
	d, err := a.connection(in.Name)
	if err != nil {
		return nil, err
	}
	v := a.listedConnection(&d.API)
	v.Description, v.SecretArn, v.KmsKeyIdentifier, v.AuthParameters = d.API.Description, a.secretARN(&d.API), d.API.KmsKeyIdentifier, &d.API.AuthParameters
	return v, nil
}

func (a *API) listConnections(in *struct {
	paging
	NamePrefix, ConnectionState string
}) (any, error) {
	all, err := documentsBelow[connectionDocument](a.opts.Documents, "connections/")
	if err != nil {
		return nil, err
	}
	if in.ConnectionState != "" && in.ConnectionState != authorized {
		all = nil
	}
	name := func(d connectionDocument) string { return d.API.Name }
	part, next, err := page(in.paging, withPrefix(all, in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]connectionView, len(part))
	for i := range part {
		views[i] = a.listedConnection(&part[i].API)
	}
	return struct {
		Connections []connectionView
		NextToken   string `json:",omitempty"`
	}{views, next}, nil
}

// changedConnection answers what has made, changed or deleted a connection.
type changedConnection struct {
	ConnectionArn      string
	ConnectionState    string
	CreationTime       seconds
	LastModifiedTime   seconds
	LastAuthorizedTime seconds `json:",omitempty"`
}

func (a *API) createConnection(in *struct {
	Name, Description, AuthorizationType, KmsKeyIdentifier string
	AuthParameters                                         authGiven
	InvocationConnectivityParameters                       *struct{}
}) (any, error) {
	if _, err := a.connection(in.Name); err == nil {
		return nil, &event.Error{Code: "ResourceAlreadyExistsException", Message: "Connection " + in.Name + " already exists."}
	}
	if in.InvocationConnectivityParameters != nil || in.AuthParameters.ConnectivityParameters != nil {
		return nil, noPrivate
	}
	now := secondsOf(time.Now())
	d := connectionDocument{
		connectionSaid{Name: in.Name, UUID: newUUID(), Description: in.Description, KmsKeyIdentifier: in.KmsKeyIdentifier, CreationTime: now, LastModifiedTime: now},
		map[string]connectionSection{in.Name: {Description: in.Description}},
	}
	if err := a.authorize(&d, in.AuthorizationType, &in.AuthParameters); err != nil {
		return nil, err
	}
	if err := a.change(connectionPath(in.Name), d); err != nil {
		return nil, err
	}
	return changedConnection{a.connectionARN(&d.API), stateOf(&d.API), now, now, 0}, nil
}

// noPrivate is the error of a connection through AWS's private network.
var noPrivate = invalid("ConnectivityParameters are not supported: the router connects by itself.")

func (a *API) updateConnection(in *struct {
	Name                             string
	Description, KmsKeyIdentifier    *string
	AuthorizationType                string
	AuthParameters                   *authGiven
	InvocationConnectivityParameters *struct{}
}) (any, error) {
	d, err := a.connection(in.Name)
	if err != nil {
		return nil, err
	}
	if in.InvocationConnectivityParameters != nil || in.AuthParameters != nil && in.AuthParameters.ConnectivityParameters != nil {
		return nil, noPrivate
	}
	section := d.Connections[in.Name]
	d.API.Description = textOr(in.Description, d.API.Description)
	section.Description = d.API.Description
	d.Connections[in.Name] = section
	d.API.KmsKeyIdentifier = textOr(in.KmsKeyIdentifier, d.API.KmsKeyIdentifier)
	d.API.LastModifiedTime = secondsOf(time.Now())
	kind := cmp.Or(in.AuthorizationType, d.API.AuthorizationType)
	switch {
	case in.AuthParameters == nil && kind != d.API.AuthorizationType:
		err = a.authorize(&d, kind, &authGiven{})
	case in.AuthParameters != nil:
		err = a.authorize(&d, kind, in.AuthParameters.orOnlyHTTP(kind, &d))
	}
	if err == nil {
		err = a.change(connectionPath(in.Name), d)
	}
	if err != nil {
		return nil, err
	}
	return changedConnection{a.connectionARN(&d.API), stateOf(&d.API), d.API.CreationTime, d.API.LastModifiedTime, d.API.LastModifiedTime}, nil
}

// orOnlyHTTP returns the parameters, with those of a connection that is to authorize as before where
// only other ones are given.
func (g *authGiven) orOnlyHTTP(kind string, d *connectionDocument) *authGiven {
	if kind != d.API.AuthorizationType || g.BasicAuthParameters != nil || g.APIKeyAuthParameters != nil || g.OAuthParameters != nil {
		return g
	}
	same := *g
	same.BasicAuthParameters = new(struct{ Username, Password *string })
	same.APIKeyAuthParameters = new(struct{ APIKeyName, APIKeyValue *string })
	same.OAuthParameters = new(oauthGiven)
	return &same
}

func (a *API) deleteConnection(in *connectionName) (any, error) {
	d, err := a.connection(in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.change(connectionPath(in.Name), nil); err != nil {
		return nil, err
	}
	return changedConnection{a.connectionARN(&d.API), "DELETING", d.API.CreationTime, d.API.LastModifiedTime, d.API.LastModifiedTime}, nil
}

// ofARN returns the connection that an ARN names.
func (a *API) ofARN(arn string) (d connectionDocument, err error) {
	name, _, ok := strings.Cut(strings.TrimPrefix(arn, a.arn("connection/")), "/")
	if ok {
		d, err = a.connection(name)
	}
	if !ok || err != nil || a.connectionARN(&d.API) != arn {
		return d, notFound("Connection '%s' does not exist.", name)
	}
	return d, nil
}
