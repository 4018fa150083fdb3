package awsapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"signalbox/rules"
)

// connectionDocument is a connection of the API: what a rule file says of it, with its secrets
// encrypted, and beside that what only the API tells. Its JSON is a rule file.
type connectionDocument struct {
	API         connectionSaid               `json:"Api"`
	Connections map[string]connectionSection `json:"connections"`
	// file is where a connection stands that is not the API's.
	file string
}

// connectionSaid is a connection as the API tells of it, without secrets.
type connectionSaid struct {
	Name string
	// UUID is the end of its ARN, and of that of its secret.
	UUID               string
	AuthorizationType  string
	AuthParameters     authShown
	KmsKeyIdentifier   string `json:",omitempty"`
	CreationTime       seconds
	LastModifiedTime   seconds
	LastAuthorizedTime seconds
	// Invocation is of the request that made it.
	Invocation string `json:",omitempty"`
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
	Basic        *basicSection  `json:"basic,omitempty"`
	APIKey       *keySection    `json:"api_key,omitempty"`
	OAuth2       *oauth2Section `json:"oauth2,omitempty"`
	Deauthorized string         `json:"deauthorized,omitempty"`
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

func connectionPath(name string) string { return "connections/" + name + ".json" }

func noConnection(name string) error {
	return notFound("Failed to describe the connection(s). Connection '%s' does not exist.", name)
}

func (a *API) connectionARN(c *connectionSaid) string {
	return a.arn("connection/" + c.Name + "/" + c.UUID)
}

// secretARN is the ARN that a secret of AWS's would have.
func (a *API) secretARN(c *connectionSaid) string {
	end := sha256.Sum256([]byte(c.UUID))
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:events!connection/%s/%s-%s", a.opts.Region, a.opts.Account, c.Name, c.UUID, hex.EncodeToString(end[:3]))
}

// connection returns a connection of the API, or of a file.
func (a *API) connection(name string) (d connectionDocument, err error) {
	known := false
	if c := a.opts.Rules().Connections[name]; c != nil {
		d, known, err = a.connectionOf(c)
	}
	if err == nil && !known {
		err = noConnection(name)
	}
	return d, err
}

// connectionOf returns a connection that is there as the API tells of it; ok is false for one that it has no word for.
func (a *API) connectionOf(c *rules.Connection) (d connectionDocument, ok bool, err error) {
	if ok, err = a.opts.Documents.read(connectionPath(c.Name), &d); !ok && err == nil {
		d, ok = a.declared(c)
	}
	return d, ok, err
}

// ownConnection returns a connection of the API.
func (a *API) ownConnection(name string) (connectionDocument, error) {
	d, err := a.connection(name)
	if err == nil && d.file != "" {
		err = managed("Connection "+name, d.file)
	}
	return d, err
}

// The states of connections. One is authorized where it has what it authorizes with; tokens are got when
// something is sent.
const (
	authorized   = "AUTHORIZED"
	deauthorized = "DEAUTHORIZED"
)

// section is what a rule file says of the connection.
func (d *connectionDocument) section() connectionSection { return d.Connections[d.API.Name] }

func (d *connectionDocument) state() string {
	if d.section().Auth.Deauthorized != "" {
		return deauthorized
	}
	return authorized
}

// stateOnChange is the state that CreateConnection and UpdateConnection answer.
func (d *connectionDocument) stateOnChange() string {
	if state := d.state(); state == deauthorized || d.API.AuthorizationType != oauthAuth {
		return state
	}
	return "AUTHORIZING"
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

func (a *API) listedConnection(d *connectionDocument) connectionView {
	c := &d.API
	return connectionView{
		Name: c.Name, ConnectionArn: a.connectionARN(c), ConnectionState: d.state(), AuthorizationType: c.AuthorizationType,
		CreationTime: c.CreationTime, LastModifiedTime: c.LastModifiedTime, LastAuthorizedTime: c.LastAuthorizedTime,
	}
}

func (a *API) describeConnection(in *connectionName) (any, error) {
	d, err := a.connection(in.Name)
	if err != nil {
		return nil, err
	}
	v := a.listedConnection(&d)
	v.Description, v.KmsKeyIdentifier, v.AuthParameters = d.section().Description, d.API.KmsKeyIdentifier, &d.API.AuthParameters
	if v.ConnectionState == authorized && d.file == "" {
		v.SecretArn = a.secretARN(&d.API)
	}
	return v, nil
}

func (a *API) listConnections(in *struct {
	paging
	NamePrefix, ConnectionState string
}) (any, error) {
	var all []connectionDocument
	for _, c := range a.opts.Rules().Connections {
		d, ok, err := a.connectionOf(c)
		if err != nil {
			return nil, err
		}
		if ok && (in.ConnectionState == "" || in.ConnectionState == d.state()) {
			all = append(all, d)
		}
	}
	name := func(d connectionDocument) string { return d.API.Name }
	part, next, err := page(in.paging, withPrefix(all, in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]connectionView, len(part))
	for i := range part {
		views[i] = a.listedConnection(&part[i])
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
	if c := a.opts.Rules().Connections[in.Name]; c != nil {
		made, _, err := a.connectionOf(c)
		switch {
		case err != nil:
			return nil, err
		case a.repeats(made.API.Invocation):
			return a.createdConnection(&made), nil
		}
		return nil, taken("Connection " + in.Name)
	}
	if in.InvocationConnectivityParameters != nil || in.AuthParameters.ConnectivityParameters != nil {
		return nil, noPrivate
	}
	now := secondsOf(time.Now())
	d := connectionDocument{
		API:         connectionSaid{Name: in.Name, UUID: uuid.NewString(), KmsKeyIdentifier: in.KmsKeyIdentifier, CreationTime: now, LastModifiedTime: now, Invocation: a.invocation},
		Connections: map[string]connectionSection{in.Name: {Description: in.Description}},
	}
	if err := a.authorize(&d, in.AuthorizationType, &in.AuthParameters); err != nil {
		return nil, err
	}
	if err := a.change(connectionPath(in.Name), d); err != nil {
		return nil, err
	}
	return a.createdConnection(&d), nil
}

// createdConnection answers CreateConnection.
func (a *API) createdConnection(d *connectionDocument) changedConnection {
	out := a.changedConnection(d, d.stateOnChange())
	out.LastAuthorizedTime = 0 // which is not told of a new one
	return out
}

func (a *API) changedConnection(d *connectionDocument, state string) changedConnection {
	return changedConnection{a.connectionARN(&d.API), state, d.API.CreationTime, d.API.LastModifiedTime, d.API.LastAuthorizedTime}
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
	d, err := a.ownConnection(in.Name)
	if err != nil {
		return nil, err
	}
	if in.InvocationConnectivityParameters != nil || in.AuthParameters != nil && in.AuthParameters.ConnectivityParameters != nil {
		return nil, noPrivate
	}
	section := d.section()
	section.Description = textOr(in.Description, section.Description)
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
	return a.changedConnection(&d, d.stateOnChange()), nil
}

// orOnlyHTTP returns the parameters, with those of a connection that is to authorize as before where
// only other ones are given.
func (g *authGiven) orOnlyHTTP(kind string, d *connectionDocument) *authGiven {
	if kind != d.API.AuthorizationType || d.state() == deauthorized || g.BasicAuthParameters != nil || g.APIKeyAuthParameters != nil || g.OAuthParameters != nil {
		return g
	}
	same := *g
	same.BasicAuthParameters = new(struct{ Username, Password *string })
	same.APIKeyAuthParameters = new(struct{ APIKeyName, APIKeyValue *string })
	same.OAuthParameters = new(oauthGiven)
	return &same
}

func (a *API) deleteConnection(in *connectionName) (any, error) {
	d, err := a.ownConnection(in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.change(connectionPath(in.Name), nil); err != nil {
		return nil, err
	}
	return a.changedConnection(&d, "DELETING"), nil
}

// deauthorizeConnection removes what a connection authorizes with. What is sent with it fails until
// UpdateConnection gives it something else.
func (a *API) deauthorizeConnection(in *connectionName) (any, error) {
	d, err := a.ownConnection(in.Name)
	if err != nil {
		return nil, err
	}
	d.API.AuthParameters, d.API.LastModifiedTime = authShown{}, secondsOf(time.Now())
	d.Connections[in.Name] = connectionSection{Description: d.section().Description, Auth: authSection{Deauthorized: "DeauthorizeConnection"}}
	if err := a.change(connectionPath(in.Name), d); err != nil {
		return nil, err
	}
	return a.changedConnection(&d, "DEAUTHORIZING"), nil
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
