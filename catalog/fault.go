package catalog

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"signalbox/document"
)

// schemaFault is why a schema does not compile, and where in it.
type schemaFault struct {
	// at leads from the schema's root to the value at fault.
	at     []string
	reason string
}

// Error returns the place, as a path that begins with "schema", and the reason.
func (f *schemaFault) Error() string { return pathOf("schema", f.at) + ": " + f.reason }

// in finds the value at fault in the schema's document, or the nearest one around it.
func (f *schemaFault) in(n *document.Node) *document.Node {
	for _, step := range f.at {
		next := n.Get(step)
		if i, err := strconv.Atoi(step); err == nil && n.Kind == document.Sequence && i < len(n.Items) {
			next = n.Items[i]
		}
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// faultOf returns what is wrong with a schema, without the addresses by which the compiler
// names files. The loader may have refused to read what the schema refers to.
func faultOf(err error, root any, at string, loader *fileLoader) *schemaFault {
	var (
		invalid *jsonschema.SchemaValidationError
		broken  *jsonschema.ValidationError
		regex   *jsonschema.InvalidRegexError
		pointer *jsonschema.JSONPointerNotFoundError
		anchor  *jsonschema.AnchorNotFoundError
	)
	plain := strings.NewReplacer(at, "", fileURL(loader.dir)+"/", "")
	switch {
	case loader.refused != nil:
		return loader.refused.fault(root)
	case errors.As(err, &invalid) && errors.As(invalid.Err, &broken):
		return &schemaFault{deepest(broken).InstanceLocation, describe(broken, root, "schema").Reason}
	case errors.As(err, &regex):
		return &schemaFault{nil, noRegex(regex.Regex, regex.Err)}
	case errors.As(err, &pointer):
		return &schemaFault{refTo(root, pointer.URL), fmt.Sprintf("nothing is at %q", plain.Replace(pointer.URL))}
	case errors.As(err, &anchor):
		return &schemaFault{refTo(root, anchor.Reference), fmt.Sprintf("there is no anchor %q", plain.Replace(anchor.Reference))}
	}
	return &schemaFault{nil, plain.Replace(err.Error())}
}

// noRegex returns why a pattern is not a regular expression.
func noRegex(pattern any, err error) string {
	return fmt.Sprintf("the pattern %q is no regular expression of RE2, which has no look-around and no back-references: %v", pattern, err)
}

// fileURL is a file's address, as the compiler knows it.
func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// refError is a reference that is not followed.
type refError struct{ ref, reason string }

func (e *refError) Error() string { return e.reason }

// fault returns where the reference stands in a schema. A reference may be made by
// $schema too.
func (e *refError) fault(root any) *schemaFault {
	if m, ok := root.(map[string]any); ok && m["$schema"] == e.ref {
		return &schemaFault{[]string{"$schema"}, fmt.Sprintf(
			"%q is no known draft: https://json-schema.org/draft/2020-12/schema and 2019-09, and http://json-schema.org/draft-07/schema, draft-06 and draft-04 are", e.ref)}
	}
	if at := refTo(root, e.ref); at != nil {
		return &schemaFault{at, e.reason}
	}
	return &schemaFault{nil, "$ref to " + e.reason}
}

// refTo finds the reference in a schema that leads to an address, which is what was
// written, made absolute. It is nil where there is none: it stands in another file.
func refTo(v any, address string) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if text, ok := v[key].(string); ok && slices.Contains(refKeys, key) && leadsTo(text, address) {
				return []string{key}
			}
			if rest := refTo(v[key], address); rest != nil {
				return append([]string{key}, rest...)
			}
		}
	case []any:
		for i := range v {
			if rest := refTo(v[i], address); rest != nil {
				return append([]string{strconv.Itoa(i)}, rest...)
			}
		}
	}
	return nil
}

var refKeys = []string{"$ref", "$dynamicRef", "$recursiveRef"}

func leadsTo(written, address string) bool {
	for strings.HasPrefix(written, "../") || strings.HasPrefix(written, "./") {
		_, written, _ = strings.Cut(written, "/")
	}
	file, _, _ := strings.Cut(written, "#")
	return strings.HasSuffix(address, written) || file != "" && strings.HasSuffix(address, file)
}
