package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Basic returns what checks a login by name and password.
func Basic(user string, passwords [][]byte) Verifier { return &basic{user, sound(passwords)} }

type basic struct {
	user      string
	passwords [][]byte
}

// Head checks the login; the body may be any.
func (b *basic) Head(header http.Header, _ time.Time) (Check, error) {
	user, password, ok := (&http.Request{Header: header}).BasicAuth()
	if !ok {
		return nil, errors.New("the request has no login: send Authorization: Basic")
	}
	known := equal([]byte(user), []byte(b.user))
	if !oneOf([]byte(password), b.passwords) || !known {
		return nil, errors.New("the login is not known")
	}
	return anyBody, nil
}

// Token returns what checks a token: all of a header, or, where it is empty, what follows
// Bearer in Authorization.
func Token(header string, tokens [][]byte) Verifier { return &token{header, sound(tokens)} }

type token struct {
	header string
	tokens [][]byte
}

// Head checks the token; the body may be any.
func (t *token) Head(header http.Header, _ time.Time) (Check, error) {
	given := header.Get(t.header)
	if t.header == "" {
		scheme, rest, _ := strings.Cut(header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, errors.New("the request has no token: send Authorization: Bearer")
		}
		given = strings.TrimSpace(rest)
	} else if given == "" {
		return nil, missing(t.header)
	}
	if !oneOf([]byte(given), t.tokens) {
		return nil, errors.New("the token is not known")
	}
	return anyBody, nil
}

// None returns what lets every request through.
func None() Verifier { return none{} }

type none struct{}

// Head returns what takes any body.
func (none) Head(http.Header, time.Time) (Check, error) { return anyBody, nil }

func anyBody([]byte) error { return nil }

// oneOf reports whether a text is one of those, in a time that tells nothing of them.
func oneOf(text []byte, known [][]byte) bool {
	found := false
	for _, k := range known {
		found = equal(text, k) || found
	}
	return found
}

// equal compares hashes, so that the length is no secret told either.
func equal(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
