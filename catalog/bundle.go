package catalog

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// bundle makes the references of schemas lead to places in one document, whose reader
// resolves them from the document's root and has no files beside it.
type bundle struct {
	// schemas are the files that were referred to, under their keys; keys gives those
	// by path.
	schemas map[string]asyncSchema
	keys    map[string]string
}

// put returns a schema as it stands at a place of the document, a JSON pointer with its
// "#".
func (b *bundle) put(s *Schema, at string) asyncSchema {
	return asyncSchema{SchemaFormat: format(s.root), Schema: b.rewritten(s, s.Source, s.root, s.path, at)}
}

// rewritten is a schema's text, unchanged where it refers to nothing.
func (b *bundle) rewritten(s *Schema, text []byte, root any, file, at string) json.RawMessage {
	if !bytes.Contains(text, []byte(`"$ref"`)) {
		return text
	}
	out, err := json.Marshal(b.value(s, root, file, at, false))
	if err != nil {
		return text // it was read as JSON
	}
	return out
}

// value copies a value of a schema, or of a keyword whose members are named by others.
// A part with an $id has a base of its own, which its references hold to.
func (b *bundle) value(s *Schema, v any, file, at string, named bool) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = b.value(s, v[i], file, at, false)
		}
		return list
	case map[string]any:
		if _, based := v["$id"].(string); based {
			return v
		}
		m := make(map[string]any, len(v))
		for key, inside := range v {
			ref, isRef := inside.(string)
			switch {
			case named:
				m[key] = b.value(s, inside, file, at, false)
			case key == "$ref" && isRef:
				m[key] = b.ref(s, ref, file, at)
			case slices.Contains(dataKeywords, key):
				m[key] = inside
			default:
				m[key] = b.value(s, inside, file, at, slices.Contains(namingKeywords, key))
			}
		}
		return m
	}
	return v
}

var (
	// dataKeywords are those whose values are data, and no schemas.
	dataKeywords = []string{"const", "enum", "default", "examples"}
	// namingKeywords are those whose members have names that are no keywords.
	namingKeywords = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)

// ref is where a reference leads in the document.
func (b *bundle) ref(s *Schema, ref, file, at string) string {
	to, fragment, _ := strings.Cut(ref, "#")
	if fragment != "" && fragment[0] != '/' {
		return ref // an anchor
	}
	if to == "" {
		return at + fragment
	}
	path := filepath.Join(filepath.Dir(file), filepath.FromSlash(to))
	text, ok := s.refers[path]
	if !ok {
		return ref
	}
	return "#/components/schemas/" + b.file(s, path, text) + "/schema" + fragment
}

// file adds a file once, and gives its key.
func (b *bundle) file(s *Schema, path string, text []byte) string {
	if key, ok := b.keys[path]; ok {
		return key
	}
	key := unused(b.schemas, filepath.Base(path))
	b.keys[path], b.schemas[key] = key, asyncSchema{} // before it refers to itself
	root, err := decodeJSON(text)
	if err == nil {
		at := "#/components/schemas/" + key + "/schema"
		b.schemas[key] = asyncSchema{SchemaFormat: format(root), Schema: b.rewritten(s, text, root, path, at)}
	}
	return key
}

// unused makes a key of a name, and another where that is taken already.
func unused[V any](taken map[string]V, name string) string {
	key := notInKey.ReplaceAllString(name, "_")
	for n := 2; ; n++ {
		if _, ok := taken[key]; !ok {
			return key
		}
		key = notInKey.ReplaceAllString(name, "_") + "_" + strconv.Itoa(n)
	}
}

// format is the media type of a schema's draft. One that names none means the same in
// draft 7, which is what every reader of AsyncAPI knows, unless it has what that lacks.
func format(root any) string {
	draft := "draft-07"
	if !inDraft7(root, false) {
		draft = "2020-12"
	}
	if m, ok := root.(map[string]any); ok {
		name, _ := m["$schema"].(string)
		for _, known := range []string{"draft-04", "draft-06", "draft-07", "2019-09", "2020-12"} {
			if strings.Contains(name, known) {
				draft = known
			}
		}
	}
	return "application/schema+json;version=" + draft
}

// notInDraft7 are the keywords of draft 2020-12 that draft 7 does not know, or reads
// in another way.
var notInDraft7 = []string{
	"$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "prefixItems", "dependentRequired", "dependentSchemas", "dependencies",
	"unevaluatedItems", "unevaluatedProperties", "minContains", "maxContains", "contentSchema",
}

// inDraft7 reports whether a schema of draft 2020-12 means the same in draft 7, which
// also takes nothing beside a $ref.
func inDraft7(v any, named bool) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(v any) bool { return !inDraft7(v, false) })
	case map[string]any:
		if _, ok := v["$ref"].(string); ok && len(v) > 1 {
			return false
		}
		for key, inside := range v {
			if named && inDraft7(inside, false) || !named && slices.Contains(dataKeywords, key) {
				continue
			}
			if named || slices.Contains(notInDraft7, key) || !inDraft7(inside, slices.Contains(namingKeywords, key)) {
				return false
			}
		}
	}
	return true
}
