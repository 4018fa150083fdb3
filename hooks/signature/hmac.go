package signature

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HMAC describes an HMAC in a header.
type HMAC struct {
	// Header is the one that has the signature.
	Header string `yaml:"header" example:"X-Signature"`
	// Algorithm is the hash of the HMAC.
	Algorithm string `yaml:"algorithm" enum:"sha1|sha256|sha384|sha512" default:"sha256"`
	// Encoding is how the signature is written.
	Encoding string `yaml:"encoding" enum:"hex|base64|base64url" default:"hex"`
	// Prefix stands before the signature in the header, such as sha256=.
	Prefix string `yaml:"prefix" example:"sha256="`
	// TimestampHeader is the one that has the time at which the request was signed; none where it is
	// left out.
	TimestampHeader string `yaml:"timestamp_header" example:"X-Timestamp"`
	// Signed is what is signed: a text with {body}, and {timestamp} where there is one. By default it
	// is the body, after the timestamp and a dot where there is one.
	Signed string `yaml:"signed" example:"'{body}'"`
}

var algorithms = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

type encoding interface {
	EncodeToString([]byte) string
	DecodeString(string) ([]byte, error)
}

type hexEncoding struct{}

func (hexEncoding) EncodeToString(b []byte) string           { return hex.EncodeToString(b) }
func (hexEncoding) DecodeString(text string) ([]byte, error) { return hex.DecodeString(text) }

var encodings = map[string]encoding{"hex": hexEncoding{}, "base64": base64.StdEncoding, "base64url": base64.RawURLEncoding}

const (
	placeTimestamp = "{timestamp}"
	placeBody      = "{body}"
)

// SetDefaults fills in what was left out.
func (h *HMAC) SetDefaults() {
	if h.Algorithm == "" {
		h.Algorithm = "sha256"
	}
	if h.Encoding == "" {
		h.Encoding = "hex"
	}
	if h.Signed == "" {
		h.Signed = placeBody
		if h.TimestampHeader != "" {
			h.Signed = placeTimestamp + "." + placeBody
		}
	}
}

// Fault returns the first field that is wrong, by its key, and why; no key if none is.
func (h *HMAC) Fault() (key, reason string) {
	switch {
	case h.Header == "":
		return "header", "is missing: name the header that has the signature"
	case algorithms[h.Algorithm] == nil:
		return "algorithm", fmt.Sprintf("is %q: it must be one of %s", h.Algorithm, names(algorithms))
	case encodings[h.Encoding] == nil:
		return "encoding", fmt.Sprintf("is %q: it must be one of %s", h.Encoding, names(encodings))
	case strings.Count(h.Signed, placeBody) != 1:
		return "signed", "must hold {body} once"
	case h.TimestampHeader != "" && strings.Count(h.Signed, placeTimestamp) != 1:
		return "signed", "must hold {timestamp} once: a time that is not signed protects from nothing"
	case h.TimestampHeader == "" && strings.Contains(h.Signed, placeTimestamp):
		return "timestamp_header", "is missing: name the header that has the {timestamp} in signed"
	}
	return "", ""
}

func names[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// sum returns the HMAC of a body, with the timestamp as the header has it.
func (h *HMAC) sum(secret []byte, timestamp string, body []byte) []byte {
	mac := hmac.New(algorithms[h.Algorithm], secret)
	before, after, _ := strings.Cut(h.Signed, placeBody)
	mac.Write([]byte(strings.Replace(before, placeTimestamp, timestamp, 1)))
	mac.Write(body)
	mac.Write([]byte(strings.Replace(after, placeTimestamp, timestamp, 1)))
	return mac.Sum(nil)
}

// Sign returns the headers of a body that is signed at a time.
func (h *HMAC) Sign(secret, body []byte, now time.Time) []Field {
	var fields []Field
	timestamp := ""
	if h.TimestampHeader != "" {
		timestamp = strconv.FormatInt(now.Unix(), 10)
		fields = append(fields, Field{h.TimestampHeader, timestamp})
	}
	return append(fields, Field{h.Header, h.Prefix + encodings[h.Encoding].EncodeToString(h.sum(secret, timestamp, body))})
}

// Verifier returns what checks the signature. Each of the secrets may have made it.
func (h HMAC) Verifier(secrets [][]byte, tolerance time.Duration) Verifier {
	return &hmacVerifier{h, sound(secrets), tolerance}
}

// sound returns the secrets that are not empty: with an empty one everybody can sign.
func sound(secrets [][]byte) (out [][]byte) {
	for _, secret := range secrets {
		if len(secret) > 0 {
			out = append(out, secret)
		}
	}
	return out
}

type hmacVerifier struct {
	form      HMAC
	secrets   [][]byte
	tolerance time.Duration
}

// Head reads the signatures. A header may have several, with commas or blanks between, as
// some senders do while their secret changes.
func (v *hmacVerifier) Head(header http.Header, now time.Time) (Check, error) {
	var given [][]byte
	values := header.Values(v.form.Header)
	if len(values) == 0 {
		return nil, missing(v.form.Header)
	}
	for word := range strings.FieldsFuncSeq(strings.Join(values, " "), func(r rune) bool { return r == ',' || r == ' ' }) {
		encoded, ok := strings.CutPrefix(word, v.form.Prefix)
		if sum, err := encodings[v.form.Encoding].DecodeString(encoded); ok && err == nil {
			given = append(given, sum)
		}
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("header %s has no signature in %s%s", v.form.Header, v.form.Encoding, after(v.form.Prefix))
	}
	timestamp := ""
	if name := v.form.TimestampHeader; name != "" {
		if timestamp = header.Get(name); timestamp == "" {
			return nil, missing(name)
		}
		if err := fresh(name, timestamp, now, v.tolerance); err != nil {
			return nil, err
		}
	}
	return func(body []byte) error {
		return match(v.secrets, given, func(secret []byte) []byte { return v.form.sum(secret, timestamp, body) })
	}, nil
}

func after(prefix string) string {
	if prefix == "" {
		return ""
	}
	return " after " + strconv.Quote(prefix)
}

// match looks for one of the given sums among those that secrets make.
func match(secrets, given [][]byte, sum func(secret []byte) []byte) error {
	found := false
	for _, secret := range secrets {
		own := sum(secret)
		for _, g := range given {
			found = hmac.Equal(own, g) || found
		}
	}
	if !found {
		return ErrMismatch
	}
	return nil
}
