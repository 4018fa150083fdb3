// Package awscredentials finds the credentials with which requests to AWS are signed: those of
// the environment, of a shared file, of a web identity, of a container, or of the machine.
package awscredentials

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"signalbox/secret"
)

// Source says where credentials are looked for.
type Source struct {
	// Secrets reads the environment and files. What rule files may not refer to, it refuses.
	Secrets secret.Source
	Region  string
	// Client asks the token service of AWS for what a web identity gets.
	Client *http.Client
}

// expiryWindow is how long before their end credentials are fetched again.
const expiryWindow = 5 * time.Minute

// New returns credentials that are fetched when they are first needed, and again before they
// expire.
func (s Source) New() aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(s.find), func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = expiryWindow
	})
}

// errNone means that a place has no credentials.
var errNone = errors.New("none there")

// find returns the first credentials, in the order in which AWS's own clients look for them.
func (s Source) find(ctx context.Context) (aws.Credentials, error) {
	for _, place := range []struct {
		name string
		find func(context.Context) (aws.Credentials, error)
	}{
		{"environment", s.environment}, {"web identity", s.webIdentity}, {"shared file", s.shared},
		{"container", s.container}, {"machine (IMDS)", s.machine},
	} {
		c, err := place.find(ctx)
		if errors.Is(err, errNone) {
			continue
		}
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("credentials of the %s: %w", place.name, err)
		}
		c.Source = place.name
		return c, nil
	}
	return aws.Credentials{}, errors.New("there are no credentials: set access_key_id and secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
}

// env returns a variable, which is empty if it is not set.
func (s Source) env(name string) (string, error) {
	e, err := s.Secrets.Expand("${"+name+":-}", "")
	return e.Value, err
}

// envs returns variables.
func (s Source) envs(names ...string) ([]string, error) {
	out := make([]string, len(names))
	for i, name := range names {
		var err error
		if out[i], err = s.env(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s Source) environment(context.Context) (aws.Credentials, error) {
	v, err := s.envs("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
	switch {
	case err != nil:
		return aws.Credentials{}, err
	case v[0] == "" && v[1] == "":
		return aws.Credentials{}, errNone
	}
	return keys(v[0], v[1], v[2])
}

// keys returns credentials of which both keys are there.
func keys(id, secretKey, token string) (aws.Credentials, error) {
	if id == "" || secretKey == "" {
		return aws.Credentials{}, errors.New("one of the access key's id and the secret access key is missing")
	}
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secretKey, SessionToken: token}, nil
}

// sharedAge is how long what a shared file holds is used before the file is read again.
const sharedAge = 10 * time.Minute

// shared reads the profile of a file in the form of ~/.aws/credentials.
func (s Source) shared(context.Context) (aws.Credentials, error) {
	v, err := s.envs("AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "HOME")
	if err != nil {
		return aws.Credentials{}, err
	}
	path, profile := v[0], v[1]
	asked := path != "" || profile != ""
	if !asked && v[2] == "" {
		return aws.Credentials{}, errNone
	}
	if path == "" {
		path = filepath.Join(v[2], ".aws", "credentials")
	}
	if profile == "" {
		profile = "default"
	}
	text, err := s.Secrets.Read(path)
	if err != nil && !asked {
		return aws.Credentials{}, errNone
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	p := readProfile(string(text), profile)
	if p == nil && !asked {
		return aws.Credentials{}, errNone
	}
	c, err := keys(p["aws_access_key_id"], p["aws_secret_access_key"], p["aws_session_token"])
	if err != nil {
		return c, fmt.Errorf("%s, profile %q: %w", path, profile, err)
	}
	c.CanExpire, c.Expires = true, time.Now().Add(sharedAge+expiryWindow)
	return c, nil
}

// readProfile returns the settings of a profile; nil if there is none of that name.
func readProfile(text, name string) (settings map[string]string) {
	within := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			within = strings.TrimSpace(strings.Trim(line, "[]")) == name
		}
		key, value, ok := strings.Cut(line, "=")
		if !within {
			continue
		}
		if settings == nil {
			settings = map[string]string{}
		}
		if ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			settings[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return settings
}
