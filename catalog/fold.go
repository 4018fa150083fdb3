package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signalbox/event"
	"signalbox/rules/exprenv"
)

// The folds that are no expressions.
const (
	FoldReplace = "replace" // the state is what the latest message tells
	FoldMerge   = "merge"   // what a message tells is merged into the state (RFC 7396)
)

// Fold is how a message changes the state of its object.
type Fold struct {
	// Source is FoldReplace, FoldMerge or an expression of state and event.
	Source string
	// Program is nil where Source is no expression.
	Program *exprenv.FoldProgram
}

// ObjectType is a type of objects, as the declared messages that tell of it make it.
type ObjectType struct {
	// Folds means that a state is made of several messages, not told by the latest alone.
	Folds bool
	// AuditsAlone means that no other messages tell of the objects.
	AuditsAlone bool
	// Tells changes with the messages that tell of the objects, Fingerprint with their folds
	// too.
	Tells, Fingerprint string
}

// ObjectName is the type of the objects that messages of the type tell of.
func (t *Type) ObjectName() string {
	if t.Object == "" {
		return t.Name
	}
	return t.Object
}

// Object returns a type of objects. Of one that no declared message tells of, the latest message
// is the state.
func (c *Catalog) Object(name string) ObjectType {
	if c == nil {
		return ObjectType{}
	}
	return c.objects[name]
}

// ObjectTypes returns all types of objects that declared messages tell of, by their names.
func (c *Catalog) ObjectTypes() map[string]ObjectType {
	if c == nil {
		return nil
	}
	return c.objects
}

// Telling returns the detail-types of the messages that can tell of objects of a type.
func (c *Catalog) Telling(object string) (names []string) {
	if _, declared := c.Type(object, ""); !declared {
		names = []string{object} // audits that nobody has declared
	}
	if c == nil {
		return names
	}
	for _, t := range c.Types {
		if t.ObjectName() == object && (t.Fold != nil || t.Kind == event.KindAudit) {
			names = append(names, t.Name)
		}
	}
	return slices.Compact(names)
}

// FoldsEvents reports whether messages that are no audits tell of objects.
func (c *Catalog) FoldsEvents() bool { return c != nil && c.foldsEvents }

// fold checks how a message changes the state of its object.
func (l *loader) fold(d *typeDraft, t *Type) {
	n := d.Fold.Node
	if n == nil {
		return
	}
	path := d.path.Key("fold")
	switch t.Kind {
	case event.KindCommand, event.KindQuery:
		l.problems.Add(n.Pos, path, "is for what has happened, and this is of the kind %s", t.Kind)
	case event.KindAudit:
	default:
		if t.Key == "" {
			l.problems.Add(n.Pos, path, "of which object: write key: and the path of its id, such as key: detail.id")
		}
	}
	t.Fold = &Fold{Source: strings.TrimSpace(d.Fold.Value)}
	if t.Fold.Source == FoldReplace || t.Fold.Source == FoldMerge {
		return
	}
	var err error
	if t.Fold.Program, err = exprenv.CompileFold(d.Fold.Value); err != nil {
		pos, text := n.Pos, err.Error()
		if fault, ok := errors.AsType[*exprenv.Error](err); ok {
			pos, text = n.TextPosition(fault.Offset), fault.Reason
			if fault.Hint != "" {
				text += " (" + fault.Hint + ")"
			}
		}
		l.problems.Add(pos, path, "%s; write %s, %s or an expression of state and event", text, FoldReplace, FoldMerge)
	}
}

// folds gathers what messages make of objects, once all types are there and sorted.
func (l *loader) folds() {
	l.cat.objects = map[string]ObjectType{}
	for _, t := range l.cat.Types {
		if t.Fold == nil && t.Kind != event.KindAudit {
			continue
		}
		l.cat.foldsEvents = l.cat.foldsEvents || t.Kind != event.KindAudit
		source := FoldReplace
		if t.Fold != nil {
			source = t.Fold.Source
		}
		o, told := l.cat.objects[t.ObjectName()]
		o.AuditsAlone = t.Kind == event.KindAudit && (o.AuditsAlone || !told)
		o.Folds = o.Folds || source != FoldReplace || !o.AuditsAlone
		o.Tells = digest(o.Tells, t.Name, t.Version, string(t.Kind), t.Key)
		o.Fingerprint = digest(o.Fingerprint, t.Name, t.Version, string(t.Kind), t.Key, source)
		l.cat.objects[t.ObjectName()] = o
	}
}

// digest returns a short text that changes with any of some texts.
func digest(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:8])
}
