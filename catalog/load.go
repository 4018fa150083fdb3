package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/event"
	"signalbox/spelling"
)

// Kinds are all kinds of message, as files write them.
var Kinds = []string{
	string(event.KindEvent), string(event.KindCommand), string(event.KindQuery),
	string(event.KindAudit), string(event.KindTelemetry),
}

// File is one catalog file, parsed; its Root is nil where it is empty.
type File struct {
	Path string
	Root *document.Node
}

// Load builds a catalog of files. Faults are added to problems; a catalog with
// faults can't be used. naming may be nil: the default standard then holds.
func Load(files []File, naming *Naming, problems *document.Problems) *Catalog {
	if naming == nil {
		naming = DefaultNaming()
	}
	l := &loader{
		cat:      &Catalog{Naming: naming, versions: map[string][]*Type{}},
		problems: problems,
		dec:      &document.Decoder{Problems: problems},
	}
	for _, f := range files {
		l.cat.Files = append(l.cat.Files, f.Path)
		if f.Root != nil {
			l.file(f)
		}
	}
	l.finish()
	return l.cat
}

// loader builds one Catalog.
type loader struct {
	cat      *Catalog
	problems *document.Problems
	warnings document.Problems
	dec      *document.Decoder
}

// typeDraft is a type as a file says it.
type typeDraft struct {
	// Name is the detail-type of its messages.
	Name document.Located[string] `yaml:"name" required:"true" example:"OrderCreated"`
	// Kind is the kind of message; by default what the name reads like.
	Kind document.Located[string] `yaml:"kind" enum:"event|command|query|audit|telemetry" default:""`
	// Version is numbers with dots between, such as 2.1. A name that ends with one, such as
	// order.created.v2, needs none.
	Version *document.Node `yaml:"version" holds:"version" example:"2"`
	// Owner is who answers for the type.
	Owner string `yaml:"owner" example:"team-shop"`
	// Description is what the message means.
	Description string `yaml:"description" example:"An order was placed."`
	// Sources are who sends it; a * at the end stands for the rest.
	Sources []string `yaml:"sources" example:"[shop.orders]"`
	// Object is the type of object that the message tells the state of.
	Object string `yaml:"object" example:"order"`
	// Key is where the message has the object's key.
	Key document.Located[string] `yaml:"key" example:"detail.orderId" with:"{kind: audit}"`
	// Fold is how the message changes the state of its object: replace, merge (RFC 7396), or an
	// expression of state and event. Audits replace it where nothing is said.
	Fold document.Located[string] `yaml:"fold" example:"merge" with:"{key: detail.orderId, object: order}"`
	// Schema is the JSON Schema of the detail, or the name of a file with one beside the catalog file.
	Schema *document.Node `yaml:"schema" holds:"schema" example:"{type: object, required: [orderId]}"`
	// Examples are details, which must obey the schema.
	Examples []*document.Node `yaml:"examples" holds:"example" example:"[{orderId: '1'}]"`
	// Final means that the type changes no more.
	Final bool `yaml:"final"`
	// Deprecated tells that the type shall no longer be sent.
	Deprecated *deprecationDraft `yaml:"deprecated"`
	// Compatibility is what this version promises about the one before.
	Compatibility Compatibility `yaml:"compatibility" enum:"backward|forward|full|none"`

	node *document.Node
	path document.Path
}

type deprecationDraft struct {
	// Since is from when on.
	Since day `yaml:"since" example:"2026-03-01"`
	// Until is when it will no longer be sent.
	Until day `yaml:"until" example:"2026-09-01"`
	// ReplacedBy is the type to use instead.
	ReplacedBy string `yaml:"replaced_by" example:"OrderPlaced"`
}

// day is a date in a file, from its first moment in UTC.
type day struct{ time.Time }

// UnmarshalText reads a date such as 2026-03-01.
func (d *day) UnmarshalText(text []byte) (err error) {
	if d.Time, err = time.Parse(time.DateOnly, string(text)); err != nil {
		return fmt.Errorf("%q is no date: write one such as 2026-03-01", text)
	}
	return nil
}

// sections are what a catalog file holds.
type sections struct {
	// Compatibility is what versions promise that do not say it themselves.
	Compatibility Compatibility `yaml:"compatibility" enum:"backward|forward|full|none"`
	// Types are the types of messages that there are.
	Types []*document.Node `yaml:"types" holds:"message types" example:"[{name: OrderCreated}]"`
}

