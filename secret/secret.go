// Package secret resolves the references to secrets in configurations: ${NAME},
// ${NAME:-default}, ${file:PATH} and ${sealed:TEXT}, which Keys have encrypted. What they stand for is never shown.
package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mask stands for what must not be shown.
const Mask = "***"

// Source resolves the references in a configuration. The zero value reads the
// environment of the process, and files.
type Source struct {
	LookupEnv func(name string) (string, bool)
	ReadFile  func(path string) ([]byte, error)
	// Keys return the keys that open what is sealed; nil for none.
	Keys func() Keys

	limits Limits
	// unsealed refuses what is sealed: it may be of another, and was copied.
	unsealed bool
}

func (s Source) lookupEnv(name string) (string, bool) {
	if s.LookupEnv == nil {
		return os.LookupEnv(name)
	}
	return s.LookupEnv(name)
}

// Read returns the contents of a file that holds a secret: a regular one of up to 64 KiB.
func (s Source) Read(path string) ([]byte, error) {
	if err := s.limits.file(path); err != nil {
		return nil, err
	}
	if s.ReadFile == nil {
		return readFile(path)
	}
	return s.ReadFile(path)
}

// Text is a configured text with its references resolved.
type Text struct {
	Value string
	// secret holds the parts of value that came from outside the configuration,
	// in order.
	secret []span
}

type span struct{ from, to int }

// Expand resolves the references in text; relative paths start at dir. $${
// stands for a literal ${.
func (s Source) Expand(text, dir string) (Text, error) {
	var out strings.Builder
	var secret []span
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			out.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return Text{}, errors.New("a ${ is never closed: write } after the name, or $${ for the characters themselves")
		}
		value, fromOutside, err := s.resolve(text[i+2:i+end], dir)
		if err != nil {
			return Text{}, err
		}
		out.WriteString(text[:i])
		if fromOutside {
			secret = append(secret, span{out.Len(), out.Len() + len(value)})
		}
		out.WriteString(value)
		text = text[i+end+1:]
	}
	out.WriteString(text)
	return Text{out.String(), secret}, nil
}

// resolve returns what one reference stands for, and whether it came from outside
// the configuration.
func (s Source) resolve(ref, dir string) (value string, fromOutside bool, err error) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		b, err := s.Read(ResolvePath(dir, path))
		if err != nil {
			return "", false, fmt.Errorf("${file:%s}: %w", path, err)
		}
		return strings.TrimRight(string(b), "\r\n"), true, nil
	}
	if text, ok := strings.CutPrefix(ref, sealed); ok {
		plain, err := s.open(text)
		return plain, true, err
	}
	name, fallback, hasFallback := strings.Cut(ref, ":-")
	if !validEnvName(name) {
		return "", false, fmt.Errorf("${%s} is no reference: write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for the characters themselves", ref)
	}
	if err := s.limits.env(name); err != nil {
		return "", false, err
	}
	// As in a shell, an empty variable counts as one that is not set.
	if value, ok := s.lookupEnv(name); ok && (value != "" || !hasFallback) {
		return value, true, nil
	}
	if !hasFallback {
		return "", false, fmt.Errorf("environment variable %s is not set: set it, or give a default with ${%s:-default}", name, name)
	}
	return fallback, false, nil
}

func (s Source) open(text string) (string, error) {
	switch {
	case s.unsealed:
		return "", errors.New("rule files may not refer to encrypted secrets where secrets: in the configuration limits what they refer to")
	case s.Keys == nil:
		return Keys(nil).open(text)
	}
	return s.Keys().open(text)
}

func validEnvName(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// Masked returns the value with its secret parts hidden.
func (e Text) Masked() string {
	var out strings.Builder
	at := 0
	for _, s := range e.secret {
		if s.from < s.to {
			out.WriteString(e.Value[at:s.from] + Mask)
			at = s.to
		}
	}
	return out.String() + e.Value[at:]
}

// Slice returns what stands between two offsets of the value.
func (e Text) Slice(from, to int) Text {
	out := Text{Value: e.Value[from:to]}
	for _, s := range e.secret {
		if s.to > from && s.from < to {
			out.secret = append(out.secret, span{max(s.from, from) - from, min(s.to, to) - from})
		}
	}
	return out
}

// Open returns the text with nothing in it taken for a secret.
func (e Text) Open() Text { return Text{Value: e.Value} }

// Secrets returns the secret parts.
func (e Text) Secrets() []string {
	var out []string
	for _, s := range e.secret {
		out = append(out, e.Value[s.from:s.to])
	}
	return out
}

// ResolvePath returns a path of a file in dir; relative ones start there.
func ResolvePath(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
