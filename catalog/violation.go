package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"signalbox/spelling"
)

// Violation is where a value breaks a schema, and what was expected there.
type Violation struct {
	// Path leads to the value, such as detail.items[0].total.
	Path string
	// Reason is what was expected, and what is there.
	Reason string
}

// String returns path and reason.
func (v *Violation) String() string { return v.Path + ": " + v.Reason }

// Validate returns where a detail, a JSON object, breaks the schema; nil if nowhere.
func (s *Schema) Validate(detail []byte) *Violation {
	v, err := decodeJSON(detail)
	if err != nil {
		return &Violation{Path: "detail", Reason: "is not valid JSON"}
	}
	if at, found := vast("detail", v); found {
		return &Violation{Path: at, Reason: "is a number beyond the range that is checked"}
	}
	return s.validate(v)
}

func (s *Schema) validate(v any) *Violation {
	err := s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	var broken *jsonschema.ValidationError
	if !errors.As(err, &broken) {
		return &Violation{Path: "detail", Reason: err.Error()}
	}
	return describe(broken, v, "detail")
}

// describe returns the deepest fault: the one that lies furthest inside the value is what
// its sender can fix.
func describe(e *jsonschema.ValidationError, value any, root string) *Violation {
	leaf := deepest(e)
	at := pathOf(root, leaf.InstanceLocation)
	switch k := leaf.ErrorKind.(type) {
	case *kind.Type:
		return &Violation{at, fmt.Sprintf("expected %s, got %s%s", strings.Join(k.Want, " or "), k.Got, shown(value, leaf.InstanceLocation))}
	case *kind.Required:
		return &Violation{pathOf(at, k.Missing[:1]), "is missing, and required"}
	case *kind.AdditionalProperties:
		return &Violation{pathOf(at, k.Properties[:1]), "is not declared in the schema, which allows no other members"}
	case *kind.Enum:
		return &Violation{at, notAmong(k, shown(value, leaf.InstanceLocation))}
	case *kind.Format:
		if k.Want == "regex" {
			return &Violation{at, noRegex(k.Got, k.Err)}
		}
	}
	return &Violation{at, leaf.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}

// mostNamed bounds the values of an enum that are named.
const mostNamed = 20

// notAmong returns which values a member can have, and which of them was probably meant.
func notAmong(k *kind.Enum, got string) string {
	var names, texts []string
	for _, v := range k.Want {
		name, err := json.Marshal(v)
		if err != nil || len(names) == mostNamed {
			names = append(names, "…")
			break
		}
		names = append(names, string(name))
		if text, ok := v.(string); ok {
			texts = append(texts, text)
		}
	}
	reason := "expected " + strings.Join(names, ", ")
	if len(names) > 1 {
		reason = "expected one of " + strings.Join(names, ", ")
	}
	if got == "" {
		return reason
	}
	text, _ := k.Got.(string)
	return reason + ", got" + got + spelling.Suggest(text, texts)
}

func deepest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	best := e
	for _, cause := range e.Causes {
		if d := deepest(cause); best == e || len(d.InstanceLocation) > len(best.InstanceLocation) {
			best = d
		}
	}
	return best
}

// pathOf writes a location inside a value with dots and brackets.
func pathOf(root string, location []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, step := range location {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		b.WriteString("." + step)
	}
	return b.String()
}

// shown is a scalar at a location as JSON, with a space before it; long ones are
// cut, and of lists and objects nothing is shown.
func shown(v any, location []string) string {
	for _, step := range location {
		switch inside := v.(type) {
		case map[string]any:
			v = inside[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(inside) {
				return ""
			}
			v = inside[i]
		}
	}
	switch v.(type) {
	case string, json.Number, bool:
		text, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		if runes := []rune(string(text)); len(runes) > 40 {
			return " " + string(runes[:39]) + "…"
		}
		return " " + string(text)
	}
	return ""
}
