package nats

import (
	"fmt"
	"net/url"
	"strings"

	natsio "github.com/nats-io/nats.go"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/remote"
)

// Schemes are those of an address of NATS.
var Schemes = []string{"nats", "tls"}

// Access is how a client logs in: with Login, Token, or CredentialsFile (a NATS .creds file).
// Login and Token may hold references to secrets.
type Access struct {
	remote.Login `yaml:",inline"`
	// Token logs in, in place of a user. It may hold references to secrets.
	Token string `yaml:"token" example:"example-of-a-token"`
	// CredentialsFile logs in by a .creds file of NATS.
	CredentialsFile string `yaml:"credentials_file" example:"tls/nats.creds"`
}

// Addresses returns servers as the client takes them.
func Addresses(all []*url.URL) string {
	texts := make([]string, len(all))
	for i, u := range all {
		if texts[i] = u.Scheme + "://" + u.Host; u.User != nil { // the client cuts the text at each comma
			texts[i] = u.Scheme + "://" + strings.ReplaceAll(u.User.String(), ",", "%2C") + "@" + u.Host
		}
	}
	return strings.Join(texts, ",")
}

// Validate reports what is wrong with it.
func (a *Access) Validate(v *targets.Validation) {
	a.Together(v)
	a.Login.Validate(v)
	v.Expand([]string{"token"}, a.Token)
	if a.CredentialsFile != "" {
		if _, err := v.Secrets.Read(secret.ResolvePath(v.Dir, a.CredentialsFile)); err != nil {
			v.Fail([]string{"credentials_file"}, "%v", err)
		}
	}
	ways := 0
	for _, given := range []bool{a.User != "", a.Token != "", a.CredentialsFile != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		v.Fail([]string{"token"}, "give only one of user and password, token, and credentials_file")
	}
}

// Client returns the options of a client that logs in, with TLS, and what is secret in them.
func (a *Access) Client(dir string, secure remote.TLS, s secret.Source) (out []natsio.Option, secrets []string, err error) {
	texts := [3]string{a.User, a.Password, a.Token}
	for i, text := range texts {
		e, err := s.Expand(text, dir)
		if err != nil {
			return nil, nil, err
		}
		texts[i] = e.Value
		secrets = append(secrets, e.Secrets()...)
	}
	secrets = append(secrets, texts[1:]...)
	switch {
	case a.User != "":
		out = append(out, natsio.UserInfo(texts[0], texts[1]))
	case a.Token != "":
		out = append(out, natsio.Token(texts[2]))
	case a.CredentialsFile != "":
		text, err := s.Read(secret.ResolvePath(dir, a.CredentialsFile))
		if err != nil {
			return nil, nil, fmt.Errorf("credentials_file: %w", err)
		}
		out = append(out, natsio.UserCredentialBytes(text))
	}
	tlsConfig, err := secure.Config(dir, s)
	if err != nil {
		return nil, nil, err
	}
	if tlsConfig != nil {
		out = append(out, natsio.Secure(tlsConfig))
	}
	return out, secrets, nil
}
