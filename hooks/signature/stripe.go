package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// headerStripe has t=TIME,v1=SIGNATURE; v1 may be there several times, and other versions
// are not looked at: https://docs.stripe.com/webhooks#verify-manually
const headerStripe = "Stripe-Signature"

// Stripe returns what checks the signatures of Stripe.
func Stripe(secrets [][]byte, tolerance time.Duration) Verifier {
	return &stripe{sound(secrets), tolerance}
}

type stripe struct {
	secrets   [][]byte
	tolerance time.Duration
}

// Head reads the header.
func (s *stripe) Head(header http.Header, now time.Time) (Check, error) {
	value := header.Get(headerStripe)
	if value == "" {
		return nil, missing(headerStripe)
	}
	var timestamp string
	var given [][]byte
	for part := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			timestamp = text
		case "v1":
			if sum, err := hex.DecodeString(text); err == nil {
				given = append(given, sum)
			}
		}
	}
	if timestamp == "" || len(given) == 0 {
		return nil, errors.New("header " + headerStripe + " is not t=TIME,v1=SIGNATURE")
	}
	if err := fresh(headerStripe, timestamp, now, s.tolerance); err != nil {
		return nil, err
	}
	return func(body []byte) error {
		return match(s.secrets, given, func(secret []byte) []byte { return stripeSum(secret, timestamp, body) })
	}, nil
}

// SignStripe returns the header of a body that is signed as Stripe does.
func SignStripe(secret, body []byte, now time.Time) Field {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	return Field{headerStripe, "t=" + timestamp + ",v1=" + hex.EncodeToString(stripeSum(secret, timestamp, body))}
}

func stripeSum(secret []byte, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
