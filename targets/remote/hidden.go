package remote

import (
	"strings"

	"signalbox/secret"
)

// Hidden replaces secrets where a server, or the network, repeats them.
type Hidden struct{ replacer *strings.Replacer }

// minHidden is the least length of a secret to look for; shorter ones would
// garble any text.
const minHidden = 4

// NewHidden returns what hides the given texts.
func NewHidden(secrets []string) Hidden {
	var pairs []string
	for _, text := range secrets {
		if len(text) >= minHidden {
			pairs = append(pairs, text, secret.Mask)
		}
	}
	return Hidden{strings.NewReplacer(pairs...)}
}

// In returns text without the secrets.
func (h Hidden) In(text string) string { return h.replacer.Replace(text) }

// HiddenError is an error whose text replaces that of its cause.
type HiddenError struct {
	Text  string
	Cause error
}

func (e *HiddenError) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *HiddenError) Unwrap() error { return e.Cause }
