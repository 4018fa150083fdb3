package document

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// plainText is what needs no quotes in YAML, but for words that mean something else.
var plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// YAML returns a node as YAML, indented by so many spaces; lists of at most short
// characters stand on one line. Whatever its strings hold, reading it again gives the
// same values: all but plain words are in quotes.
func (n *Node) YAML(indent, short int) string {
	w := yamlWriter{short: short}
	w.write(n, indent)
	return w.String()
}

// yamlWriter writes nodes.
type yamlWriter struct {
	strings.Builder
	short int
}

// Quoted returns a text as one line of YAML (and of JSON): in double quotes, with
// escapes for control characters, or without quotes where it is a plain word.
func Quoted(text string) string {
	n := &Node{Kind: String, Text: text}
	if plainText.MatchString(text) && plainKind(text, false) == String && !n.IsAmbiguous() {
		return text
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	quoted := strings.TrimSuffix(b.String(), "\n")
	// JSON leaves these as they are, and YAML takes some of them for line breaks.
	for _, r := range []struct{ char, escape string }{{"\u007f", `\u007f`}, {"\u0085", `\u0085`}, {"\ufeff", `\ufeff`}} {
		quoted = strings.ReplaceAll(quoted, r.char, r.escape)
	}
	return quoted
}

func (w *yamlWriter) write(n *Node, indent int) {
	margin := strings.Repeat(" ", indent)
	switch {
	case n.Kind == Mapping && len(n.Members) > 0:
		for _, m := range n.Members {
			w.WriteString(margin + Quoted(m.Key) + ":")
			w.writeBelow(m.Value, indent)
		}
	case n.Kind == Sequence && len(n.Items) > 0:
		for _, item := range n.Items {
			if w.isFlow(item) || len(item.Items) > 0 {
				w.WriteString(margin + "- " + item.flow() + "\n")
				continue
			}
			// The first member stands behind the dash.
			text := item.YAML(indent+2, w.short)
			w.WriteString(margin + "- " + text[indent+2:])
		}
	default:
		w.WriteString(margin + n.flow() + "\n")
	}
}

// writeBelow writes the value of a key: on its line if it fits there.
func (w *yamlWriter) writeBelow(n *Node, indent int) {
	if w.isFlow(n) {
		w.WriteString(" " + n.flow() + "\n")
		return
	}
	w.WriteString("\n")
	w.write(n, indent+2)
}

// isFlow reports whether a value is a scalar, empty, or a short list.
func (w *yamlWriter) isFlow(n *Node) bool {
	switch n.Kind {
	case Mapping:
		return len(n.Members) == 0
	case Sequence:
		for _, item := range n.Items {
			if len(item.Items) > 0 || len(item.Members) > 1 {
				return false
			}
		}
		return len(n.Items) == 0 || len(n.flow()) <= w.short
	}
	return true
}

// flow returns a value on one line.
func (n *Node) flow() string {
	var parts []string
	switch n.Kind {
	case Null:
		return "null"
	case Bool, Number:
		return n.Text
	case String:
		return Quoted(n.Text)
	case Mapping:
		for _, m := range n.Members {
			parts = append(parts, Quoted(m.Key)+": "+m.Value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	for _, item := range n.Items {
		parts = append(parts, item.flow())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
