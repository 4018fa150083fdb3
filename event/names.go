package event

// MaxName bounds, in bytes, each of the texts that name an event, or join it with
// others: they travel in headers, and are keys of what is stored.
const MaxName = 2048

// CheckNames refuses an event with a name that is too long.
func (e *Event) CheckNames() *Error {
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
	return nil
}
