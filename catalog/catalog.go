// Package catalog holds the declared types of messages: what kind each is of, who
// may send it, what its detail looks like in each version, and how it is named.
package catalog

import (
	"slices"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/event"
	"signalbox/spelling"
)

// Catalog is all declared types, as the files said at one moment. It is immutable
// and safe for concurrent use. A nil Catalog declares nothing.
type Catalog struct {
	// Types are sorted by name, and by version from the oldest on.
	Types []*Type
	// Files are the catalog files and the files of schemas that were read.
	Files []string
	// Naming is the standard that names are held against.
	Naming *Naming
	// Warnings are what is allowed in the files but looks like a mistake.
	Warnings []*document.Problem
	// Fingerprint is all that the files say, for the revision of a set of rules.
	Fingerprint []string

	// versions holds the types of a name, the oldest version first.
	versions map[string][]*Type
	// objects are the types of objects that messages tell of.
	objects     map[string]ObjectType
	foldsEvents bool
}

// Type is one version of a declared type of message.
type Type struct {
	// Name is the detail-type of its messages.
	Name        string
	Kind        event.Kind
	Version     string
	Owner       string
	Description string
	// Sources are who may send it: names, or beginnings of names with a * behind
	// them. None means anybody.
	Sources []string
	// Object and Key say, for what tells the state of an object, of which type that is,
	// and where its key is: a dotted path that begins with detail.
	Object, Key string
	// Fold is how its messages change the state of their object. Without one, an audit
	// replaces it, and others tell of none.
	Fold *Fold
	// Final means that a story ends with it: no rule needs to take it.
	Final bool
	// Schema is what a detail must look like; nil if anything will do.
	Schema *Schema
	// Examples are details, as JSON.
	Examples [][]byte
	// Deprecated is set if the type should not be sent any more.
	Deprecated *Deprecation
	// Compatibility is what this version promises about the one before.
	Compatibility Compatibility
	Pos           document.Position

	file     string // that it stands in
	inferred bool   // nobody has declared the kind: it is what the name tells
}

// Deprecation is since when a type should not be sent any more, and what to send
// instead.
type Deprecation struct {
	Since time.Time
	// Until is the day from which it is refused where such faults are rejected; zero if
	// that has not been fixed.
	Until      time.Time
	ReplacedBy string
}

// Type returns a version of a type, the latest where version is empty.
func (c *Catalog) Type(detailType, version string) (*Type, bool) {
	if c == nil {
		return nil, false
	}
	all := c.versions[detailType]
	if len(all) == 0 {
		return nil, false
	}
	if version == "" {
		return all[len(all)-1], true
	}
	for _, t := range all {
		if t.Version == version {
			return t, true
		}
	}
	return nil, false
}

// For returns the declaration that an event falls under: that of the version it names,
// if that is declared, else the latest.
func (c *Catalog) For(e *event.Event) (*Type, bool) {
	if c == nil || len(c.versions) == 0 {
		return nil, false
	}
	if v := e.Meta.SchemaVersion; v != "" {
		if t, ok := c.Type(e.DetailType, v); ok {
			return t, true
		}
	}
	return c.Type(e.DetailType, "")
}

// Versions returns all versions of a type, the oldest first.
func (c *Catalog) Versions(detailType string) []*Type {
	if c == nil {
		return nil
	}
	return slices.Clone(c.versions[detailType])
}

// Names returns the names of all types, sorted, each once.
func (c *Catalog) Names() []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, t := range c.Types {
		names = append(names, t.Name)
	}
	return slices.Compact(names)
}

// Paths returns the files that the catalog was read from.
func (c *Catalog) Paths() []string {
	if c == nil {
		return nil
	}
	return c.Files
}

// Allows reports whether a source may send the type.
func (t *Type) Allows(source string) bool {
	if len(t.Sources) == 0 {
		return true
	}
	return slices.ContainsFunc(t.Sources, func(allowed string) bool {
		prefix, open := strings.CutSuffix(allowed, "*")
		return allowed == source || open && strings.HasPrefix(source, prefix)
	})
}

// NearSource returns the declared source that differs from one by a single letter or by
// case alone; empty where the source is declared, or where none is so near.
func (c *Catalog) NearSource(source string) (near string) {
	const shortest = 4 // of shorter ones a letter is most
	if c == nil || len(source) < shortest {
		return ""
	}
	for _, t := range c.Types {
		if len(t.Sources) > 0 && t.Allows(source) {
			return ""
		}
		for _, declared := range t.Sources {
			if near == "" && !strings.HasSuffix(declared, "*") && spelling.Distance(spelling.Fold(source), spelling.Fold(declared)) <= 1 {
				near = declared
			}
		}
	}
	return near
}

// String names the type with its version.
func (t *Type) String() string {
	if t.Version == "" || strings.HasSuffix(t.Name, ".v"+t.Version) {
		return t.Name
	}
	return t.Name + " version " + t.Version
}
