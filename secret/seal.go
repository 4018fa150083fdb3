package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Keys seal secrets and open what was sealed. None is an empty list.
type Keys []cipher.AEAD

// keySize is the size of a key in bytes: that of AES-256.
const keySize = 32

// ParseKeys returns the keys of texts, each the base64 of 32 bytes. The first seals, all open, so that
// keys can be rotated.
func ParseKeys(texts []string) (Keys, error) {
	var keys Keys
	for i, text := range texts {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(raw) != keySize {
			return nil, fmt.Errorf("key %d is not the base64 of %d bytes: make one with openssl rand -base64 %d", i+1, keySize, keySize)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, aead)
	}
	return keys, nil
}

const (
	sealed   = "sealed:"
	sealedBy = "1." // AES-256-GCM, the nonce before the text
)

// ErrNoKey is the error of a secret that is to be sealed without a key.
var ErrNoKey = errors.New("there is no key to encrypt secrets with: set secret_keys in the configuration, to one made with openssl rand -base64 32")

// Seal returns a reference, ${sealed:…}, that stands for a text.
func (k Keys) Seal(text string) (string, error) {
	if len(k) == 0 {
		return "", ErrNoKey
	}
	out := k[0].Seal(nil, nil, []byte(text), []byte(sealedBy))
	return "${" + sealed + sealedBy + base64.RawURLEncoding.EncodeToString(out) + "}", nil
}

// open returns the text that was sealed.
func (k Keys) open(text string) (string, error) {
	encoded, ok := strings.CutPrefix(text, sealedBy)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", errors.New("${sealed:…} is not as it was written")
	}
	for _, key := range k {
		if plain, err := key.Open(nil, nil, raw, []byte(sealedBy)); err == nil {
			return string(plain), nil
		}
	}
	if len(k) == 0 {
		return "", errors.New("it is encrypted, and secret_keys in the configuration has no key: put back the one that it was encrypted with")
	}
	return "", errors.New("it is encrypted with a key that secret_keys in the configuration does not have: put it back there, after the one in use, or write the secret anew")
}

// Literal returns a text that stands for itself, whatever it holds.
func Literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }
