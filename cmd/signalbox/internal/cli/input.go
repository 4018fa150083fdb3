package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// ReadInput reads what an argument names: standard input for "-", the text itself
// if it is JSON, else a file.
func (c *Env) ReadInput(what, arg string) ([]byte, error) {
	switch {
	case arg == "-":
		text, err := io.ReadAll(c.Stdin)
		if err != nil {
			return nil, fmt.Errorf("%s from standard input: %w", what, err)
		}
		return withoutBOM(text), nil
	case IsJSON(arg):
		return []byte(arg), nil
	}
	text, err := os.ReadFile(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return withoutBOM(text), nil
}

// PatternFlag reads the flag --pattern: a file or JSON; nil where it is not given.
func (c *Env) PatternFlag(arg string) (json.RawMessage, error) {
	if arg == "" {
		return nil, nil
	}
	text, err := c.ReadInput("--pattern", arg)
	if err == nil && !json.Valid(text) {
		err = WrongUsage("--pattern: not valid JSON")
	}
	return text, err
}

// withoutBOM drops the mark that some editors put before UTF-8.
func withoutBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }

// IsJSON reports whether an argument is the text of an object or an array itself.
func IsJSON(arg string) bool {
	arg = strings.TrimSpace(arg)
	return strings.HasPrefix(arg, "{") || strings.HasPrefix(arg, "[")
}
