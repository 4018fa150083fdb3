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

	"signalbox/document"
)

// Schema is a compiled JSON Schema of a detail. It is safe for concurrent use.
type Schema struct {
	// Source is the schema as JSON.
	Source []byte

	compiled *jsonschema.Schema
	// root is the schema decoded, for comparisons.
	root any
	// path is where the schema stands, or would; refers holds the files that it refers
	// to, as JSON, by their paths.
	path   string
	refers map[string][]byte
}

// maxSchema bounds a file that a schema stands in, in bytes.
const maxSchema = 1 << 20

// compile compiles a schema that stands in a folder, below which its references to
// files must lead. Draft 2020-12 is meant where $schema names no other; formats are
// checked. Files that it reads are told to read. The error is a *schemaFault.
func compile(source []byte, dir, name string, read func(path string, content []byte)) (*Schema, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		return nil, &schemaFault{reason: err.Error()}
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, &schemaFault{reason: err.Error()}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	refers := map[string][]byte{filepath.Join(dir, name): source} // a file that it refers to may refer back
	loader := &fileLoader{dir: dir, read: func(path string, content []byte) { refers[path] = content; read(path, content) }}
	c.UseLoader(loader)
	at := fileURL(filepath.ToSlash(filepath.Join(dir, name)))
	if err := c.AddResource(at, root); err != nil {
		return nil, faultOf(err, root, at, loader)
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, faultOf(err, root, at, loader)
	}
	return &Schema{Source: source, compiled: compiled, root: root, path: filepath.Join(dir, name), refers: refers}, nil
}

// fileLoader reads what schemas refer to, from one folder alone.
type fileLoader struct {
	dir  string
	read func(path string, content []byte)
	// refused is the first reference that was not followed.
	refused *refError
}

// Load makes fileLoader a jsonschema.URLLoader.
func (l *fileLoader) Load(ref string) (any, error) {
	v, err := l.load(ref)
	if err != nil && l.refused == nil {
		l.refused = &refError{ref, fmt.Sprintf("%s: %v", strings.TrimPrefix(ref, fileURL(l.dir)+"/"), err)}
	}
	return v, err
}

var (
	errNetwork = errors.New("schemas are not fetched from the network; put a copy beside the catalog file and refer to it by its path")
	errOutside = errors.New("only files in the folder of the catalog file and below it are read")
)

func (l *fileLoader) load(ref string) (any, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "file" {
		return nil, errNetwork
	}
	path, err := filepath.Rel(l.dir, filepath.FromSlash(u.Path))
	if err != nil || !filepath.IsLocal(path) {
		return nil, errOutside
	}
	node, err := readIn(l.dir, path)
	if err != nil {
		return nil, err
	}
	content := node.Render().JSON
	l.read(filepath.Join(l.dir, path), content)
	return jsonschema.UnmarshalJSON(bytes.NewReader(content))
}

// readIn reads a file below a folder, out of which no link may lead.
func readIn(dir, path string) (*document.Node, error) {
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
	if err == nil && node == nil {
		err = errors.New("holds no schema")
	}
	return node, err
}

// decodeJSON decodes a value with its numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
