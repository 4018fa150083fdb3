package remote

import (
	"net/url"

	"signalbox/secret"
	"signalbox/targets"
)

// Login is who logs in. Both may hold references to secrets.
type Login struct {
	// User is who logs in; else the URL says it. It may hold references to secrets.
	User string `yaml:"user" example:"signalbox" with:"{password: example-of-a-password}"`
	// Password is the user's. It may hold references to secrets.
	Password string `yaml:"password" example:"example-of-a-password" with:"{user: signalbox}"`
}

// Validate reports references that can't be resolved.
func (l *Login) Validate(v *targets.Validation) {
	v.Expand([]string{"user"}, l.User)
	v.Expand([]string{"password"}, l.Password)
}

// CheckURL reports a user in a URL who has no password anywhere.
func (l *Login) CheckURL(u *url.URL, v *targets.Validation) {
	if _, has := u.User.Password(); u.User != nil && !has && l.Password == "" {
		v.Fail([]string{"url"}, "has a user without a password: write :PASSWORD@ where there is no user")
	}
}

// Together reports a user without a password, and a password without a user.
func (l *Login) Together(v *targets.Validation) {
	if (l.User == "") != (l.Password == "") {
		v.Fail([]string{"user"}, "user and password go together")
	}
}

// Of returns the user and the password, else those of a URL, and what of them is secret.
func (l *Login) Of(u *url.URL, s secret.Source, dir string) (user, password string, secrets []string, err error) {
	user = u.User.Username()
	password, _ = u.User.Password()
	for _, own := range []struct {
		text string
		to   *string
	}{{l.User, &user}, {l.Password, &password}} {
		if own.text == "" {
			continue
		}
		e, err := s.Expand(own.text, dir)
		if err != nil {
			return "", "", nil, err
		}
		*own.to = e.Value
		secrets = append(secrets, e.Secrets()...)
	}
	return user, password, append(secrets, password), nil
}
