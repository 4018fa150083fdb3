package awsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
)

// Source is the name that the documents of the API have among the sources of rules.
const Source = "api"

// Store keeps documents durably.
type Store interface {
	All(fn func(path string, text []byte) error) error
	// Put and Delete return when it is on disk.
	Put(path string, text []byte) error
	Delete(path string) error
}

// Documents are the rules, targets and buses that were made by API, each rule and each bus in a
// document of its own. They are a source of rules.
type Documents struct {
	store Store
	// all are sorted by their paths; a change makes another slice. Whoever changes it holds the lock of
	// the API and that of the reloader, so each of these suffices to read it.
	all []rules.Document
}

// LoadDocuments reads what a store keeps.
func LoadDocuments(store Store) (*Documents, error) {
	d := &Documents{store: store}
	err := store.All(func(path string, text []byte) error {
		d.all = append(d.all, rules.Document{Path: path, Text: bytes.Clone(text)})
		return nil
	})
	return d, err
}

// Empty reports whether there are none.
func (d *Documents) Empty() bool { return len(d.all) == 0 }

// Source is a source of rules with the documents as they are when it is read.
func (d *Documents) Source() rules.Documents {
	return rules.Documents{Name: Source, MakeTargets: true, Read: func() ([]rules.Document, error) { return d.all, nil }}
}

func sourceOf(all []rules.Document) rules.Documents {
	return rules.Documents{Name: Source, MakeTargets: true, Read: func() ([]rules.Document, error) { return all, nil }}
}

func (d *Documents) find(path string) (int, bool) {
	return slices.BinarySearchFunc(d.all, path, func(doc rules.Document, path string) int { return strings.Compare(doc.Path, path) })
}

// read decodes the document of a path into v; there may be none.
func (d *Documents) read(path string, v any) (found bool, err error) {
	i, found := d.find(path)
	if !found {
		return false, nil
	}
	if err := json.Unmarshal(d.all[i].Text, v); err != nil {
		return false, fmt.Errorf("document %s: %w", path, err)
	}
	return true, nil
}

// documentsBelow returns what lies below a path, in the order of the paths.
func documentsBelow[T any](d *Documents, prefix string) (all []T, err error) {
	from, _ := d.find(prefix)
	for _, doc := range d.all[from:] {
		if !strings.HasPrefix(doc.Path, prefix) {
			break
		}
		var v T
		if err := json.Unmarshal(doc.Text, &v); err != nil {
			return nil, fmt.Errorf("document %s: %w", doc.Path, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// with returns all documents with one changed; nil removes it.
func (d *Documents) with(path string, text []byte) []rules.Document {
	next := slices.Clone(d.all)
	i, found := d.find(path)
	switch {
	case text == nil && found:
		return slices.Delete(next, i, i+1)
	case text == nil:
		return next
	case found:
		next[i].Text = text
		return next
	}
	return slices.Insert(next, i, rules.Document{Path: path, Text: text})
}

// change makes a document serve, and stores it; nil removes it. On an error nothing has changed.
func (a *API) change(path string, v any) error {
	d := a.opts.Documents
	var text []byte
	if v != nil {
		text = readable(v)
	}
	next := d.with(path, text)
	err := a.opts.Change([]rules.Documents{sourceOf(next)}, func() (err error) {
		if text != nil {
			err = d.store.Put(path, text)
		} else {
			err = d.store.Delete(path)
		}
		if err == nil {
			d.all = next
		}
		return err
	})
	return refused(err)
}

// refused is the error for a caller whose change would make the rules invalid as a whole.
func refused(err error) error {
	var faults document.Errors
	if !errors.As(err, &faults) {
		return err
	}
	texts := make([]string, 0, len(faults))
	for _, f := range faults {
		if f.Pos.File != Source { // which says that the last good documents serve
			texts = append(texts, f.Error())
		}
	}
	return &event.Error{Code: event.CodeValidation, Message: "The rules would not be valid as a whole: " + strings.Join(texts, "; ")}
}

// readable is a value in JSON, on lines that a person can read.
func readable(v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers, and JSON that was checked
	}
	return text.Bytes()
}

func rulePath(bus, name string) string { return "rules/" + bus + "/" + name + ".json" }

func busPath(name string) string { return "buses/" + name + ".json" }

// managed is the error about an object that stands in a file.
func managed(what, file string) error {
	if file == "" {
		file = "the program that runs the router"
	}
	return &event.Error{Code: "ManagedRuleException", Message: what + " is managed by " + file + ": change it there."}
}
