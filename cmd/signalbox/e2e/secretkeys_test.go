package e2e

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// TestSecretKeysAreReloaded: a key holds from the next reload on, and one that is still needed can't go.
func TestSecretKeysAreReloaded(t *testing.T) {
	p := newProcess(t, "rules: []\n")
	config := p.read("config.yaml")
	p.start()
	client := eventbridge.New(eventbridge.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(p.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	create := func(name, fault string) {
		t.Helper()
		_, err := client.CreateConnection(t.Context(), &eventbridge.CreateConnectionInput{
			Name: &name, AuthorizationType: types.ConnectionAuthorizationTypeBasic,
			AuthParameters: &types.CreateConnectionAuthRequestParameters{
				BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("u"), Password: aws.String("p")},
			},
		})
		if (err != nil) != (fault != "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("connection %s: got %v, want %q", name, err, fault)
		}
	}
	reload := func(want int, keys ...string) {
		t.Helper()
		p.write("config.yaml", config+"secret_keys: ["+strings.Join(keys, ", ")+"]\n")
		if got := p.reload(); got != want {
			t.Errorf("%d keys: a reload answers %d, want %d", len(keys), got, want)
		}
	}
	first, second := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("1", 32))), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("2", 32)))

	create("a", "set secret_keys in the configuration")
	reload(200, first)
	create("a", "")
	reload(200, second, first)
	create("b", "")
	reload(400, second)
	create("c", `connections/a.json`)
	reload(200, second, first)
	if _, err := client.UpdateConnection(t.Context(), &eventbridge.UpdateConnectionInput{
		Name: aws.String("a"),
		AuthParameters: &types.UpdateConnectionAuthRequestParameters{
			BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Password: aws.String("q")},
		},
	}); err != nil {
		t.Fatal(err)
	}
	reload(200, second)
	p.kill()
	p.start()
	create("c", "")
	out, err := client.ListConnections(t.Context(), &eventbridge.ListConnectionsInput{})
	if err != nil || len(out.Connections) != 3 {
		t.Errorf("got %d connections, %v", len(out.Connections), err)
	}
}
