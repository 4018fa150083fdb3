package awscredentials

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// services stands for the token service, a container's service and a machine's.
type services struct {
	*httptest.Server
	asked []string
	end   time.Time
}

func newServices(t *testing.T) *services {
	s := &services{end: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *services) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.asked = append(s.asked, q.Method+" "+q.URL.Path)
	answer := func(name string) {
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":"%s","SecretAccessKey":"key","Token":"token","Expiration":"%s"}`, name, s.end.Format(time.RFC3339))
	}
	switch {
	case q.Method == http.MethodPost && q.FormValue("WebIdentityToken") == "jwt" && q.FormValue("RoleArn") == "arn:role" && q.FormValue("Action") == "AssumeRoleWithWebIdentity":
		_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>web</AccessKeyId><SecretAccessKey>key</SecretAccessKey><SessionToken>token</SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, s.end.Format(time.RFC3339))
	case q.URL.Path == "/container" && q.Header.Get("Authorization") == "bearer":
		answer("container")
	case q.Method == http.MethodPut && q.URL.Path == "/latest/api/token" && q.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "":
		_, _ = io.WriteString(w, "session")
	case q.Header.Get("X-Aws-Ec2-Metadata-Token") != "session":
		w.WriteHeader(http.StatusUnauthorized)
	case q.URL.Path == "/latest/meta-data/iam/security-credentials/":
		_, _ = io.WriteString(w, "role of it")
	case q.URL.Path == "/latest/meta-data/iam/security-credentials/role of it":
		answer("machine")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const profiles = "# mine\n[default]\naws_access_key_id = shared\naws_secret_access_key=key\n\n[ other ]\naws_access_key_id=other\naws_secret_access_key=key\naws_session_token = token\n[half]\naws_access_key_id=half\n"

func TestPlaces(t *testing.T) {
	s := newServices(t)
	path := file(t, profiles)
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "credentials"), []byte(profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	none := map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}
	for name, tt := range map[string]struct {
		env       map[string]string
		id, token string
		expires   bool
		want      string // of the error
	}{
		"none":                   {env: none, want: "there are no credentials: set access_key_id"},
		"environment":            {env: map[string]string{"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "key", "AWS_PROFILE": "other"}, id: "env"},
		"half an environment":    {env: map[string]string{"AWS_ACCESS_KEY_ID": "env"}, want: "credentials of the environment: one of"},
		"shared":                 {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": path}, id: "shared", expires: true},
		"another profile":        {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "other"}, id: "other", token: "token", expires: true},
		"at home":                {env: map[string]string{"HOME": home}, id: "shared", expires: true},
		"half a profile":         {env: map[string]string{"HOME": home, "AWS_PROFILE": "half"}, want: `profile "half": one of`},
		"no such profile":        {env: map[string]string{"HOME": home, "AWS_PROFILE": "nobody"}, want: `profile "nobody": one of`},
		"no such file":           {env: map[string]string{"AWS_SHARED_CREDENTIALS_FILE": path + "x"}, want: "credentials of the shared file: "},
		"web identity":           {env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file(t, "jwt\n"), "AWS_ROLE_ARN": "arn:role", "AWS_ENDPOINT_URL_STS": s.URL, "HOME": home}, id: "web", token: "token", expires: true},
		"a refused web identity": {env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file(t, "secret-jwt"), "AWS_ROLE_ARN": "arn:role", "AWS_ENDPOINT_URL_STS": s.URL}, want: "credentials of the web identity: "},
		"container":              {env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file(t, "bearer\n")}, id: "container", token: "token", expires: true},
		"a refusing container":   {env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": s.URL + "/container"}, want: "credentials of the container: "},
		"a container elsewhere":  {env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"}, want: "is neither of this machine nor https"},
		"machine":                {env: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": s.URL + "/"}, id: "machine", token: "token", expires: true},
		"no machine of AWS":      {env: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, want: "there are no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			source := Source{Region: "eu-central-1", Client: s.Client(), Secrets: secret.Source{LookupEnv: func(name string) (string, bool) {
				value, ok := tt.env[name]
				return value, ok
			}}}
			got, err := source.New().Retrieve(t.Context())
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-jwt") {
					t.Errorf("got %v, %v, want %q", got, err, tt.want)
				}
				return
			}
			if err != nil || got.AccessKeyID != tt.id || got.SecretAccessKey != "key" || got.SessionToken != tt.token || got.CanExpire != tt.expires {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestRuleFilesThatMayNotReadTheEnvironment get no credentials of the machine.
func TestRuleFilesThatMayNotReadTheEnvironment(t *testing.T) {
	limited := secret.Source{}.Limited(secret.Limits{Env: []string{"SHOP_*"}}, "")
	_, err := Source{Secrets: limited}.New().Retrieve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "rule files may not refer to the environment variable AWS_ACCESS_KEY_ID") {
		t.Error(err)
	}
}

// TestTheyAreFetchedOnce until they are about to expire.
func TestTheyAreFetchedOnce(t *testing.T) {
	s := newServices(t)
	source := Source{Secrets: secret.Source{LookupEnv: func(name string) (string, bool) {
		return s.URL, name == "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	}}}
	provider := source.New()
	for range 5 {
		if _, err := provider.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.asked) != 3 { // the session, the role, its credentials
		t.Errorf("asked %v", s.asked)
	}
	s.asked, s.end = nil, time.Now().Add(expiryWindow-time.Minute)
	provider = source.New()
	for range 2 {
		if _, err := provider.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.asked) != 6 {
		t.Errorf("asked %v, want each time, as they are about to expire", s.asked)
	}
}
