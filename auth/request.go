package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The reasons of a refusal.
var (
	ErrNoKey      = errors.New("an API key is needed: send Authorization: Bearer <key>, or sign the request with the id and secret of a key")
	ErrUnknownKey = errors.New("the API key is not known")
	ErrSignature  = errors.New("the signature does not match: the secret, or what lies between client and router, is another")
)

// maxSkew is how far the date of a signature may be from now, as AWS has it.
const maxSkew = 15 * time.Minute

// Authenticate returns the key that a request carries: as Authorization: Bearer, or by an
// AWS Signature Version 4 over the request. A signed body is read, up to maxBody bytes, and put back.
func (k *Keys) Authenticate(r *http.Request, maxBody int64) (*Key, error) {
	authorization := r.Header.Get("Authorization")
	scheme, rest, _ := strings.Cut(authorization, " ")
	switch {
	case authorization == "":
		return nil, ErrNoKey
	case strings.EqualFold(scheme, "Bearer"):
		if key := k.byToken(strings.TrimSpace(rest)); key != nil {
			return key, nil
		}
		return nil, ErrUnknownKey
	case scheme != "AWS4-HMAC-SHA256":
		return nil, ErrNoKey
	}
	s, err := parseSignature(rest)
	if err != nil {
		return nil, err
	}
	if key := k.byID(s.id); key != nil {
		return key, s.check(r, key, maxBody)
	}
	key := k.byToken(s.id)
	switch {
	case key == nil:
		return nil, ErrUnknownKey
	case !key.Unsigned:
		return nil, errors.New("an access key id alone opens nothing: give the key an id: and a secret:, or set auth.accept_unsigned: true")
	}
	return key, nil
}

// signature is the Authorization header of AWS Signature Version 4:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type signature struct {
	id, date, region, service string
	headers                   []string // those that are signed, in lower case
	value                     string
}

func parseSignature(text string) (s signature, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return s, errors.New("the Credential of the signature is not ID/DATE/REGION/SERVICE/aws4_request")
			}
			s.id, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.headers = strings.Split(value, ";")
		case "Signature":
			s.value = value
		}
	}
	if s.id == "" {
		return s, errors.New("the signature has no Credential")
	}
	return s, nil
}

// check signs the request again and compares.
func (s *signature) check(r *http.Request, key *Key, maxBody int64) error {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != s.date {
		return errors.New("the signature has no date: X-Amz-Date must be the time, such as 20060102T150405Z, and of the day in Credential")
	}
	if skew := time.Since(at).Abs(); skew > maxSkew {
		return fmt.Errorf("the signature is of another time: its date is %v from the router's clock, and %v are allowed", skew.Round(time.Second), maxSkew)
	}
	for _, must := range []string{"host", "x-amz-date"} {
		if !slices.Contains(s.headers, must) {
			return fmt.Errorf("the signature does not cover the header %s", must)
		}
	}
	for name := range r.Header {
		if name = strings.ToLower(name); meaning(name) && !slices.Contains(s.headers, name) {
			return fmt.Errorf("the signature does not cover the header %.100q", name)
		}
	}
	sum, err := bodySum(r, maxBody)
	if err != nil {
		return err
	}
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}}
	for _, name := range s.headers {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Host":
		case "Content-Length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[name] = r.Header[name]
		}
	}
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, sum, s.service, s.region, at); err != nil {
		return ErrSignature
	}
	_, rest, _ := strings.Cut(again.Header.Get("Authorization"), " ")
	mine, err := parseSignature(rest)
	if err != nil || subtle.ConstantTimeCompare([]byte(mine.value), []byte(s.value)) != 1 {
		return ErrSignature
	}
	return nil
}

// meaning reports whether a header says what is asked for, so that a signature must cover
// it: who stands between could else make another event of a signed body.
func meaning(name string) bool {
	return name == "x-amz-target" || strings.HasPrefix(name, "ce-") || strings.HasPrefix(name, "x-signalbox-")
}

// bodySum reads the body, puts it back, and returns its hash in hexadecimal digits.
func bodySum(r *http.Request, maxBody int64) (string, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
			return "", fmt.Errorf("read the body: %w", err)
		}
		if int64(len(body)) > maxBody {
			return "", fmt.Errorf("the signed body is over the limit of %d bytes", maxBody)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}
