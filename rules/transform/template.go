package transform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// template is an InputTransformer ready for use: the text between placeholders,
// and what each placeholder stands for.
type template struct {
	lookup *node
	// spreads are what follows the wildcards of paths, by the numbers of the paths.
	spreads map[int]*spread
	parts   []part
	// literals is the length of all text parts, a start for the body's size.
	literals int
	raw      bool
	// isJSON means that the template is one JSON value, not lines of quoted text.
	isJSON bool
	doubts Errors // see Transform.Lint
}

// part is a run of literal text, or one placeholder.
type part struct {
	text []byte // literal text, if from is fromText
	from origin
	slot int // the number of the path, if from is fromPath
	// name is the placeholder's, for errors.
	name string
	// quoted means that the placeholder stands within a JSON string.
	quoted bool
	// offset is where the part begins in the template.
	offset int
}

// origin is where the value of a part comes from.
type origin int

const (
	fromText origin = iota
	fromPath
	fromRuleARN
	fromRuleName
	fromIngested
	fromEvent     // the event without its detail
	fromEventJSON // the whole event
)

// reserved are the placeholders that need no path.
var reserved = map[string]origin{
	"aws.events.rule-arn":             fromRuleARN,
	"aws.events.rule-name":            fromRuleName,
	"aws.events.event.ingestion-time": fromIngested,
	"aws.events.event":                fromEvent,
	"aws.events.event.json":           fromEventJSON,
}

func compileTemplate(targetID string, it *InputTransformer) (renderer, Errors) {
	t := &template{lookup: &node{}, spreads: map[int]*spread{}, raw: it.Compat == CompatRaw}
	errs := it.checkOptions()
	slots, pathErrs := t.addPaths(it.InputPathsMap)
	errs = append(errs, pathErrs...)
	if len(it.InputTemplate) > MaxTemplate {
		errs = append(errs, templateError(MaxTemplate, tooLong(len(it.InputTemplate), MaxTemplate), ""))
		return nil, errs
	}
	t.parts = split(it.InputTemplate)
	errs = append(errs, t.resolve(targetID, slots)...)
	if len(errs) > 0 {
		return nil, errs
	}
	if err := t.classify(it.InputTemplate); err != nil {
		return nil, Errors{err}
	}
	t.doubts = it.lint(t.parts)
	return t, nil
}

func (it *InputTransformer) checkOptions() Errors {
	if it.Compat == "" || it.Compat == CompatRaw {
		return nil
	}
	return Errors{{
		Path:   []any{"input_transformer", "compat"},
		Reason: fmt.Sprintf("unknown value %q", it.Compat),
		Hint:   `the only value is "raw": splice as EventBridge does, without escapes`,
	}}
}

// addPaths numbers the keys of an input_paths_map and adds their paths to the
// lookup. Keys with an error get a number too, so that the placeholders that
// name them are not reported as well.
func (t *template) addPaths(paths map[string]string) (map[string]int, Errors) {
	var errs Errors
	if len(paths) > MaxPaths {
		errs = append(errs, &Error{
			Path:   []any{"input_transformer", "input_paths_map"},
			Reason: fmt.Sprintf("%d entries, over the limit of %d", len(paths), MaxPaths),
		})
		return nil, errs
	}
	slots := make(map[string]int, len(paths))
	for slot, key := range slices.Sorted(maps.Keys(paths)) {
		slots[key] = slot
		err := checkKey(key)
		if err == nil {
			var steps []step
			if steps, err = parsePath(paths[key]); err == nil {
				p := splitPath(steps)
				t.lookup.add(p.steps, slot)
				if p.spread != nil {
					t.spreads[slot] = p.spread
				}
				continue
			}
		}
		err.Path = []any{"input_transformer", "input_paths_map", key}
		errs = append(errs, err)
	}
	return slots, errs
}

// checkKey holds a key to the EventBridge API's: [A-Za-z0-9_-]+, and none that
// begins with AWS.
func checkKey(key string) *Error {
	if len(key) >= 4 && strings.EqualFold(key[:4], "AWS.") {
		return &Error{Reason: "a key must not begin with AWS.", Hint: "such names are reserved: " + reservedNames()}
	}
	if key == "" || len(key) > MaxPath || strings.ContainsFunc(key, func(r rune) bool { return !isKeyRune(r) }) {
		return &Error{Reason: "not a valid key", Hint: "a key is 1 to 256 of A-Z a-z 0-9 _ -"}
	}
	return nil
}

func isKeyRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

func reservedNames() string {
	names := slices.Sorted(maps.Keys(reserved))
	return "<" + strings.Join(names, ">, <") + ">"
}

