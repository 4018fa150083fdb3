package awsapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"signalbox/journal/store"
)

// TestRepeatsOfCreate: an SDK repeats a request whose answer was lost under the same invocation, also past a restart, and gets the same answer;
// that the name is taken is told to all others.
func TestRepeatsOfCreate(t *testing.T) {
	r := startSealing(t, store.InMemory(), t.TempDir(), secretKey)
	call := func(invocation, operation, body string) string {
		t.Helper()
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header.Set("amz-sdk-invocation-id", invocation)
		answer, err := r.API.Call(req, operation, []byte(body))
		if err != nil {
			return err.Error()
		}
		return string(compact(answer))
	}
	const connection = `{"Name":"crm","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"AuthorizationEndpoint":"https://example.com/","HttpMethod":"POST","ClientParameters":{"ClientID":"a","ClientSecret":"b"}}}}`
	creates := []struct{ operation, body, taken string }{
		{"CreateEventBus", `{"Name":"b","Description":"B"}`, "Event bus b already exists."},
		{"CreateArchive", `{"ArchiveName":"all","EventSourceArn":"` + arnOf + `event-bus/b"}`, "Archive all already exists."},
		{"CreateConnection", connection, "Connection crm already exists."},
		{"CreateApiDestination", "", "An api-destination 'orders' already exists."},
	}
	first := map[string]string{}
	for i := range creates {
		c := &creates[i]
		if c.operation == "CreateApiDestination" {
			var connection struct{ ConnectionArn string }
			must(t, json.Unmarshal([]byte(first["CreateConnection"]), &connection))
			c.body = `{"Name":"orders","HttpMethod":"POST","InvocationEndpoint":"https://example.com/","ConnectionArn":"` + connection.ConnectionArn + `"}`
		}
		first[c.operation] = call("i-"+c.operation, c.operation, c.body)
	}
	for range 2 {
		for _, c := range creates {
			if got := call("i-"+c.operation, c.operation, c.body); got != first[c.operation] {
				t.Errorf("a repeat of %s: got %s, first %s", c.operation, got, first[c.operation])
			}
			for _, other := range []string{"another", ""} {
				if got, want := call(other, c.operation, c.body), "ResourceAlreadyExistsException: "+c.taken; got != want {
					t.Errorf("%s by %q: got %s, want %s", c.operation, other, got, want)
				}
			}
		}
		must(t, r.stop())
		r = startSealing(t, r.disk, r.dir, secretKey)
	}
	call("", "CreateEventBus", `{"Name":"c"}`)
	if got, want := call("", "CreateEventBus", `{"Name":"c"}`), "ResourceAlreadyExistsException: Event bus c already exists."; got != want {
		t.Errorf("without an invocation: got %s, want %s", got, want)
	}
}
