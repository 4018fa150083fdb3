package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"signalbox/event"
)

// view is a type as it is listed and exported.
type view struct {
	Name          string            `json:"name"`
	Version       string            `json:"version,omitempty"`
	Kind          event.Kind        `json:"kind"`
	Owner         string            `json:"owner,omitempty"`
	Description   string            `json:"description,omitempty"`
	Sources       []string          `json:"sources,omitempty"`
	Object        string            `json:"object,omitempty"`
	Key           string            `json:"key,omitempty"`
	Fold          string            `json:"fold,omitempty"`
	Final         bool              `json:"final,omitempty"`
	Compatibility Compatibility     `json:"compatibility,omitempty"`
	Deprecated    *deprecationView  `json:"deprecated,omitempty"`
	Schema        json.RawMessage   `json:"schema,omitempty"`
	Examples      []json.RawMessage `json:"examples,omitempty"`
	Position      string            `json:"position"`
}

type deprecationView struct {
	Since      string `json:"since,omitempty"`
	Until      string `json:"until,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
}

// MarshalJSON returns the type with the keys of a catalog file, and its place.
func (t *Type) MarshalJSON() ([]byte, error) { return json.Marshal(t.view()) }

func (t *Type) view() view {
	v := view{
		Name: t.Name, Version: t.Version, Kind: t.Kind, Owner: t.Owner, Description: t.Description, Sources: t.Sources,
		Object: t.Object, Key: t.Key, Final: t.Final, Compatibility: t.Compatibility, Position: t.Pos.String(),
	}
	if t.Fold != nil {
		v.Fold = t.Fold.Source
	}
	if t.Schema != nil {
		v.Schema = t.Schema.Source
	}
	for _, x := range t.Examples {
		v.Examples = append(v.Examples, x)
	}
	if d := t.Deprecated; d != nil {
		v.Deprecated = &deprecationView{Since: date(d.Since), Until: date(d.Until), ReplacedBy: d.ReplacedBy}
	}
	return v
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// WriteMarkdown writes the catalog as a page in Markdown.
func (c *Catalog) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# Message catalog\n\n| type | kind | version | owner | sources | description |\n|---|---|---|---|---|---|\n")
	for _, t := range c.Types {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", t.Name, t.Kind, cell(t.Version), cell(t.Owner),
			cell(strings.Join(t.Sources, ", ")), cell(t.Description))
	}
	for _, t := range c.Types {
		fmt.Fprintf(&b, "\n## %s\n\n", t)
		if t.Description != "" {
			fmt.Fprintf(&b, "%s\n\n", t.Description)
		}
		if f := t.deprecation(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); f != nil {
			fmt.Fprintf(&b, "> %s\n\n", strings.TrimPrefix(f.Message, "detail-type: "))
		}
		if t.Final {
			b.WriteString("Nothing needs to follow it (final).\n\n")
		}
		if t.Schema != nil {
			fmt.Fprintf(&b, "Schema:\n\n```json\n%s\n```\n", indented(t.Schema.Source))
		}
		for _, x := range t.Examples {
			fmt.Fprintf(&b, "\nExample:\n\n```json\n%s\n```\n", indented(x))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// cell keeps a text from ending its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// page is the catalog as a page that needs no other file.
var page = template.Must(template.New("catalog").Funcs(template.FuncMap{
	"join": func(s []string) string { return strings.Join(s, ", ") }, "pretty": func(b json.RawMessage) string { return indented(b) },
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Message catalog</title>
<style>
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
pre{background:var(--soft);padding:.8rem;border-radius:.4rem;overflow:auto;font-size:.85rem}
.kind{font-size:.75rem;padding:.1rem .5rem;border-radius:1rem;border:1px solid var(--line)}
section{border-top:1px solid var(--line);margin-top:2rem}.old{color:#b45309}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dd{margin:0}
</style></head><body><h1>Message catalog</h1>
<table><thead><tr><th>Type</th><th>Kind</th><th>Version</th><th>Owner</th><th>Description</th></tr></thead><tbody>
{{range $i, $t := .}}<tr><td><a href="#t{{$i}}">{{.Name}}</a></td><td><span class="kind">{{.Kind}}</span></td><td>{{.Version}}</td><td>{{.Owner}}</td><td>{{.Description}}</td></tr>
{{end}}</tbody></table>
{{range $i, $t := .}}<section id="t{{$i}}"><h2>{{.Name}} {{.Version}} <span class="kind">{{.Kind}}</span></h2><p>{{.Description}}</p>
{{with .Deprecated}}<p class="old">Deprecated{{with .Since}} since {{.}}{{end}}{{with .Until}}, not taken from {{.}} on{{end}}{{with .ReplacedBy}}; send {{.}} instead{{end}}.</p>{{end}}
<dl>{{with .Owner}}<dt>Owner</dt><dd>{{.}}</dd>{{end}}{{with .Sources}}<dt>Sources</dt><dd>{{join .}}</dd>{{end}}{{with .Object}}<dt>Object</dt><dd>{{.}}</dd>{{end}}{{with .Key}}<dt>Key</dt><dd>{{.}}</dd>{{end}}{{with .Fold}}<dt>Fold</dt><dd>{{.}}</dd>{{end}}{{if .Final}}<dt>Final</dt><dd>nothing needs to follow it</dd>{{end}}</dl>
{{with .Schema}}<h3>Schema</h3><pre>{{pretty .}}</pre>{{end}}{{range .Examples}}<h3>Example</h3><pre>{{pretty .}}</pre>{{end}}</section>
{{end}}</body></html>
`))

// WriteHTML writes the catalog as a page that needs no other file.
func (c *Catalog) WriteHTML(w io.Writer) error {
	views := make([]view, len(c.Types))
	for i, t := range c.Types {
		views[i] = t.view()
	}
	return page.Execute(w, views)
}
