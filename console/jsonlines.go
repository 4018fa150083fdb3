package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonLine is a line of a JSON document as it is shown.
type jsonLine struct {
	// Depth is how far it is indented.
	Depth int
	// Key is the member's name, in quotes; empty for none. Text is what follows, and Kind what
	// that is: string, number, word, or empty for brackets.
	Key, Text, Kind string
	// Path is the dotted path of the value, as patterns name it: elements of a list have that
	// of the list.
	Path string
	// Marks are what is told of the value.
	Marks []string
}

// maxShown bounds how much of a document is shown, in bytes.
const maxShown = 256 << 10

// jsonLines parts a JSON document in lines, with marks by path. What is no JSON is shown as it is.
func jsonLines(raw []byte, marks map[string][]string) []jsonLine {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", " ") != nil {
		return textLines(string(raw))
	}
	shown, cut := readable(out.Bytes()), false
	if len(shown) > maxShown {
		shown, cut = shown[:maxShown], true
	}
	w := jsonWalk{marks: marks, told: map[string]bool{}}
	for line := range bytes.Lines(shown) {
		w.line(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	if cut {
		w.lines = append(w.lines, jsonLine{Text: "… the rest is not shown"})
	}
	return w.lines
}

// readable returns JSON with <, > and & as they are, which encoders write as escapes.
func readable(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u00`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		letter := map[string]byte{`\u003c`: '<', `\u003e`: '>', `\u0026`: '&'}[string(text[i:min(i+6, len(text))])]
		if letter != 0 {
			out, i = append(out, letter), i+5
			continue
		}
		out, i = append(out, text[i], text[i+1]), i+1
	}
	return out
}

// textLines are the lines of a text.
func textLines(text string) (lines []jsonLine) {
	if len(text) > maxShown {
		text = text[:maxShown] + "\n… the rest is not shown"
	}
	for line := range strings.Lines(text) {
		lines = append(lines, jsonLine{Text: strings.ToValidUTF8(strings.TrimRight(line, "\r\n"), string(utf8.RuneError))})
	}
	return lines
}

// jsonWalk goes through the lines of an indented document.
type jsonWalk struct {
	lines []jsonLine
	path  []string // of what is open; an empty step for a list, or the whole
	marks map[string][]string
	told  map[string]bool
}

func (w *jsonWalk) line(text string) {
	rest := strings.TrimLeft(text, " ")
	l := jsonLine{Depth: len(text) - len(rest), Text: rest}
	if strings.HasPrefix(rest, "}") || strings.HasPrefix(rest, "]") {
		w.path = w.path[:max(0, len(w.path)-1)]
		w.lines = append(w.lines, l)
		return
	}
	step := ""
	if end := keyEnd(rest); end > 0 {
		_ = json.Unmarshal([]byte(rest[:end]), &step) // it was indented, so it is JSON
		l.Key, l.Text = rest[:end], strings.TrimPrefix(rest[end:], ": ")
	}
	l.Path, l.Kind = w.pathOf(step), kindOf(l.Text)
	if !w.told[l.Path] { // a list is told of once, not at each element
		l.Marks, w.told[l.Path] = w.marks[l.Path], true
	}
	w.lines = append(w.lines, l)
	if strings.HasSuffix(l.Text, "{") || strings.HasSuffix(l.Text, "[") {
		if l.Kind == "" {
			w.path = append(w.path, step)
		}
	}
}

// pathOf returns the dotted path of a step below what is open.
func (w *jsonWalk) pathOf(step string) string {
	var all []string
	for _, s := range append(append([]string{}, w.path...), step) {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, ".")
}

// keyEnd returns where the name of a member ends, with its quotes; 0 where a line has none.
func keyEnd(line string) int {
	if !strings.HasPrefix(line, `"`) {
		return 0
	}
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			if strings.HasPrefix(line[i+1:], ": ") {
				return i + 1
			}
			return 0
		}
	}
	return 0
}

func kindOf(value string) string {
	switch {
	case value == "", value[0] == '{', value[0] == '[':
		return ""
	case value[0] == '"':
		return "string"
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		return "number"
	}
	return "word"
}
