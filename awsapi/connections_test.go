package awsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"signalbox/config"
	"signalbox/dlq"
	"signalbox/journal/store"
)

const (
	secretKey = "c2lnbmFsYm94LXRlc3Qta2V5LW9mLTMyLWJ5dGVzISE=" // 32 bytes
	otherKey  = "YW5vdGhlci10ZXN0LWtleS1vZi10aGlydHktdHdvLWI="
	password  = "p4ssw0rd-of-the-crm"
)

// startSealing runs a router that has keys for secrets.
func startSealing(t *testing.T, disk *store.Disk, dir string, keys ...string) *running {
	t.Helper()
	write(t, dir, "config.yaml", "rules: [rules.yaml]\naccount: \""+account+"\"\nregion: "+region+"\nsecret_keys: ["+strings.Join(keys, ", ")+"]\n")
	if _, err := os.Stat(dir + "/rules.yaml"); err != nil {
		write(t, dir, "rules.yaml", "rules: []\n")
	}
	return start(t, dir, disk)
}

// uuids stand for what is random.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(-[0-9a-f]{6})?`)

func (r *running) masked(t *testing.T, operation, body string) string {
	t.Helper()
	return uuids.ReplaceAllString(times.ReplaceAllString(r.answer(t, operation, body), "${1}T"), "U")
}

