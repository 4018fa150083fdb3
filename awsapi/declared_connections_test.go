package awsapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// masked5 masks the UUIDs of connections of files, which stay the same.
func masked5(text string) string {
	for _, part := range strings.Split(text, "connection/")[1:] {
		if _, uuid, ok := strings.Cut(strings.SplitN(part, `"`, 2)[0], "/"); ok && len(uuid) == 36 && uuid[14] == '5' {
			text = strings.ReplaceAll(text, uuid, "U")
		}
	}
	return text
}

// TestDeclaredConnections: connections of files are shown without what is or may be secret, can't be changed, and API destinations
// can use them.
func TestDeclaredConnections(t *testing.T) {
	t.Setenv("CRM_USER", "the-user-of-the-environment")
	t.Setenv("CRM_PASSWORD", password)
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		got <- user + " " + pass + " " + r.Header.Get("X-A")
	}))
	t.Cleanup(server.Close)
	const files = `
connections:
  basic: {description: D, auth: {basic: {user: "me$${x}", password: "${CRM_PASSWORD}"}}, headers: {X-A: p4ssw0rd-of-the-crm}, query: {q: "1"}, body: {b: "2"}}
  hidden: {auth: {basic: {user: "${CRM_USER}", password: p4ssw0rd-of-the-crm}}}
  bearer: {auth: {bearer: p4ssw0rd-of-the-crm}}
  key: {auth: {api_key: {header: X-Key, value: p4ssw0rd-of-the-crm}}}
  oauth: {auth: {oauth2: {token_url: "https://me:p4ssw0rd-of-the-crm@login.example.com/token?key=p4ssw0rd-of-the-crm", client_id: id, client_secret: p4ssw0rd-of-the-crm, scopes: [a, b], params: {audience: p4ssw0rd-of-the-crm}}}}
  inquery: {auth: {api_key: {query: key, value: p4ssw0rd-of-the-crm}}}
  sigv4: {auth: {sigv4: {region: eu-west-1, service: events, access_key_id: a, secret_access_key: p4ssw0rd-of-the-crm}}}
  hmac: {auth: {hmac: {secret: p4ssw0rd-of-the-crm, header: X-Signature}}}
  gone: {auth: {deauthorized: it leaked}}
rules: []
`
	r := startWith(t, files)
	const since = `"CreationTime":T,"LastModifiedTime":T,"LastAuthorizedTime":T`
	of := func(name, kind string) string {
		return `"ConnectionArn":"` + arnOf + `connection/` + name + `/U","ConnectionState":"AUTHORIZED","AuthorizationType":"` + kind + `",`
	}
	var listed []string
	for _, c := range []struct{ name, kind, description, parameters string }{
		{"basic", "BASIC", `"Description":"D",`, `"BasicAuthParameters":{"Username":"me${x}"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-A","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","IsValueSecret":true}],"BodyParameters":[{"Key":"b","IsValueSecret":true}]}`},
		{"bearer", "API_KEY", "", `"ApiKeyAuthParameters":{"ApiKeyName":"Authorization"}`},
		{"hidden", "BASIC", "", `"BasicAuthParameters":{}`},
		{"key", "API_KEY", "", `"ApiKeyAuthParameters":{"ApiKeyName":"X-Key"}`},
		{"oauth", "OAUTH_CLIENT_CREDENTIALS", "", `"OAuthParameters":{"ClientParameters":{"ClientID":"id"},"AuthorizationEndpoint":"https://login.example.com/token","HttpMethod":"POST",` +
			`"OAuthHttpParameters":{"QueryStringParameters":[{"Key":"key","IsValueSecret":true}],"BodyParameters":[{"Key":"audience","IsValueSecret":true},{"Key":"scope","Value":"a b","IsValueSecret":false}]}}`},
	} {
		want := `{"Name":"` + c.name + `",` + c.description + of(c.name, c.kind) + `"AuthParameters":{` + c.parameters + `},` + since + `}`
		if got := masked5(r.masked(t, "DescribeConnection", `{"Name":"`+c.name+`"}`)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
		listed = append(listed, `{"Name":"`+c.name+`",`+of(c.name, c.kind)+since+`}`)
	}
	for state, want := range map[string]string{"": strings.Join(listed, ","), "AUTHORIZED": strings.Join(listed, ","), "DEAUTHORIZED": ""} {
		body := `{}`
		if state != "" {
			body = `{"ConnectionState":"` + state + `"}`
		}
		if got := masked5(r.masked(t, "ListConnections", body)); got != `{"Connections":[`+want+`]}` {
			t.Errorf("%s: %s", state, got)
		}
	}
	for _, name := range []string{"inquery", "sigv4", "hmac", "gone"} {
		r.exchange(t,
			exchange{"DescribeConnection", `{"Name":"` + name + `"}`, "ResourceNotFoundException: Failed to describe the connection(s). Connection '" + name + "' does not exist."},
			exchange{"CreateConnection", `{"Name":"` + name + `","AuthorizationType":"BASIC","AuthParameters":{}}`, "ResourceAlreadyExistsException: Connection " + name + " already exists."},
		)
	}
	for _, operation := range []string{"UpdateConnection", "DeauthorizeConnection", "DeleteConnection"} {
		r.exchange(t, exchange{operation, `{"Name":"basic"}`, "ManagedRuleException: Connection basic is managed by " + r.dir + "/rules.yaml: change it there."})
	}

	c, ctx := client(t, r.url), t.Context()
	described, err := c.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: aws.String("basic")})
	must(t, err)
	made, err := c.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{Name: aws.String("d"), ConnectionArn: described.ConnectionArn, HttpMethod: "POST", InvocationEndpoint: &server.URL})
	must(t, err)
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`)
	r.exchange(t, exchange{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"` + *made.ApiDestinationArn + `"}]}`, none})
	put(t, c, "default", `{}`)
	if got := <-got; got != "me${x} "+password+" "+password {
		t.Errorf("got %q", got)
	}
	write(t, r.dir, "rules.yaml", strings.Replace(files, `basic: {user: "me$${x}", password: "${CRM_PASSWORD}"}`, `hmac: {secret: "${CRM_PASSWORD}", header: X-Signature}`, 1))
	_, err = r.reloader.Reload(ctx)
	must(t, err)
	if got := r.answer(t, "ListApiDestinations", `{}`); !strings.Contains(got, `"ApiDestinationState":"ACTIVE"`) {
		t.Errorf("with another login: %s", got)
	}
	write(t, r.dir, "rules.yaml", "rules: []\n")
	if _, err := r.reloader.Reload(ctx); err == nil || !strings.Contains(err.Error(), `no connection "basic"`) {
		t.Errorf("without the connection: %v", err)
	}
}
