package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// comments has the comments on the fields of structs, which tell what an option is.
type comments struct {
	// root is the module's folder.
	root    string
	structs map[string]map[string][]string // by package path, type and index of the field
}

// of returns the comment on a field, as a sentence of the reference: names of fields are
// written as keys. It is the one above or behind the field, or that of a field before it that
// names it.
func (c *comments) of(t reflect.Type, i int) string {
	if c.structs[t.PkgPath()] == nil {
		c.read(t.PkgPath())
	}
	fields, ok := c.structs[t.PkgPath()][t.Name()]
	if !ok {
		panic(fmt.Sprintf("%s is not declared by name", t))
	}
	text, name := fields[i], t.Field(i).Name
	for before := i - 1; text == "" && before >= 0; before-- {
		if regexp.MustCompile(`\b` + name + `\b`).MatchString(fields[before]) {
			text = fields[before]
		}
	}
	if rest, ok := strings.CutPrefix(text, name+" "); ok && !strings.HasPrefix(rest, "and ") {
		text = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	}
	for j := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(j).Tag.Get("yaml"), "|")
		if key != "" && key != "-" && key != ",inline" {
			text = regexp.MustCompile(`\b`+t.Field(j).Name+`\b`).ReplaceAllString(text, "`"+key+"`")
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	if size > 0 {
		text = string(unicode.ToUpper(first)) + text[size:]
		text = strings.TrimSuffix(text, ".") + "."
	}
	return text
}

// read reads the comments of a package.
func (c *comments) read(pkg string) {
	_, dir, _ := strings.Cut(pkg, "/")
	files, err := filepath.Glob(filepath.Join(c.root, filepath.FromSlash(dir), "*.go"))
	if err != nil || len(files) == 0 {
		panic(fmt.Sprintf("%s: no files: %v", pkg, err))
	}
	structs := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			panic(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				structs[spec.Name.Name] = fieldComments(s)
			}
			return true
		})
	}
	c.structs[pkg] = structs
}

func fieldComments(s *ast.StructType) (texts []string) {
	for _, field := range s.Fields.List {
		text := field.Doc.Text()
		if text == "" {
			text = field.Comment.Text()
		}
		text = strings.Join(strings.Fields(text), " ")
		for range max(1, len(field.Names)) {
			texts = append(texts, text)
		}
	}
	return texts
}
