// Package auth says who sends a request, and what its key allows.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Right is what a caller must be allowed for a request.
type Right string

// The rights. Admin includes the others.
const (
	Nobody  Right = ""        // anybody may ask
	Send    Right = "send"    // events, commands and queries, to buses
	Read    Right = "read"    // what is there
	Operate Right = "operate" // pause, redrive, purge, reload
	Admin   Right = "admin"
)

// Rights are what a key allows.
type Rights struct {
	// Send are the buses that events may be sent to. A * stands for any characters.
	Send []string
	// Held are the rights but Send.
	Held []Right

	buses []*regexp.Regexp // Send, compiled by NewKeys
}

// May reports whether the rights include one. Send is included where any bus may be sent to.
func (r *Rights) May(right Right) bool {
	switch {
	case r == nil, right == Nobody, slices.Contains(r.Held, Admin):
		return true
	case right == Send:
		return len(r.Send) > 0
	}
	return slices.Contains(r.Held, right)
}

// MaySend reports whether events may be sent to a bus.
func (r *Rights) MaySend(bus string) bool {
	if r == nil || slices.Contains(r.Held, Admin) {
		return true
	}
	return slices.ContainsFunc(r.buses, func(form *regexp.Regexp) bool { return form.MatchString(bus) })
}

// Key is one key of a caller. Several may have one name, so that a key can be changed
// without a gap.
type Key struct {
	// Name is who the key is given to; empty for those of auth.api_keys.
	Name string
	// Token is sent as Authorization: Bearer; empty for none.
	Token string
	// ID and Secret sign requests of AWS clients with Signature Version 4.
	ID, Secret string
	// Unsigned takes Token as the access key id of an AWS client, whose signature is not
	// checked.
	Unsigned bool
	Rights   Rights
}

// minKey is the least length of a token or a secret in bytes.
const minKey = 16

// Keys are the keys that requests may carry. It does not change.
type Keys struct {
	list []Key
	// sums are hashes of the tokens, so that comparing takes the same time for all lengths.
	sums [][sha256.Size]byte
}

// NewKeys returns the set of these keys. The errors name a bad key by its number and name
// alone.
func NewKeys(keys []Key) (*Keys, error) {
	k := &Keys{list: slices.Clone(keys)}
	var errs []error
	for i, key := range keys {
		who := fmt.Sprintf("key %d", i+1)
		if key.Name != "" {
			who += fmt.Sprintf(" (%s)", key.Name)
		}
		switch {
		case key.Token == "" && key.ID == "":
			errs = append(errs, fmt.Errorf("%s has neither key: nor id: and secret:; set one", who))
		case (key.ID == "") != (key.Secret == ""):
			errs = append(errs, fmt.Errorf("%s has only one of id: and secret:; a signature needs both", who))
		}
		for _, text := range []string{key.Token, key.Secret} {
			if text != "" && len(text) < minKey {
				errs = append(errs, fmt.Errorf("%s has %d bytes: use at least %d, such as those of openssl rand -hex 16", who, len(text), minKey))
			}
		}
		if strings.ContainsAny(key.Token+key.ID, "/, \t\r\n\"") {
			errs = append(errs, fmt.Errorf("%s has a slash, a comma, a quote or white space, which headers can't carry everywhere", who))
		}
		if key.ID != "" && slices.ContainsFunc(keys[:i], func(other Key) bool { return other.ID == key.ID }) {
			errs = append(errs, fmt.Errorf("%s has the id of another one", who))
		}
		for _, form := range key.Rights.Send {
			quoted := strings.ReplaceAll(regexp.QuoteMeta(form), `\*`, ".*")
			k.list[i].Rights.buses = append(k.list[i].Rights.buses, regexp.MustCompile(`(?s)^`+quoted+`$`))
		}
		k.sums = append(k.sums, sha256.Sum256([]byte(key.Token)))
	}
	return k, errors.Join(errs...)
}

// Empty reports whether there are no keys.
func (k *Keys) Empty() bool { return k == nil || len(k.list) == 0 }

// byToken returns the key with a token, compared with all in constant time, or nil.
func (k *Keys) byToken(token string) *Key {
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(token))
	var found *Key
	for i := range k.sums {
		if subtle.ConstantTimeCompare(sum[:], k.sums[i][:]) == 1 {
			found = &k.list[i]
		}
	}
	return found
}

// byID returns the key with an access key id, or nil.
func (k *Keys) byID(id string) *Key {
	i := slices.IndexFunc(k.list, func(key Key) bool { return key.ID == id && id != "" })
	if i < 0 {
		return nil
	}
	return &k.list[i]
}

type callerKey struct{}

// WithCaller returns a context of a request that carried a key.
func WithCaller(ctx context.Context, key *Key) context.Context {
	return context.WithValue(ctx, callerKey{}, key)
}

// Caller returns the name and the rights of the key that a request carried. Nil rights allow
// all: the router has no keys.
func Caller(ctx context.Context) (name string, rights *Rights) {
	key, _ := ctx.Value(callerKey{}).(*Key)
	if key == nil {
		return "", nil
	}
	return key.Name, &key.Rights
}
