package event

import (
	"mime"
	"strings"
	"unicode"
)

// MaxName bounds, in bytes, each of the texts that name an event, or join it with
// others: they travel in headers, and are keys of what is stored.
const MaxName = 2048

// Check refuses an event with a name that is too long, or a content type that is none.
func (e *Event) Check() *Error {
	m := &e.Meta
	for _, n := range [...]struct{ path, text string }{
		{"id", e.ID}, {"source", e.Source}, {"detail-type", e.DetailType},
		{"correlation id", m.CorrelationID}, {"causation id", m.CausationID},
		{"dedup key", m.DedupKey}, {"partition key", m.PartitionKey}, {"schema version", m.SchemaVersion},
		{"tracestate", m.TraceState}, {"trace header", m.XRay},
	} {
		if len(n.text) > MaxName {
			return invalid(n.path, "is %d bytes long; at most %d are allowed", len(n.text), MaxName)
		}
	}
	return e.checkContentType()
}

// checkContentType refuses a content type that is no media type (RFC 2045, section
// 5.1): it becomes a header of what targets are sent.
func (e *Event) checkContentType() *Error {
	for _, a := range e.Meta.Extensions {
		if a.Name != "datacontenttype" && a.Name != "contentType" || a.Value[0] != '"' {
			continue
		}
		text, err := unquote([]byte(a.Value))
		if err != nil {
			return invalid(a.Name, "is not a string")
		}
		if _, _, err := mime.ParseMediaType(text); err != nil || strings.ContainsFunc(text, unicode.IsControl) {
			return invalid(a.Name, "%q is no media type: write one such as application/json", text)
		}
	}
	return nil
}
