package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// bounds returns the bounds as a sentence; empty for none.
func (o *option) bounds() string {
	var parts []string
	if o.above != "" {
		parts = append(parts, "more than "+o.above)
	}
	if o.least != "" && o.most != "" {
		parts = append(parts, "from "+o.least+" to "+o.most)
	} else if o.least != "" {
		parts = append(parts, "at least "+o.least)
	} else if o.most != "" {
		parts = append(parts, "at most "+o.most)
	}
	if len(parts) == 0 {
		return ""
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// table writes options as a table, those of mappings with dots before their keys.
func table(b *strings.Builder, options []*option) {
	if len(options) == 0 {
		return
	}
	b.WriteString(heading)
	rows(b, "", options)
}

const heading = "\n| option | is | default | what it does |\n|---|---|---|---|\n"

// overview writes options without what is in them.
func overview(b *strings.Builder, options []*option) {
	b.WriteString(heading)
	for _, o := range options {
		row(b, "", o)
	}
}

func rows(b *strings.Builder, before string, options []*option) {
	for _, o := range options {
		if o.refused {
			continue
		}
		row(b, before, o)
		switch inner := o.shape; {
		case inner.form == formMapping:
			rows(b, before+o.key+".", inner.options)
		case inner.form == formList && inner.item.form == formMapping:
			rows(b, before+o.key+"[].", inner.item.options)
		}
	}
}

func (o *option) unless() string {
	if o.instead == "" {
		return ""
	}
	return ", unless `" + o.instead + "` is there"
}

func row(b *strings.Builder, before string, o *option) {
	text := strings.TrimSpace(o.description + " " + o.bounds())
	if o.required {
		text = "**Required" + o.unless() + ".** " + text
	}
	if o.alias != "" {
		text += " Also `" + o.alias + "`."
	}
	if shown := o.shown(); shown != "" {
		text += " Such as `" + shown + "`."
	}
	if o.since != "" {
		text += " Since " + o.since + "."
	}
	fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", before, o.key, cell(o.shape.String()), code(o.standard), cell(text))
}

// shown is the example, where it tells more than the rest of the row.
func (o *option) shown() string {
	if o.example == o.standard || o.shape.words != nil || o.shape.form == formBoolean || o.shape.form == formMapping {
		return ""
	}
	return o.example
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// String says in words what a value may be.
func (s *shape) String() string {
	text := s.plain()
	if s.or != nil && s.or == s.item {
		return s.or.String() + ", or a list of them"
	}
	if s.or != nil {
		text += " or " + s.or.String()
	}
	return text
}

func (s *shape) plain() string {
	switch {
	case s.words != nil:
		return "`" + strings.Join(s.words, "`, `") + "`"
	case s.form == formList && s.item.or != nil:
		return "list of " + plural(s.item.plain()) + " or " + plural(s.item.or.String())
	case s.form == formList:
		return "list of " + plural(s.item.String())
	case s.form == formNames && s.item.form != formMapping && s.item.form != formKinds:
		return "mapping from names to " + plural(s.item.String())
	}
	return string(s.form)
}

func plural(text string) string {
	if strings.HasPrefix(text, "`") || strings.HasPrefix(text, "mapping from") {
		return text
	}
	switch text {
	case string(formAny):
		return "any values"
	case string(formStatus):
		return "statuses or ranges"
	}
	return text + "s"
}
