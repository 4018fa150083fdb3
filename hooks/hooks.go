// Package hooks says how webhooks of other systems are verified, and which events they become.
package hooks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"signalbox/hooks/signature"
	"signalbox/secret"
)

// Hook is one way in for webhooks. It does not change.
type Hook struct {
	Name string
	// Verify names how it is verified, one of the keys of providers.
	Verify string
	// Bus is where its events go; empty for the default one.
	Bus string
	// Resolved is a hash of what its secrets stand for.
	Resolved secret.Hash

	verifier signature.Verifier
	source   string
	programs
	defaults *defaults
}

// Open reports whether the hook takes requests of everybody.
func (h *Hook) Open() bool { return h.Verify == VerifyNone }

// Head looks at the headers of a request, and returns what checks its body. The error may
// be told to the sender.
func (h *Hook) Head(header http.Header, now time.Time) (signature.Check, error) {
	return h.verifier.Head(header, now)
}

// Quiet reports whether the sender shows what it is answered to people, so that it is
// answered with nothing: Slack does after a slash command.
func (h *Hook) Quiet() bool { return h.Verify == VerifySlack }

// Challenge returns the answer to a request by which the sender finds out whether its
// address is right, and false for any other request. Slack has one:
// https://docs.slack.dev/reference/events/url_verification
func (h *Hook) Challenge(body []byte) (answer string, ok bool) {
	if h.Verify != VerifySlack {
		return "", false
	}
	var asked struct{ Type, Challenge string }
	if json.Unmarshal(body, &asked) != nil || asked.Type != "url_verification" {
		return "", false
	}
	return asked.Challenge, true
}

// Format shows the name alone, under every verb: a hook holds secrets.
func (h *Hook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "hook "+h.Name) }