// TestAnswersOfConnections holds what is answered to what AWS was recorded to answer, one request after the other.
func TestAnswersOfConnections(t *testing.T) {
	r := startSealing(t, store.InMemory(), t.TempDir(), secretKey)
	const times3 = `"CreationTime":T,"LastModifiedTime":T,"LastAuthorizedTime":T`
	arn := arnOf + "connection/"
	secretOf := func(name string) string {
		return `"SecretArn":"arn:aws:secretsmanager:` + region + ":" + account + ":secret:events!connection/" + name + `/U"`
	}
	for i, test := range []struct{ operation, body, want string }{
		{"CreateConnection", `{"Name":"b","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"me","Password":"` + password + `"},"InvocationHttpParameters":{}}}`,
			`{"ConnectionArn":"` + arn + `b/U","ConnectionState":"AUTHORIZED","CreationTime":T,"LastModifiedTime":T}`},
		{"CreateConnection", `{"Name":"b","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"me","Password":"x"}}}`,
			"ResourceAlreadyExistsException: Connection b already exists."},
		{"DescribeConnection", `{"Name":"b"}`, `{"Name":"b","ConnectionArn":"` + arn + `b/U","ConnectionState":"AUTHORIZED","AuthorizationType":"BASIC",` + secretOf("b") +
			`,"AuthParameters":{"BasicAuthParameters":{"Username":"me"},"InvocationHttpParameters":{}},` + times3 + `}`},
		{"CreateConnection", `{"Name":"k","Description":"D","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"` + password + `"},` +
			`"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-A","Value":"open"},{"Key":"X-B","Value":"` + password + `","IsValueSecret":true}]}}}`,
			`{"ConnectionArn":"` + arn + `k/U","ConnectionState":"AUTHORIZED","CreationTime":T,"LastModifiedTime":T}`},
		{"DescribeConnection", `{"Name":"k"}`, `{"Name":"k","Description":"D","ConnectionArn":"` + arn + `k/U","ConnectionState":"AUTHORIZED","AuthorizationType":"API_KEY",` + secretOf("k") +
			`,"AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-A","Value":"open","IsValueSecret":false},{"Key":"X-B","IsValueSecret":true}]}},` + times3 + `}`},
		{"CreateConnection", `{"Name":"o","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"id","ClientSecret":"` + password +
			`"},"AuthorizationEndpoint":"https://login.example.com/token","HttpMethod":"POST"}}}`,
			`{"ConnectionArn":"` + arn + `o/U","ConnectionState":"AUTHORIZING","CreationTime":T,"LastModifiedTime":T}`},
		{"DescribeConnection", `{"Name":"o"}`, `{"Name":"o","ConnectionArn":"` + arn + `o/U","ConnectionState":"AUTHORIZED","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS",` + secretOf("o") +
			`,"AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"id"},"AuthorizationEndpoint":"https://login.example.com/token","HttpMethod":"POST"}},` + times3 + `}`},
		{"DescribeConnection", `{"Name":"x"}`, "ResourceNotFoundException: Failed to describe the connection(s). Connection 'x' does not exist."},
		{"ListConnections", `{"NamePrefix":"k"}`, `{"Connections":[{"Name":"k","ConnectionArn":"` + arn + `k/U","ConnectionState":"AUTHORIZED","AuthorizationType":"API_KEY",` + times3 + `}]}`},
		{"ListConnections", `{"ConnectionState":"CREATING"}`, `{"Connections":[]}`},
		{"CreateConnection", `{"Name":"This should fail with two errors 123467890123412341234123412341234","AuthorizationType":"INVALID","AuthParameters":{}}`,
			"ValidationException: 3 validation errors detected: Value 'This should fail with two errors 123467890123412341234123412341234' at 'name' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+; Value 'This should fail with two errors 123467890123412341234123412341234' at 'name' failed to satisfy constraint: ` +
				"Member must have length less than or equal to 64; Value 'INVALID' at 'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"},
		{"CreateConnection", `{"Name":"n","AuthorizationType":"BASIC","AuthParameters":{}}`, "ValidationException: Parameter(s) BasicAuthParameters must be specified for the authorization type BASIC."},
		{"UpdateConnection", `{"Name":"k","Description":"","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"you","Password":"p"}}}`,
			`{"ConnectionArn":"` + arn + `k/U","ConnectionState":"AUTHORIZED",` + times3 + `}`},
		{"DescribeConnection", `{"Name":"k"}`, `{"Name":"k","ConnectionArn":"` + arn + `k/U","ConnectionState":"AUTHORIZED","AuthorizationType":"BASIC",` + secretOf("k") +
			`,"AuthParameters":{"BasicAuthParameters":{"Username":"you"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-A","Value":"open","IsValueSecret":false},{"Key":"X-B","IsValueSecret":true}]}},` + times3 + `}`},
		{"UpdateConnection", `{"Name":"x"}`, "ResourceNotFoundException: Failed to describe the connection(s). Connection 'x' does not exist."},

		{"CreateApiDestination", `{"Name":"d","ConnectionArn":"invalid-connection-arn","HttpMethod":"INVALID_METHOD","InvocationEndpoint":"invalid-endpoint"}`,
			"ValidationException: 2 validation errors detected: Value 'invalid-connection-arn' at 'connectionArn' failed to satisfy constraint: Member must satisfy regular expression pattern: " +
				`^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$; Value 'INVALID_METHOD' at 'httpMethod' failed to satisfy constraint: ` +
				"Member must satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]"},
		{"CreateApiDestination", `{"Name":"d","ConnectionArn":"` + arn + `x/00000000-0000-4000-8000-000000000000","HttpMethod":"POST","InvocationEndpoint":"https://example.com"}`,
			"ResourceNotFoundException: Connection 'x' does not exist."},
		{"DescribeApiDestination", `{"Name":"d"}`, "ResourceNotFoundException: Failed to describe the api-destination(s). An api-destination 'd' does not exist."},
		{"DeleteApiDestination", `{"Name":"d"}`, "ResourceNotFoundException: Failed to describe the api-destination(s). An api-destination 'd' does not exist."},
		{"DeleteConnection", `{"Name":"b"}`, `{"ConnectionArn":"` + arn + `b/U","ConnectionState":"DELETING",` + times3 + `}`},
		{"DescribeConnection", `{"Name":"b"}`, "ResourceNotFoundException: Failed to describe the connection(s). Connection 'b' does not exist."},
	} {
		if got := r.masked(t, test.operation, test.body); got != test.want {
			t.Errorf("%d: %s %s:\ngot  %s\nwant %s", i, test.operation, test.body, got, test.want)
		}
	}

	described, err := client(t, r.url).DescribeConnection(t.Context(), &eventbridge.DescribeConnectionInput{Name: aws.String("o")})
	must(t, err)
	destination := func(operation, more string) string {
		return r.masked(t, operation, `{"Name":"d"`+more+`}`)
	}
	const answer = `{"ApiDestinationArn":"` + arnOf + `api-destination/d/U","ApiDestinationState":"ACTIVE","CreationTime":T,"LastModifiedTime":T}`
	if got := destination("CreateApiDestination", `,"ConnectionArn":"`+*described.ConnectionArn+`","HttpMethod":"PUT","InvocationEndpoint":"https://example.com/*/in","Description":"D"`); got != answer {
		t.Error(got)
	}
	if got := destination("CreateApiDestination", `,"ConnectionArn":"`+*described.ConnectionArn+`","HttpMethod":"PUT","InvocationEndpoint":"https://example.com"`); got != "ResourceAlreadyExistsException: An api-destination 'd' already exists." {
		t.Error(got)
	}
	shown := func(method, rate, more string) string {
		return `{"ApiDestinationArn":"` + arnOf + `api-destination/d/U","Name":"d",` + more + `"ApiDestinationState":"ACTIVE","ConnectionArn":"` + arn + `o/U","InvocationEndpoint":"https://example.com/*/in","HttpMethod":"` + method +
			`","InvocationRateLimitPerSecond":` + rate + `,"CreationTime":T,"LastModifiedTime":T}`
	}
	if got, want := destination("DescribeApiDestination", ""), shown("PUT", "300", `"Description":"D",`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := destination("UpdateApiDestination", `,"HttpMethod":"HEAD","InvocationRateLimitPerSecond":5`); got != answer {
		t.Error(got)
	}
	if got, want := r.masked(t, "ListApiDestinations", `{"NamePrefix":"d","ConnectionArn":"`+*described.ConnectionArn+`"}`), `{"ApiDestinations":[`+shown("HEAD", "5", "")+`]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := r.masked(t, "DeleteConnection", `{"Name":"o"}`); !strings.Contains(got, `no connection \"o\"`) && !strings.Contains(got, `no connection "o"`) {
		t.Errorf("a connection in use is deleted: %s", got)
	}
	if got := destination("DeleteApiDestination", ""); got != "{}" {
		t.Error(got)
	}
}