func (l *loader) file(f File) {
	if f.Root.Kind != document.Mapping {
		l.problems.Add(f.Root.Pos, document.Path{}, "a catalog file is a mapping with the keys types and compatibility, not %s", f.Root.Kind)
		return
	}
	var top sections
	l.dec.Decode(f.Root, &top, document.Path{})
	l.cat.Fingerprint = append(l.cat.Fingerprint, "default "+string(top.Compatibility))
	for i, n := range top.Types {
		path := document.Path{}.Key("types").Index(i)
		if n.Kind != document.Mapping {
			l.problems.Add(n.Pos, path, "must be a mapping with a name, not %s", n.Kind)
			continue
		}
		if name := n.Get("name"); name != nil && name.Text != "" {
			path = document.In(fmt.Sprintf("type %q", name.Text))
		}
		d := typeDraft{node: n, path: path, Compatibility: top.Compatibility}
		l.dec.Decode(n, &d, path)
		l.add(f.Path, &d)
	}
}

// add checks a draft and makes a type of it.
func (l *loader) add(file string, d *typeDraft) {
	t := &Type{
		Name: d.Name.Value, Kind: event.Kind(d.Kind.Value), Owner: d.Owner, Description: d.Description, Sources: d.Sources,
		Object: d.Object, Key: d.Key.Value, Final: d.Final, Compatibility: d.Compatibility, Pos: d.node.Pos, file: file,
	}
	l.identity(d, t)
	l.key(d, t)
	l.fold(d, t)
	if d.Deprecated != nil {
		t.Deprecated = &Deprecation{Since: d.Deprecated.Since.Time, Until: d.Deprecated.Until.Time, ReplacedBy: d.Deprecated.ReplacedBy}
	}
	for i, source := range d.Sources {
		if at := strings.IndexByte(source, '*'); source == "" || at >= 0 && at < len(source)-1 {
			l.problems.Add(d.node.Pos, d.path.Key("sources").Index(i), "is %q: write a source, or the beginning of one and a * at its end", source)
		}
	}
	l.schema(file, d, t)
	l.examples(d, t)
	l.cat.Fingerprint = append(l.cat.Fingerprint, string(d.node.Render().JSON))
	for _, other := range l.cat.versions[t.Name] {
		if other.Version == t.Version {
			l.problems.Add(d.node.Pos, d.path, "version %q is declared twice; it is also at %s", t.Version, other.Pos)
			return
		}
	}
	l.cat.versions[t.Name] = append(l.cat.versions[t.Name], t)
	l.cat.Types = append(l.cat.Types, t)
}

// identity checks name, kind and version.
func (l *loader) identity(d *typeDraft, t *Type) {
	if t.Name == "" {
		l.problems.Add(d.node.Pos, d.path, "has no name: write name: and the detail-type of its messages")
	}
	switch {
	case d.Kind.Node == nil:
		t.Kind, t.inferred = KindOfName(t.Name), true
	case !slices.Contains(Kinds, d.Kind.Value):
		l.problems.Add(d.Kind.Node.Pos, d.path.Key("kind"), "unknown kind %q%s; the kinds are %s", d.Kind.Value,
			spelling.Suggest(d.Kind.Value, Kinds), strings.Join(Kinds, ", "))
	}
	inName := ""
	if at := strings.LastIndexByte(t.Name, '.'); at >= 0 && isVersion(t.Name[at+1:]) {
		inName = t.Name[at+2:]
	}
	t.Version = inName
	if d.Version.IsZero() {
		return
	}
	t.Version = d.Version.Text
	switch {
	case d.Version.Kind != document.Number && d.Version.Kind != document.String, !dotted(t.Version):
		l.problems.Add(d.Version.Pos, d.path.Key("version"), "must be numbers with dots between them, such as 2 or 2.1")
	case inName != "" && inName != t.Version:
		l.problems.Add(d.Version.Pos, d.path.Key("version"), "is %s, and the name says %s: leave it out", t.Version, inName)
	}
}

// key checks where the key of an object is.
func (l *loader) key(d *typeDraft, t *Type) {
	switch {
	case d.Key.Node == nil:
	case !strings.HasPrefix(t.Key, "detail.") || strings.Contains(t.Key, ".."):
		l.problems.Add(d.Key.Node.Pos, d.path.Key("key"), "is %q: write the path of a member, such as detail.id", t.Key)
	case t.Kind != event.KindAudit && d.Fold.Node == nil:
		l.problems.Add(d.Key.Node.Pos, d.path.Key("key"), "is for audits, and this is of the kind %s: write fold: too, if it shall change the state of an object", t.Kind)
	}
}

