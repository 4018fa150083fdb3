package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"signalbox/targets"
	targethttp "signalbox/targets/http"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// TestErrorPageHasEveryCode: docs/errors.md has every code that the program can answer with, and no other.
func TestErrorPageHasEveryCode(t *testing.T) {
	var page []string
	for _, row := range targetstest.ErrorTable(t, func(cell string) bool { return strings.HasPrefix(cell, "`") }) {
		page = append(page, targetstest.Quoted(row[0])...)
	}
	slices.Sort(page)
	if doubled := len(page); doubled != len(slices.Compact(slices.Clone(page))) {
		t.Error("the page has a code twice")
	}
	program := codesOfErrors(t)
	for code, where := range program {
		if !slices.Contains(page, code) {
			t.Errorf("%s of %s is not on the page", code, where)
		}
	}
	for _, code := range page {
		if program[code] == "" {
			t.Errorf("%s is on the page, and nothing has it", code)
		}
	}
}

// codesOfErrors returns the codes of errors in the program, with a file that has each: constants whose
// names begin with code, members Code of structs, and what functions return whose names end so.
func codesOfErrors(t *testing.T) map[string]string {
	root := filepath.Join("..", "..")
	constant, function := regexp.MustCompile(`^[cC]ode[A-Z]`), regexp.MustCompile(`^codeOf$|Code$`)
	codes := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		note := func(e ast.Expr) {
			if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
				codes[strings.Trim(text.Value, `"`)] = path
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if constant.MatchString(name.Name) && i < len(n.Values) {
						note(n.Values[i])
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					note(n.Value)
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "Code" && i < len(n.Rhs) {
						note(n.Rhs[i])
					}
				}
			case *ast.FuncDecl:
				if function.MatchString(n.Name.Name) {
					returned(n, note)
				}
			}
			return true
		})
		return nil
	})
	must(t, err)
	return codes
}

// returned notes what a function returns, by itself or out of a map by statuses.
func returned(f *ast.FuncDecl, note func(ast.Expr)) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt:
			for _, e := range n.Results {
				note(e)
			}
		case *ast.KeyValueExpr:
			note(n.Value)
		}
		return true
	})
}

// TestErrorPageOfStatuses holds the statuses on docs/errors.md against an http target.
func TestErrorPageOfStatuses(t *testing.T) {
	rows := map[string][]string{}
	for _, row := range targetstest.ErrorTable(t, func(cell string) bool { return regexp.MustCompile(`^(other )?[2-5][0-9x]{2}`).MatchString(cell) }) {
		for _, status := range strings.Split(row[0], ", ") {
			rows[status] = row[1:]
		}
	}
	if len(rows) < 15 {
		t.Fatalf("only the statuses %q", slices.Sorted(maps.Keys(rows)))
	}
	var status int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	target := targetstest.Open(t, targethttp.Kind(), targets.Config{Options: &targethttp.Options{Options: remote.Options{URL: server.URL}}}, targets.Env{})
	for status = 200; status < 600; status++ {
		text := strconv.Itoa(status)
		row := rows[text]
		for _, all := range []string{text[:1] + "xx", "other " + text[:1] + "xx"} {
			if row == nil {
				row = rows[all]
			}
		}
		if row == nil {
			t.Fatalf("%d is not on the page", status)
		}
		err := target.Deliver(t.Context(), targetstest.Delivery())
		if err == nil {
			if !strings.HasPrefix(row[0], "none") {
				t.Errorf("%d succeeds, and the page says %s", status, row)
			}
			continue
		}
		e := targetstest.Error(t, err)
		if want := map[bool]string{true: "no", false: "yes"}[e.Final]; row[0] != "`"+e.Code+"`" || row[1] != want {
			t.Errorf("%d is %s, tried again: %s; the page says %s", status, e.Code, want, row)
		}
	}
}