// heard is a request that a server got.
type heard struct{ head, body string }

// TestDestinations delivers through API destinations with each kind of authorization, and after a restart.
func TestDestinations(t *testing.T) {
	got := make(chan heard, 100)
	tokens := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/token" {
			tokens++
			id, hidden := r.FormValue("client_id"), r.FormValue("client_secret")
			if r.Method == http.MethodPut {
				fields := strings.Split(string(body), "&")
				id, hidden = fmt.Sprint(fields), ""
			}
			if r.Method != http.MethodPut || !strings.Contains(id, "client_id=me") || !strings.Contains(id, "client_secret="+password) || hidden != "" || r.Header.Get("X-Own") != "h" || r.URL.RawQuery != "a=b+c" {
				t.Errorf("asked for a token with %s %s %s", r.Method, r.URL, body)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3600}`)
			return
		}
		got <- heard{fmt.Sprintf("%s %s|%s|%s|%s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("X-Key"), r.Header.Get("X-Tenant")), string(body)}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	disk := store.InMemory()
	r := startSealing(t, disk, dir, secretKey)
	c, ctx := client(t, r.url), t.Context()
	for name, p := range map[string]*types.CreateConnectionAuthRequestParameters{
		"BASIC":   {BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("me"), Password: aws.String("${HOME}")}},
		"API_KEY": {ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String(password)}},
		"OAUTH_CLIENT_CREDENTIALS": {OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
			ClientParameters:      &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("me"), ClientSecret: aws.String(password)},
			AuthorizationEndpoint: aws.String(server.URL + "/token"), HttpMethod: types.ConnectionOAuthHttpMethodPut,
			OAuthHttpParameters: &types.ConnectionHttpParameters{
				HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("X-Own"), Value: aws.String("h")}},
				QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("a"), Value: aws.String("b c")}},
			},
		}},
	} {
		p.InvocationHttpParameters = &types.ConnectionHttpParameters{
			HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("X-Tenant"), Value: aws.String("of the connection")}},
			QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("c&d")}},
			BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("tenant"), Value: aws.String("shop"), IsValueSecret: true}},
		}
		connection, err := c.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: aws.String(name), AuthorizationType: types.ConnectionAuthorizationType(name), AuthParameters: p})
		must(t, err)
		made, err := c.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
			Name: aws.String("to-" + name), ConnectionArn: connection.ConnectionArn, HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: aws.String(server.URL + "/in/*"),
		})
		must(t, err)
		_, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String(name), EventPattern: aws.String(`{"detail-type":["OrderCreated"],"detail":{"to":["` + name + `"]}}`)})
		must(t, err)
		out, err := c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String(name), Targets: []types.Target{{
			Id: aws.String("t"), Arn: made.ApiDestinationArn, InputPath: aws.String("$.detail"),
			HttpParameters: &types.HttpParameters{
				PathParameterValues: []string{"$.detail.id"}, HeaderParameters: map[string]string{"X-Tenant": "of the rule"}, QueryStringParameters: map[string]string{"q": "of the rule", "r": "1"},
			},
		}}})
		must(t, err)
		if out.FailedEntryCount != 0 {
			t.Fatal(*out.FailedEntries[0].ErrorMessage)
		}
	}
	deliver := func() {
		t.Helper()
		for name, want := range map[string]string{
			"BASIC":                    "Basic bWU6JHtIT01FfQ==||of the connection",
			"API_KEY":                  "|" + password + "|of the connection",
			"OAUTH_CLIENT_CREDENTIALS": "Bearer t0ken||of the connection",
		} {
			put(t, client(t, r.url), "default", `{"to":"`+name+`","id":"../x?y"}`)
			h := <-got
			if want := "POST /in/..%2Fx%3Fy?q=c%26d&r=1|" + want; h.head != want {
				t.Errorf("%s:\ngot  %s\nwant %s", name, h.head, want)
			}
			var body map[string]string
			if err := json.Unmarshal([]byte(h.body), &body); err != nil || body["tenant"] != "shop" || body["to"] != name {
				t.Errorf("%s: body %s, %v", name, h.body, err)
			}
		}
	}
	deliver()
	if tokens != 1 {
		t.Errorf("%d tokens were asked for", tokens)
	}
	for _, d := range r.opts.Documents.all {
		if strings.Contains(string(d.Text), password) || strings.Contains(string(d.Text), `"shop"`) {
			t.Errorf("a secret stands in %s: %s", d.Path, d.Text)
		}
	}

	must(t, r.stop())
	r = startSealing(t, disk, dir, otherKey, secretKey) // rotated
	deliver()
	must(t, r.stop())
	write(t, dir, "config.yaml", "rules: [rules.yaml]\nsecret_keys: ["+otherKey+"]\n")
	cfg, err := config.Load(dir + "/config.yaml")
	must(t, err)
	if _, err := cfg.LoadRules(r.opts.Documents.Source()); err == nil || !strings.Contains(err.Error(), "encrypted with a key that secret_keys in the configuration does not have") {
		t.Errorf("without the key: %v", err)
	}
}

// TestNoKey: without a key, secrets are refused, and nothing is kept.
func TestNoKey(t *testing.T) {
	r := startWith(t, "rules: []\n")
	got := r.answer(t, "CreateConnection", `{"Name":"b","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"me","Password":"`+password+`"}}}`)
	if !strings.HasPrefix(got, "ValidationException: The connection can't be kept: there is no key") || strings.Contains(got, password) {
		t.Error(got)
	}
	if got := r.answer(t, "ListConnections", `{}`); got != `{"Connections":[]}` {
		t.Error(got)
	}
}

// TestUpdatedConnection: what UpdateConnection leaves out stays, secrets too.
func TestUpdatedConnection(t *testing.T) {
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		got <- user + " " + pass + " " + r.Header.Get("X-A")
	}))
	t.Cleanup(server.Close)
	r := startSealing(t, store.InMemory(), t.TempDir(), secretKey)
	c, ctx := client(t, r.url), t.Context()
	connection, err := c.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: aws.String("b"), AuthorizationType: "BASIC", AuthParameters: &types.CreateConnectionAuthRequestParameters{
		BasicAuthParameters:      &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("me"), Password: aws.String(password)},
		InvocationHttpParameters: &types.ConnectionHttpParameters{HeaderParameters: []types.ConnectionHeaderParameter{{Key: aws.String("X-A"), Value: aws.String("a"), IsValueSecret: true}}},
	}})
	must(t, err)
	made, err := c.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{Name: aws.String("d"), ConnectionArn: connection.ConnectionArn, HttpMethod: "POST", InvocationEndpoint: &server.URL})
	must(t, err)
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`)
	r.answer(t, "PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"`+*made.ApiDestinationArn+`"}]}`)
	for _, test := range []struct {
		change *types.UpdateConnectionAuthRequestParameters
		want   string
	}{
		{nil, "me " + password + " a"},
		{&types.UpdateConnectionAuthRequestParameters{BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Username: aws.String("you")}}, "you " + password + " a"},
		{&types.UpdateConnectionAuthRequestParameters{InvocationHttpParameters: &types.ConnectionHttpParameters{HeaderParameters: []types.ConnectionHeaderParameter{{Key: aws.String("X-A"), Value: aws.String("new")}}}}, "you " + password + " new"},
		{&types.UpdateConnectionAuthRequestParameters{BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Password: aws.String("changed")}}, "you changed new"},
	} {
		_, err := c.UpdateConnection(ctx, &eventbridge.UpdateConnectionInput{Name: aws.String("b"), Description: aws.String("D"), AuthParameters: test.change})
		must(t, err)
		put(t, c, "default", `{}`)
		if got := <-got; got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	_, err = c.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: aws.String("gone")})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("got %v", err)
	}
}