// schema compiles the schema, which stands inline or in a file of its own.
func (l *loader) schema(file string, d *typeDraft, t *Type) {
	n := d.Schema
	if n.IsZero() {
		return
	}
	path, dir := d.path.Key("schema"), filepath.Dir(file)
	name, root := "inline-"+strconv.Itoa(len(l.cat.Types)), n // beside the file: relative references start there
	switch n.Kind {
	case document.Mapping, document.Bool:
	case document.String:
		in, err := l.schemaFile(dir, n.Text)
		if err != nil {
			l.problems.Add(n.Pos, path, "%s: %s", n.Text, err)
			return
		}
		name, root = n.Text, in
	default:
		l.problems.Add(n.Pos, path, "must be a JSON Schema, or the name of a file with one, not %s", n.Kind)
		return
	}
	compiled, err := compile(root.Render().JSON, dir, name, l.read)
	var fault *schemaFault
	if errors.As(err, &fault) {
		l.uncompiled(n, root, path, fault)
		return
	}
	t.Schema = compiled
}

// uncompiled reports where a schema is at fault: in the catalog file, or in the file of
// its own that it stands in.
func (l *loader) uncompiled(n, root *document.Node, path document.Path, fault *schemaFault) {
	place := fault.in(root).Pos
	if root != n {
		l.problems.Add(n.Pos, path, "%s: does not compile: %s", place, fault)
		return
	}
	l.problems.Add(place, path, "does not compile: %s", fault)
}

func (l *loader) schemaFile(dir, name string) (*document.Node, error) {
	if !filepath.IsLocal(name) {
		return nil, errOutside
	}
	root, err := readIn(dir, name)
	if err == nil {
		l.read(filepath.Join(dir, name), root.Render().JSON)
	}
	return root, err
}

// read notes a file that the catalog depends on.
func (l *loader) read(path string, content []byte) {
	l.cat.Fingerprint = append(l.cat.Fingerprint, "file "+filepath.Base(path)+" "+string(content))
	if !slices.Contains(l.cat.Files, path) {
		l.cat.Files = append(l.cat.Files, path)
	}
}

// examples checks each example against the schema.
func (l *loader) examples(d *typeDraft, t *Type) {
	for i, n := range d.Examples {
		path := d.path.Key("examples").Index(i)
		if n.Kind != document.Mapping {
			l.problems.Add(n.Pos, path, "must be a detail, which is a mapping, not %s", n.Kind)
			continue
		}
		text := n.Render().JSON
		t.Examples = append(t.Examples, text)
		if t.Schema == nil {
			continue
		}
		if v := t.Schema.Validate(text); v != nil {
			l.problems.Add(n.Pos, path, "breaks the schema: %s", v)
		}
	}
}

// finish sorts the types, and compares their versions and names.
func (l *loader) finish() {
	byVersion := func(a, b *Type) int { return compareVersions(a.Version, b.Version) }
	slices.SortFunc(l.cat.Types, func(a, b *Type) int { return cmp.Or(cmp.Compare(a.Name, b.Name), byVersion(a, b)) })
	for _, all := range l.cat.versions {
		slices.SortFunc(all, byVersion)
	}
	l.folds()
	l.compatibility()
	l.replacements()
	l.names()
	l.cat.Warnings = l.warnings.Sorted()
}

// replacements warns of types that are replaced by one that is not declared.
func (l *loader) replacements() {
	for _, t := range l.cat.Types {
		if t.Deprecated == nil || t.Deprecated.ReplacedBy == "" {
			continue
		}
		if _, ok := l.cat.Type(t.Deprecated.ReplacedBy, ""); !ok {
			l.warnings.Add(t.Pos, document.In(fmt.Sprintf("type %q", t.Name)).Key("deprecated").Key("replaced_by"),
				"no type %q is declared%s", t.Deprecated.ReplacedBy, spelling.Suggest(t.Deprecated.ReplacedBy, l.cat.Names()))
		}
	}
}

// Declarations returns what the parts of a catalog file are decoded into, by what the tag holds:
// calls them.
func Declarations() map[string]any {
	return map[string]any{"file": &sections{}, "type": &typeDraft{}}
}
