package transform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// escapedForm is a placeholder in the spellings that editors and tools make of < and >.
var escapedForm = regexp.MustCompile(`(?:<|\\u003[cC]|&lt;)([0-9A-Za-z_.-]+)(?:>|\\u003[eE]|&gt;)`)

// Lint returns what is allowed in the transform but looks like a mistake: placeholders
// that are text, as their < is escaped, and paths that no placeholder names.
func (t *Transform) Lint() Errors {
	template, ok := t.renderer.(*template)
	if !ok {
		return nil
	}
	return template.doubts
}

// lint looks for placeholders that were probably meant, and for paths without one.
func (it *InputTransformer) lint(parts []part) (doubts Errors) {
	used := map[string]bool{}
	for _, p := range parts {
		used[p.name] = true
	}
	for _, at := range escapedForm.FindAllStringSubmatchIndex(it.InputTemplate, -1) {
		written, name := it.InputTemplate[at[0]:at[1]], it.InputTemplate[at[2]:at[3]]
		_, mapped := it.InputPathsMap[name]
		if _, known := reserved[name]; !known && !mapped || written == "<"+name+">" {
			continue
		}
		used[name] = true
		doubts = append(doubts, templateError(at[0], written+" is text, and no placeholder", "write <"+name+">"))
	}
	for _, name := range slices.Sorted(maps.Keys(it.InputPathsMap)) {
		if !used[name] {
			doubts = append(doubts, &Error{
				Path:   []any{"input_transformer", "input_paths_map", name},
				Reason: "is not used", Hint: fmt.Sprintf("remove it, or write <%s> in the template", name),
			})
		}
	}
	return doubts
}
