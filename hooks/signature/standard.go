package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks, https://www.standardwebhooks.com.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// What keys of Standard Webhooks begin with.
const (
	prefixSecret  = "whsec_"
	prefixPrivate = "whsk_"
	prefixPublic  = "whpk_"
)

// Key is a key of Standard Webhooks: a secret that both sides have, or one of the halves of
// an ed25519 key.
type Key struct {
	secret  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// ParseSigning returns a key that signs: whsec_ and the base64 of 24 to 64 bytes, or whsk_
// and the base64 of an ed25519 private key. Its errors do not hold the key.
func ParseSigning(text string) (Key, error) {
	if strings.HasPrefix(text, prefixPrivate) {
		return parsePrivate(text)
	}
	if strings.HasPrefix(text, prefixPublic) {
		return Key{}, errors.New("whpk_ begins a public key, which checks signatures and makes none: sign with whsk_")
	}
	return parseSecret(text, "or whsk_")
}

// ParseVerifying returns a key that checks: whsec_, or whpk_ and the base64 of an ed25519
// public key. Its errors do not hold the key.
func ParseVerifying(text string) (Key, error) {
	if strings.HasPrefix(text, prefixPrivate) {
		return Key{}, errors.New("whsk_ begins a private key, which belongs to the sender alone: check with whpk_")
	}
	encoded, ok := strings.CutPrefix(text, prefixPublic)
	if !ok {
		return parseSecret(text, "or whpk_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Key{}, errors.New("a public key is whpk_ and the base64 of 32 bytes")
	}
	return Key{public: key}, nil
}

func parseSecret(text, or string) (Key, error) {
	encoded, ok := strings.CutPrefix(text, prefixSecret)
	if !ok {
		return Key{}, fmt.Errorf("a signing secret begins with whsec_, %s for ed25519", or)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Key{}, errors.New("a signing secret is whsec_ and base64, and what follows whsec_ here is not base64")
	}
	if len(key) < 24 || len(key) > 64 {
		return Key{}, fmt.Errorf("a signing secret holds 24 to 64 bytes, this one %d", len(key))
	}
	return Key{secret: key}, nil
}

// parsePrivate reads a private key: the seed, or as most libraries write it, the seed and the
// public key.
func parsePrivate(text string) (Key, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, prefixPrivate))
	if err != nil || len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return Key{}, errors.New("a private key is whsk_ and the base64 of 32 or 64 bytes")
	}
	private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	if len(key) == ed25519.PrivateKeySize && !bytes.Equal(key, private) {
		return Key{}, errors.New("the public half of the private key is not that of its seed")
	}
	return Key{private: private}, nil
}

// SignStandard returns the value of webhook-signature: one signature for each key, of
// id.timestamp.body.
func SignStandard(keys []Key, id string, at time.Time, body []byte) string {
	out := make([]byte, 0, 64)
	content := standardContent(id, strconv.FormatInt(at.Unix(), 10), body)
	for i, key := range keys {
		if i > 0 {
			out = append(out, ' ')
		}
		version, sum := "v1,", []byte(nil)
		if key.private != nil {
			version, sum = "v1a,", ed25519.Sign(key.private, content)
		} else {
			sum = key.sum(content)
		}
		out = base64.StdEncoding.AppendEncode(append(out, version...), sum)
	}
	return string(out)
}

func (k *Key) sum(content []byte) []byte {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write(content)
	return mac.Sum(nil)
}

func standardContent(id, timestamp string, body []byte) []byte {
	out := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	out = append(append(out, id...), '.')
	out = append(append(out, timestamp...), '.')
	return append(out, body...)
}

// Standard returns what checks the signatures of Standard Webhooks.
func Standard(keys []Key, tolerance time.Duration) Verifier { return &standard{keys, tolerance} }

type standard struct {
	keys      []Key
	tolerance time.Duration
}

// Head reads the headers.
func (s *standard) Head(header http.Header, now time.Time) (Check, error) {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if header.Get(name) == "" {
			return nil, missing(name)
		}
	}
	timestamp := header.Get(HeaderTimestamp)
	if err := fresh(HeaderTimestamp, timestamp, now, s.tolerance); err != nil {
		return nil, err
	}
	var shared, asymmetric [][]byte
	for word := range strings.FieldsSeq(header.Get(HeaderSignature)) {
		version, encoded, _ := strings.Cut(word, ",")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
		case version == "v1":
			shared = append(shared, sum)
		case version == "v1a" && len(asymmetric) < maxAsymmetric:
			asymmetric = append(asymmetric, sum)
		}
	}
	if len(shared)+len(asymmetric) == 0 {
		return nil, errors.New("header " + HeaderSignature + " has no signature of version v1 or v1a")
	}
	id := header.Get(HeaderID)
	return func(body []byte) error { return s.check(standardContent(id, timestamp, body), shared, asymmetric) }, nil
}

// maxAsymmetric bounds the signatures of ed25519 in one request, as each takes a while.
const maxAsymmetric = 8

func (s *standard) check(content []byte, shared, asymmetric [][]byte) error {
	found := false
	for _, key := range s.keys {
		switch {
		case key.public != nil:
			for _, sum := range asymmetric {
				found = ed25519.Verify(key.public, content, sum) || found
			}
		case len(key.secret) > 0:
			own := key.sum(content)
			for _, sum := range shared {
				found = hmac.Equal(own, sum) || found
			}
		}
	}
	if !found {
		return ErrMismatch
	}
	return nil
}
