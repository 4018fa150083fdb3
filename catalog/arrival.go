package catalog

import (
	"fmt"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/spelling"
)

// The codes of findings on arrival, as producers get them.
const (
	CodeUndeclared = "UndeclaredType"
	CodeSource     = "SourceNotAllowed"
	CodeSchema     = "SchemaViolation"
	CodeDeprecated = "DeprecatedType"
	CodeName       = "InvalidName"
	CodeKeyless    = "KeyMissing"
)

// Codes are all codes of findings.
var Codes = []string{CodeUndeclared, CodeSource, CodeSchema, CodeDeprecated, CodeName, CodeKeyless}

// Finding is what is wrong with an event on arrival.
type Finding struct {
	Code string `json:"code"`
	// Type is the declared type that the event is of; empty if it is of none.
	Type string `json:"type,omitempty"`
	// Path leads to what is wrong, such as detail.total.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// Mild means that the event is accepted even where such faults are rejected.
	Mild bool `json:"-"`
}

// Inspect checks an event against the catalog. It returns the gravest finding; nil if there
// is none.
func (c *Catalog) Inspect(e *event.Event, now time.Time) *Finding {
	t, ok := c.For(e)
	if !ok {
		return &Finding{Code: CodeUndeclared, Path: "detail-type", Message: fmt.Sprintf(
			"detail-type: no type %q is declared in the catalog%s", e.DetailType, spelling.Suggest(e.DetailType, c.Names()))}
	}
	if !t.Allows(e.Source) {
		return &Finding{Code: CodeSource, Type: t.Name, Path: "source", Message: fmt.Sprintf(
			"source: %q may not send %s; its sources are %s", e.Source, t, strings.Join(t.Sources, ", "))}
	}
	if t.Schema != nil {
		if v := t.Schema.Validate(e.Detail); v != nil {
			return &Finding{Code: CodeSchema, Type: t.Name, Path: v.Path, Message: v.String()}
		}
	}
	return t.deprecation(now)
}

// deprecation is the finding that a type is on its way out, or gone.
func (t *Type) deprecation(now time.Time) *Finding {
	d := t.Deprecated
	if d == nil || now.Before(d.Since) {
		return nil
	}
	text := fmt.Sprintf("detail-type: %s is deprecated", t)
	if !d.Since.IsZero() {
		text += " since " + d.Since.Format(time.DateOnly)
	}
	if !d.Until.IsZero() {
		text += ", and not taken from " + d.Until.Format(time.DateOnly) + " on"
	}
	if d.ReplacedBy != "" {
		text += "; send " + d.ReplacedBy + " instead"
	}
	return &Finding{Code: CodeDeprecated, Type: t.Name, Path: "detail-type", Message: text, Mild: d.Until.IsZero() || now.Before(d.Until)}
}

// InspectName checks the name of an event's type against the naming standard.
func (c *Catalog) InspectName(e *event.Event) *Finding {
	f := &Finding{Code: CodeName, Path: "detail-type"}
	var declared event.Kind
	if t, ok := c.Type(e.DetailType, ""); ok {
		f.Type, declared = t.Name, t.Kind
	}
	fault := c.Naming.Fault(e.DetailType, declared)
	if fault == nil {
		return nil
	}
	f.Message = "detail-type: " + fault.String()
	return f
}