// TestDeauthorizedConnection: nothing of what a connection authorizes with is left, and what is sent with it fails and
// says why, after a restart too, until it has something else.
func TestDeauthorizedConnection(t *testing.T) {
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		got <- user + " " + pass + " " + r.Header.Get("X-A")
	}))
	t.Cleanup(server.Close)
	dir, disk := t.TempDir(), store.InMemory()
	r := startSealing(t, disk, dir, secretKey)
	connection, err := client(t, r.url).CreateConnection(t.Context(), &eventbridge.CreateConnectionInput{Name: aws.String("b"), Description: aws.String("D"), AuthorizationType: "BASIC", AuthParameters: &types.CreateConnectionAuthRequestParameters{
		BasicAuthParameters:      &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("me"), Password: aws.String(password)},
		InvocationHttpParameters: &types.ConnectionHttpParameters{HeaderParameters: []types.ConnectionHeaderParameter{{Key: aws.String("X-A"), Value: aws.String("a"), IsValueSecret: true}}},
	}})
	must(t, err)
	made, err := client(t, r.url).CreateApiDestination(t.Context(), &eventbridge.CreateApiDestinationInput{Name: aws.String("d"), ConnectionArn: connection.ConnectionArn, HttpMethod: "POST", InvocationEndpoint: &server.URL})
	must(t, err)
	r.exchange(t,
		exchange{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`, `{"RuleArn":"` + arnOf + `rule/r"}`},
		exchange{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"` + *made.ApiDestinationArn + `","RetryPolicy":{"MaximumRetryAttempts":0}}]}`, none},
	)
	put(t, client(t, r.url), "default", `{}`)
	if got := <-got; got != "me "+password+" a" {
		t.Fatal(got)
	}

	const times3 = `"CreationTime":T,"LastModifiedTime":T,"LastAuthorizedTime":T`
	said := func(state string) string {
		return `"ConnectionArn":"` + arnOf + `connection/b/U","ConnectionState":"` + state + `",`
	}
	expect := func(operation, body, want string) {
		t.Helper()
		if got := r.masked(t, operation, body); got != want {
			t.Errorf("%s: got %s, want %s", operation, got, want)
		}
	}
	expect("DeauthorizeConnection", `{"Name":"x"}`, "ResourceNotFoundException: Failed to describe the connection(s). Connection 'x' does not exist.")
	expect("DeauthorizeConnection", `{"Name":"b"}`, `{`+said("DEAUTHORIZING")+times3+`}`)
	all, err := r.Export()
	must(t, err)
	for _, d := range all {
		if strings.Contains(string(d.Text), "sealed") || strings.Contains(string(d.Text), "X-A") {
			t.Errorf("something is left in %s", d.Text)
		}
	}
	must(t, r.stop())
	r = startSealing(t, disk, dir, secretKey)
	expect("DescribeConnection", `{"Name":"b"}`, `{"Name":"b","Description":"D",`+said("DEAUTHORIZED")+`"AuthorizationType":"BASIC","AuthParameters":{},`+times3+`}`)
	expect("ListConnections", `{"ConnectionState":"AUTHORIZED"}`, `{"Connections":[]}`)
	expect("ListConnections", `{"ConnectionState":"DEAUTHORIZED"}`, `{"Connections":[{"Name":"b",`+said("DEAUTHORIZED")+`"AuthorizationType":"BASIC",`+times3+`}]}`)
	if got := r.answer(t, "ListApiDestinations", `{}`); !strings.Contains(got, `"ApiDestinationState":"INACTIVE"`) {
		t.Error(got)
	}
	expect("UpdateApiDestination", `{"Name":"d","InvocationRateLimitPerSecond":9}`, `{"ApiDestinationArn":"`+arnOf+`api-destination/d/U","ApiDestinationState":"INACTIVE","CreationTime":T,"LastModifiedTime":T}`)
	put(t, client(t, r.url), "default", `{}`)
	eventually(t, func() bool {
		page, err := r.router.DeadLetters.List(dlq.Filter{}, "", 10)
		must(t, err)
		return len(page.Letters) == 1 && page.Letters[0].ErrorCode == "NO_PERMISSIONS" && page.Letters[0].ErrorMessage == `connection "b" is deauthorized (DeauthorizeConnection); give it another login`
	})

	expect("UpdateConnection", `{"Name":"b","Description":""}`, `{`+said("DEAUTHORIZED")+times3+`}`)
	expect("UpdateConnection", `{"Name":"b","AuthParameters":{"InvocationHttpParameters":{}}}`, "ValidationException: Parameter(s) BasicAuthParameters must be specified for the authorization type BASIC.")
	expect("UpdateConnection", `{"Name":"b","AuthParameters":{"BasicAuthParameters":{"Username":"you","Password":"p"}}}`, `{`+said("AUTHORIZED")+times3+`}`)
	if got := r.answer(t, "DescribeApiDestination", `{"Name":"d"}`); !strings.Contains(got, `"ApiDestinationState":"ACTIVE"`) {
		t.Error(got)
	}
	put(t, client(t, r.url), "default", `{}`)
	if got := <-got; got != "you p " {
		t.Errorf("got %q", got)
	}
}

