package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"signalbox/rules/document"
)

// Schema is a compiled JSON Schema of a detail. It is safe for concurrent use.
type Schema struct {
	// Source is the schema as JSON.
	Source []byte

	compiled *jsonschema.Schema
	// root is the schema decoded, for comparisons.
	root any
}

// maxSchema bounds a file that a schema stands in, in bytes.
const maxSchema = 1 << 20

// compile compiles a schema that stands in a folder, below which its references to
// files must lead. Draft 2020-12 is meant where $schema names no other; formats are
// checked. Files that it reads are told to read.
func compile(source []byte, dir, name string, read func(path string, content []byte)) (*Schema, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(&fileLoader{dir: dir, read: read})
	at := (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, name))}).String()
	if err := c.AddResource(at, root); err != nil {
		return nil, plainSchemaError(err, at)
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, plainSchemaError(err, at)
	}
	return &Schema{Source: source, compiled: compiled, root: root}, nil
}

// fileLoader reads what schemas refer to, from one folder alone.
type fileLoader struct {
	dir  string
	read func(path string, content []byte)
}

// Load makes fileLoader a jsonschema.URLLoader.
func (l *fileLoader) Load(ref string) (any, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "file" {
		return nil, &refError{fmt.Sprintf("$ref to %s: schemas are not fetched from the network; put a copy beside the catalog file and refer to it by its path", ref)}
	}
	path, err := filepath.Rel(l.dir, filepath.FromSlash(u.Path))
	if err != nil || !filepath.IsLocal(path) {
		return nil, &refError{fmt.Sprintf("$ref to %s: only files in the folder of the catalog file and below it are read", u.Path)}
	}
	content, err := readIn(l.dir, path)
	if err != nil {
		return nil, &refError{fmt.Sprintf("$ref to %s: %v", path, err)}
	}
	l.read(filepath.Join(l.dir, path), content)
	return jsonschema.UnmarshalJSON(bytes.NewReader(content))
}

// readIn reads a file below a folder, out of which no link may lead, as JSON.
func readIn(dir, path string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(path)
	if err != nil {
		var perr *os.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSchema+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxSchema:
		return nil, fmt.Errorf("is larger than %d bytes", maxSchema)
	}
	node, err := document.Parse(filepath.Join(dir, path), content)
	if err != nil || node == nil {
		return nil, errors.Join(err, errEmpty(node))
	}
	return node.Render().JSON, nil
}

func errEmpty(n *document.Node) error {
	if n == nil {
		return errors.New("holds no schema")
	}
	return nil
}

// refError is a reference that is not followed.
type refError struct{ reason string }

func (e *refError) Error() string { return e.reason }

// plainSchemaError leaves the addresses out that the compiler gives to a schema.
func plainSchemaError(err error, at string) error {
	var ref *refError
	if errors.As(err, &ref) {
		return ref
	}
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var v *jsonschema.ValidationError
		if errors.As(invalid.Err, &v) {
			return errors.New(describe(v, nil, "schema").String())
		}
	}
	var regex *jsonschema.InvalidRegexError
	if errors.As(err, &regex) {
		return fmt.Errorf("the pattern %q is no regular expression of RE2, which has no look-around: %w", regex.Regex, regex.Err)
	}
	return errors.New(strings.ReplaceAll(err.Error(), at, ""))
}

// decodeJSON decodes a value with its numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
