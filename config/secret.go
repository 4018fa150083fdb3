package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"signalbox/targets"
)

// mask is printed in place of a secret.
const mask = "***"

// Secret is a text that is never printed: not by fmt, not as JSON or YAML, not
// by a log.
type Secret string

// Reveal gives the text itself.
func (s Secret) Reveal() string { return string(s) }

// String masks the secret.
func (s Secret) String() string { return mask }

// GoString masks the secret under %#v.
func (s Secret) GoString() string { return mask }

// Format masks the secret under every verb, also those for bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// MarshalText masks the secret in JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// resolveWith sets what resolves references, and notes each file that is read.
func (c *Config) resolveWith(given targets.Secrets) {
	var files []string
	c.given, c.secrets, c.secretFiles = given, given, &files
	read := given.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	c.secrets.ReadFile = func(path string) ([]byte, error) {
		files = append(files, path)
		return read(path)
	}
}

// expand replaces the references in a text, which are the same as in targets:
// ${NAME}, ${NAME:-default} and ${file:PATH}; $${ stands for ${ itself.
func (c *Config) expand(text string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			out.WriteString(text)
			return out.String(), nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			out.WriteString(escaped + "${")
			text = rest
			continue
		}
		ref, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("a ${ is never closed: write } after the name, or $${ for the characters themselves")
		}
		value, err := c.resolve(ref)
		if err != nil {
			return "", err
		}
		out.WriteString(before + value)
		text = after
	}
}

func (c *Config) resolve(ref string) (string, error) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return c.secretFile(path)
	}
	lookup := c.secrets.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	name, fallback, hasFallback := strings.Cut(ref, ":-")
	// As in a shell, an empty variable counts as one that is not set.
	value, set := lookup(name)
	switch {
	case set && (value != "" || !hasFallback):
		return value, nil
	case hasFallback:
		return fallback, nil
	}
	return "", fmt.Errorf("environment variable %s is not set: set it, or give a default with ${%s:-default}", name, name)
}

func (c *Config) secretFile(path string) (string, error) {
	full := path
	if !filepath.IsAbs(full) {
		full = filepath.Join(c.Dir, path)
	}
	text, err := c.secrets.ReadFile(full)
	if err != nil {
		return "", fmt.Errorf("${file:%s}: %w", path, err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
