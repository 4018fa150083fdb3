package template

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Connection is a connection, without its secrets.
type Connection struct {
	Name, ConnectionArn, ConnectionState, Description, AuthorizationType, KmsKeyIdentifier string
	AuthParameters                                                                         json.RawMessage
}

// Destination is an API destination.
type Destination struct {
	Name, Description, ConnectionArn, InvocationEndpoint string
	Arn                                                  string `json:"ApiDestinationArn"`
	HTTPMethod                                           string `json:"HttpMethod"`
	InvocationRateLimitPerSecond                         int
}

// connections asks for the connections and the API destinations.
func (m *Model) connections(call Caller) error {
	if err := described(call, "Connection", "Connections", &m.Connections); err != nil {
		return err
	}
	return described(call, "ApiDestination", "ApiDestinations", &m.Destinations)
}

// described adds all of a kind, as they are described.
func described[T any](call Caller, kind, member string, all *[]T) error {
	var named []struct{ Name string }
	if err := pages(call, "List"+member, map[string]any{}, member, &named); err != nil {
		return err
	}
	for _, n := range named {
		var one T
		if err := call("Describe"+kind, map[string]any{"Name": n.Name}, &one); err != nil {
			return err
		}
		*all = append(*all, one)
	}
	return nil
}

// reference stands for a value elsewhere, in the way that a format writes it.
type reference string

// authParameters returns how a connection authorizes, with what ask returns in the place of each secret, and of
// what else it lacks because it is deauthorized; path names it. What was asked for is noted.
func (m *Model) authParameters(c *Connection, ask func(path ...string) (name string, in any)) (map[string]any, error) {
	p := map[string]any{}
	if err := json.Unmarshal(c.AuthParameters, &p); err != nil {
		return nil, err
	}
	var asked []string
	missing := func(in map[string]any, path ...string) {
		key := path[len(path)-1]
		if _, given := in[key]; !given {
			name, value := ask(append([]string{c.Name}, path...)...)
			asked, in[key] = append(asked, name), value
		}
	}
	switch c.AuthorizationType {
	case "BASIC":
		basic := below(p, "BasicAuthParameters")
		missing(basic, "Username")
		missing(basic, "Password")
	case "API_KEY":
		key := below(p, "ApiKeyAuthParameters")
		missing(key, "ApiKeyName")
		missing(key, "ApiKeyValue")
	default:
		oauth := below(p, "OAuthParameters")
		client := below(oauth, "ClientParameters")
		missing(client, "ClientID")
		missing(client, "ClientSecret")
		missing(oauth, "AuthorizationEndpoint")
		missing(oauth, "HttpMethod")
		eachParameter(oauth, "OAuthHttpParameters", func(key string, one map[string]any) { missing(one, "OAuth", key, "Value") })
	}
	eachParameter(p, "InvocationHttpParameters", func(key string, one map[string]any) { missing(one, key, "Value") })
	m.Left = append(m.Left, fmt.Sprintf("connection %s: secrets are not shown: give %s", c.Name, strings.Join(asked, ", ")))
	return p, nil
}

// below returns an object in another, which is made where it is not there.
func below(in map[string]any, key string) map[string]any {
	object, ok := in[key].(map[string]any)
	if !ok {
		object = map[string]any{}
		in[key] = object
	}
	return object
}

// eachParameter goes through what is added to requests. Where that is nothing, it goes: Terraform takes no empty block.
func eachParameter(in map[string]any, member string, do func(key string, one map[string]any)) {
	all := below(in, member)
	if len(all) == 0 {
		delete(in, member)
	}
	for _, kind := range []string{"HeaderParameters", "QueryStringParameters", "BodyParameters"} {
		list, _ := all[kind].([]any)
		for _, item := range list {
			if one, ok := item.(map[string]any); ok {
				do(fmt.Sprint(one["Key"]), one)
			}
		}
	}
}
