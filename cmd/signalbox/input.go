package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// readInput reads what an argument names: standard input for "-", the text itself
// if it is JSON, else a file.
func (c *cli) readInput(what, arg string) ([]byte, error) {
	switch trimmed := strings.TrimSpace(arg); {
	case arg == "-":
		text, err := io.ReadAll(c.stdin)
		if err != nil {
			return nil, fmt.Errorf("%s from standard input: %w", what, err)
		}
		return withoutBOM(text), nil
	case strings.HasPrefix(trimmed, "{"), strings.HasPrefix(trimmed, "["):
		return []byte(arg), nil
	}
	text, err := os.ReadFile(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return withoutBOM(text), nil
}

// withoutBOM drops the mark that some editors put before UTF-8.
func withoutBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }
