package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Keys are the API keys that open the door. No keys at all leave it open.
type Keys struct {
	// sums are hashes, so that comparing takes the same time for all lengths.
	sums [][sha256.Size]byte
}

// minKey is the least length of a key in bytes.
const minKey = 16

// NewKeys returns the set of these keys. The errors name a bad key by its
// number alone.
func NewKeys(keys []string) (*Keys, error) {
	k := new(Keys)
	var errs []error
	for i, key := range keys {
		switch {
		case len(key) < minKey:
			errs = append(errs, fmt.Errorf("api key %d has %d bytes: use at least %d, such as those of openssl rand -hex 16", i+1, len(key), minKey))
		case strings.ContainsAny(key, "/, \t\r\n\""):
			errs = append(errs, fmt.Errorf("api key %d has a slash, a comma, a quote or white space, which headers can't carry everywhere", i+1))
		}
		k.sums = append(k.sums, sha256.Sum256([]byte(key)))
	}
	return k, errors.Join(errs...)
}

// Empty says that there are no keys.
func (k *Keys) Empty() bool { return k == nil || len(k.sums) == 0 }

// Require lets a request through to next only if it carries one of the keys,
// when there are any: as Authorization: Bearer <key>, or as the access key id of
// a request signed with AWS Signature Version 4, for AWS clients have no other
// way to send it. The signature itself is not checked: the key is the secret, so
// it has to travel over TLS or a trusted network.
func (k *Keys) Require(next http.Handler) http.Handler {
	if k.Empty() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := presentedKey(r.Header.Get("Authorization"))
		if k.has(key) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="signalbox"`)
		p := &problem{status: http.StatusUnauthorized, Code: "UnrecognizedClientException",
			Message: "an API key is needed: send Authorization: Bearer <key>, or, with an AWS client, the key as access key id"}
		if key != "" {
			p.Message = "the API key is not known"
		}
		if r.Header.Get("X-Amz-Target") != "" {
			writeAWSProblem(w, p)
			return
		}
		writeProblem(w, p)
	})
}

// SameOrigin refuses what the page of another site makes a browser send: without
// keys, or with keys that the browser knows, it would be an order of whoever looks
// at that page. What is no browser sends neither Sec-Fetch-Site nor Origin, and is
// let through.
func SameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &problem{status: http.StatusForbidden, Code: "CrossOrigin",
			Message: "a page of another site may not send this: let your server send it, or serve the page where the router is"})
	}))
	return protection.Handler(next)
}

// has compares with all keys in constant time.
func (k *Keys) has(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for i := range k.sums {
		found |= subtle.ConstantTimeCompare(sum[:], k.sums[i][:])
	}
	return found == 1
}

// presentedKey is the key in an Authorization header, empty if there is none.
func presentedKey(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(rest)
	case strings.HasPrefix(scheme, "AWS4-"):
		for part := range strings.SplitSeq(rest, ",") {
			if credential, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential="); ok {
				key, _, _ := strings.Cut(credential, "/")
				return key
			}
		}
	}
	return ""
}
