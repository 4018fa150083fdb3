package remote

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// signingSecretPrefix begins a secret of Standard Webhooks.
const signingSecretPrefix = "whsec_"

// ParseSigningSecret returns the key in a secret of Standard Webhooks. Its errors
// do not hold the secret.
func ParseSigningSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, signingSecretPrefix)
	if !ok {
		return nil, errors.New("a signing secret begins with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("a signing secret is whsec_ and base64, and what follows whsec_ here is not base64")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("a signing secret holds 24 to 64 bytes, this one %d", len(key))
	}
	return key, nil
}

// signature is the value of webhook-signature in Standard Webhooks: for each key
// v1 and the base64 HMAC-SHA256 of id.timestamp.body.
func signature(keys [][]byte, id string, at time.Time, body []byte) string {
	var out []byte
	head := append(append([]byte(id), '.'), strconv.FormatInt(at.Unix(), 10)...)
	head = append(head, '.')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ' ')
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(head)
		mac.Write(body)
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac.Sum(nil))
	}
	return string(out)
}