// split cuts a template at its placeholders and notes which of them stand
// within a JSON string.
func split(text string) []part {
	var (
		parts    []part
		start    int
		inString bool
	)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inString = !inString
		case c == '\\' && inString:
			i++
		case c == '<':
			n := placeholderLen(text[i:])
			if n == 0 {
				continue
			}
			if i > start {
				parts = append(parts, part{text: []byte(text[start:i]), offset: start})
			}
			parts = append(parts, part{from: fromPath, name: text[i+1 : i+n-1], quoted: inString, offset: i})
			start = i + n
			i = start - 1
		}
	}
	if start < len(text) {
		parts = append(parts, part{text: []byte(text[start:]), offset: start})
	}
	return parts
}

// placeholderLen is the length of the placeholder at the beginning of text, or
// 0 if < is meant as itself there, as in "a < b".
func placeholderLen(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '>' {
			if i == 1 {
				return 0
			}
			return i + 1
		}
		if !isKeyRune(rune(text[i])) && text[i] != '.' {
			return 0
		}
	}
	return 0
}

// resolve finds out what each placeholder stands for.
func (t *template) resolve(targetID string, slots map[string]int) Errors {
	var errs Errors
	for i := range t.parts {
		p := &t.parts[i]
		if p.from == fromText {
			t.literals += len(p.text)
			continue
		}
		if from, ok := reserved[p.name]; ok {
			p.from = from
			if p.quoted && (from == fromEvent || from == fromEventJSON) {
				errs = append(errs, templateError(p.offset,
					fmt.Sprintf("<%s> stands within a string", p.name),
					"it can only be a whole JSON value: write it without the quotes"))
			}
			continue
		}
		slot, ok := slots[p.name]
		if !ok {
			errs = append(errs, templateError(p.offset,
				fmt.Sprintf("InputTemplate for target %s contains invalid placeholder %s.", targetID, p.name),
				placeholderHint(p.name, slots)))
			continue
		}
		p.slot = slot
	}
	return errs
}

func placeholderHint(name string, slots map[string]int) string {
	for key := range slots {
		if strings.EqualFold(key, name) {
			return fmt.Sprintf("did you mean <%s>?", key)
		}
	}
	if strings.HasPrefix(name, "aws.") {
		return "the reserved ones are " + reservedNames()
	}
	return `add it to input_paths_map; a < that is meant as itself is written \u003c`
}

// classify finds out whether a template is JSON or lines of quoted text. All others are
// errors: text without quotes may as well be JSON with a mistake in it.
func (t *template) classify(text string) *Error {
	sample := t.sample(text)
	jsonErr := checkJSON(sample)
	if jsonErr == nil {
		t.isJSON = true
		return t.checkKeys(sample)
	}
	if quotedLines(sample) {
		return nil
	}
	return templateError(jsonErr.Offset, jsonErr.Reason,
		`a template is JSON, or text of which each line stands in double quotes, such as '"order <id>"'`)
}

// sample is the template with a JSON value in place of each placeholder that
// must be one. Each is an empty object, which nothing can stand directly beside
// and which cannot be a key, and as long as the placeholder, so that offsets
// hold. Placeholders within strings stay: they are text like any other.
func (t *template) sample(text string) []byte {
	sample := []byte(text)
	for _, p := range t.parts {
		if p.from != fromText && !p.quoted {
			at := sample[p.offset : p.offset+len(p.name)+2]
			for i := range at {
				at[i] = ' '
			}
			copy(at, "{}")
		}
	}
	return sample
}

// checkKeys refuses placeholders in the keys of objects, as the EventBridge API
// does.
func (t *template) checkKeys(sample []byte) *Error {
	for _, p := range t.parts {
		if p.from == fromText || !p.quoted {
			continue
		}
		if isKey(sample, p.offset) {
			return templateError(p.offset, fmt.Sprintf("<%s> stands in the key of an object", p.name),
				"a placeholder can only be a value or part of one; use transform for computed keys")
		}
	}
	return nil
}

// isKey reports whether the string that offset lies in is followed by a colon.
func isKey(text []byte, offset int) bool {
	s := scanner{text: text, pos: offset}
	if s.stringEnd() != nil {
		return false
	}
	s.space()
	return s.at(':')
}

// quotedLines reports whether text is two or more JSON strings on lines of their
// own; blank lines may stand between them.
func quotedLines(text []byte) bool {
	lines := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if line[0] != '"' || !json.Valid([]byte(line)) {
			return false
		}
		lines++
	}
	return lines > 1
}

func templateError(offset int, reason, hint string) *Error {
	return &Error{
		Path:   []any{"input_transformer", "input_template"},
		Offset: offset,
		Reason: reason,
		Hint:   hint,
	}
}
