package remote

import (
	"cmp"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/secret"
)

// Hidden replaces secrets where a server, or the network, repeats them.
type Hidden struct{ replacer *strings.Replacer }

// minHidden is the least length of a secret to look for; shorter ones would garble any
// text. minWord is that of a part of one.
const (
	minHidden = 4
	minWord   = 8
)

// NewHidden returns what hides the given texts, and their longer parts, such as the
// token of "Bearer token", also as JSON, HTML and URLs write them.
func NewHidden(secrets []string) Hidden {
	var all []string
	for _, text := range secrets {
		all = append(all, forms(text, minHidden)...)
		for _, word := range strings.FieldsFunc(text, separates) {
			all = append(all, forms(word, minWord)...)
		}
	}
	// At one place the replacer takes the first that fits: the longest, so that no part
	// of it stays.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, text := range slices.Compact(all) {
		pairs = append(pairs, text, secret.Mask)
	}
	return Hidden{strings.NewReplacer(pairs...)}
}

func separates(r rune) bool { return strings.ContainsRune(" \t;,:=&?@/\"", r) }

// forms returns the ways in which a text of a least length is written.
func forms(text string, least int) []string {
	if len(text) < least {
		return nil
	}
	quoted, _ := json.Marshal(text) // a string can always be written
	escaped, literal := html.EscapeString(text), strconv.Quote(text)
	out := []string{
		text, string(quoted[1 : len(quoted)-1]), literal[1 : len(literal)-1], escaped,
		strings.ReplaceAll(escaped, "&#34;", "&quot;"), url.QueryEscape(text), url.PathEscape(text),
	}
	for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if plain, err := unescape(text); err == nil && len(plain) >= least {
			out = append(out, plain)
		}
	}
	return out
}

// In returns text without the secrets.
func (h Hidden) In(text string) string { return h.replacer.Replace(text) }

// InBytes returns text without the secrets: text itself where it has none.
func (h Hidden) InBytes(text []byte) []byte {
	if shown := h.In(string(text)); shown != string(text) {
		return []byte(shown)
	}
	return text
}

// InError returns an error whose text is without the secrets.
func (h Hidden) InError(err error) error {
	if text := h.In(err.Error()); text != err.Error() {
		return &HiddenError{text, err}
	}
	return err
}

// HiddenError is an error whose text replaces that of its cause.
type HiddenError struct {
	Text  string
	Cause error
}

func (e *HiddenError) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *HiddenError) Unwrap() error { return e.Cause }
