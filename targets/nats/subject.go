package nats

import (
	"fmt"
	"slices"
	"strings"
)

// subject is the subject of a queue target, with placeholders.
type subject []subjectPart

// subjectPart is a literal, or the name of a placeholder.
type subjectPart struct {
	literal     string
	placeholder string
}

var subjectPlaceholders = []string{"source", "detail-type", "bus", "rule", "target", "event-id"}

func parseSubject(text string) (subject, error) {
	var out subject
	rest := text
	for rest != "" {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			out = append(out, subjectPart{literal: rest})
			break
		}
		name, after, ok := strings.Cut(rest[open+1:], "}")
		if !ok {
			return nil, fmt.Errorf("%q: a { is never closed", text)
		}
		if !slices.Contains(subjectPlaceholders, name) {
			return nil, fmt.Errorf("%q: unknown placeholder {%s}: it must be one of {%s}", text, name, strings.Join(subjectPlaceholders, "}, {"))
		}
		if open > 0 {
			out = append(out, subjectPart{literal: rest[:open]})
		}
		out = append(out, subjectPart{placeholder: name})
		rest = after
	}
	return out, checkSubject(text, out)
}

func checkSubject(text string, s subject) error {
	for _, part := range s {
		if i := strings.IndexFunc(part.literal, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '*' || r == '>' }); i >= 0 {
			return fmt.Errorf("%q: a subject to publish to cannot hold %q", text, part.literal[i])
		}
	}
	example := s.render(func(string) string { return "x" })
	if example == "" || slices.Contains(strings.Split(example, "."), "") {
		return fmt.Errorf("%q: a part between two dots, or at an end, is empty", text)
	}
	if strings.HasPrefix(example, "$") {
		return fmt.Errorf("%q: subjects that begin with $ belong to the server", text)
	}
	return nil
}

// dynamic reports whether the subject has placeholders.
func (s subject) dynamic() bool { return len(s) != 1 || s[0].placeholder != "" }

// render fills in the placeholders. Dots in a value stay, so that a source
// shop.orders makes two parts of the subject.
func (s subject) render(value func(placeholder string) string) string {
	if !s.dynamic() {
		return s[0].literal
	}
	var out strings.Builder
	for _, part := range s {
		if part.placeholder == "" {
			out.WriteString(part.literal)
		} else {
			out.WriteString(subjectText(value(part.placeholder)))
		}
	}
	return out.String()
}

// pattern is the subject with which a stream takes all that s can become.
func (s subject) pattern() string {
	var out strings.Builder
	for _, part := range s {
		if part.placeholder != "" {
			// A value may hold dots, and a placeholder may be a piece of a part.
			prefix := out.String()
			return prefix[:strings.LastIndexByte(prefix, '.')+1] + ">"
		}
		out.WriteString(part.literal)
	}
	return out.String()
}

// subjectText returns a value as it can stand in a subject.
func subjectText(value string) string {
	value = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || r == '*' || r == '>' || r == '�' {
			return '_'
		}
		return r
	}, value)
	parts := strings.Split(value, ".")
	for i, part := range parts {
		if part == "" {
			parts[i] = "_"
		}
	}
	return strings.Join(parts, ".")
}