// TestConnectionsBesideLimits: where secrets: limits what rule files may refer to, they can send no secret of a connection that was
// made by API, neither by its name nor by what is stored of it.
func TestConnectionsBesideLimits(t *testing.T) {
	dir := t.TempDir()
	r := startSealing(t, store.InMemory(), dir, secretKey)
	r.answer(t, "CreateConnection", `{"Name":"crm","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"`+password+`"}}}`)
	all, err := r.Export()
	must(t, err)
	sealed := regexp.MustCompile(`\$\{sealed:[^}]*\}`).FindString(string(all[0].Text))
	load := func(limits, target string) error {
		write(t, dir, "config.yaml", "rules: [rules.yaml]\nsecret_keys: ["+secretKey+"]\n"+limits)
		write(t, dir, "rules.yaml", "targets: {t: {type: http, url: \"http://127.0.0.1:1\", "+target+"}}\nrules: []\n")
		c, err := config.Load(dir + "/config.yaml")
		must(t, err)
		_, err = c.LoadRules(r.opts.Documents.Source())
		return err
	}
	for target, want := range map[string]string{
		"auth: {connection: crm}":               "was made by API and may be sent to any host",
		"headers: {X-Stolen: '" + sealed + "'}": "may not refer to encrypted secrets",
		"auth: {bearer: '" + sealed + "'}":      "may not refer to encrypted secrets",
	} {
		if err := load("secrets: {env: [SHOP_*]}\n", target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", target, err)
		}
		if err := load("", target); err != nil {
			t.Errorf("%s, where nothing is limited: %v", target, err)
		}
	}
	if err := load("secrets: {env: [SHOP_*]}\n", ""); err != nil {
		t.Errorf("the connection itself: %v", err)
	}
}
