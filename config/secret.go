package config

import (
	"fmt"

	"signalbox/secret"
)

// Secret is a text that is never printed: not by fmt, not as JSON or YAML, not
// by a log.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String masks the secret.
func (s Secret) String() string { return secret.Mask }

// GoString masks the secret under %#v.
func (s Secret) GoString() string { return secret.Mask }

// Format masks the secret under every verb, also those for bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(secret.Mask)) }

// MarshalText masks the secret in JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(secret.Mask), nil }

// revealed returns the texts of secrets.
func revealed(secrets []Secret) []string {
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	return texts
}

// resolveWith sets what resolves references, and notes each file that is read.
func (c *Config) resolveWith(given secret.Source) {
	var files []string
	given.Keys = c.Keys
	c.given, c.secrets, c.secretFiles = given, given, &files
	c.secrets.ReadFile = func(path string) ([]byte, error) {
		files = append(files, path)
		return given.Read(path)
	}
}

// expand resolves the references in a text, which are the same as in targets.
func (c *Config) expand(text string) (string, error) {
	expanded, err := c.secrets.Expand(text, c.Dir)
	return expanded.Value, err
}
