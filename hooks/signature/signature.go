// Package signature makes and checks what shows, in the headers of a request, that its
// sender knows a secret: an HMAC in a form that can be described, Standard Webhooks,
// Stripe's header, a login and a token.
package signature

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Check tells whether a body is what its sender signed.
type Check func(body []byte) error

// Verifier checks requests. Its errors may be told to the sender: they hold no secret.
type Verifier interface {
	// Head looks at the headers of a request, at a time, and returns what checks its body.
	Head(header http.Header, now time.Time) (Check, error)
}

// ErrMismatch is the error of a signature that none of the secrets makes.
var ErrMismatch = errors.New("the signature does not match: the secret, or what lies between sender and router, is another")

// Field is one header.
type Field struct{ Name, Value string }

// DefaultTolerance is how far the time of a signature may be from now where nothing else is
// said, as Stripe, Slack and Standard Webhooks have it.
const DefaultTolerance = 5 * time.Minute

func missing(header string) error { return fmt.Errorf("the request has no header %s", header) }

// fresh returns an error for a time, as a header has it, that is further from now than
// the tolerance: the request may be an old one that is sent again.
func fresh(header, text string, now time.Time, tolerance time.Duration) error {
	at, err := parseTime(text)
	if err != nil {
		return fmt.Errorf("header %s: %.40q is no time: it must be in Unix seconds, Unix milliseconds or RFC 3339", header, text)
	}
	if age := now.Sub(at); age.Abs() > tolerance {
		return fmt.Errorf("the signature is of another time: header %s is %v from the router's clock, and %v are allowed", header, age.Round(time.Second), tolerance)
	}
	return nil
}

// milliseconds is from where on a number is one of milliseconds: as seconds it would be in
// the year 5138.
const milliseconds = 100_000_000_000

func parseTime(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Parse(time.RFC3339, text)
	case n >= milliseconds || n <= -milliseconds:
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}
