package event

import "bytes"

// TypeIn returns the detail-type in an envelope that AppendEnvelope has written, without
// reading the rest; empty where it is another text.
func TypeIn(envelope []byte) string {
	rest, ok := bytes.CutPrefix(envelope, []byte(`{"version":"0","id":`))
	if !ok {
		return ""
	}
	n := quotedLen(rest)
	if rest, ok = bytes.CutPrefix(rest[n:], []byte(`,"detail-type":`)); !ok {
		return ""
	}
	if n = quotedLen(rest); n == 0 {
		return ""
	}
	text, err := unquote(rest[:n])
	if err != nil {
		return ""
	}
	return text
}

// quotedLen returns how long the string is that a text begins with, with its quotes; 0 where
// it begins with none.
func quotedLen(text []byte) int {
	if len(text) == 0 || text[0] != '"' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
