package targets

import "strings"

// hidden replaces secrets where a server, or the network, repeats them.
type hidden struct{ replacer *strings.Replacer }

// minHidden is the least length of a secret to look for; shorter ones would
// garble any text.
const minHidden = 4

func newHidden(secrets []string) hidden {
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= minHidden {
			pairs = append(pairs, secret, mask)
		}
	}
	return hidden{strings.NewReplacer(pairs...)}
}

func (h hidden) in(text string) string { return h.replacer.Replace(text) }

// hiddenError says text in place of what its cause says.
type hiddenError struct {
	text  string
	cause error
}

func (e *hiddenError) Error() string { return e.text }

// Unwrap gives the cause.
func (e *hiddenError) Unwrap() error { return e.cause }
