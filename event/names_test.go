package event

import (
	"strings"
	"testing"
)

func TestCheckNames(t *testing.T) {
	longest := strings.Repeat("x", MaxName)
	e := &Event{ID: longest, Source: longest, DetailType: longest, Meta: Metadata{CorrelationID: longest, XRay: longest}}
	if err := e.CheckNames(); err != nil {
		t.Errorf("names as long as may be: %v", err)
	}
	for name, field := range map[string]*string{
		"id": &e.ID, "source": &e.Source, "detail-type": &e.DetailType, "correlation id": &e.Meta.CorrelationID,
		"causation id": &e.Meta.CausationID, "dedup key": &e.Meta.DedupKey, "partition key": &e.Meta.PartitionKey,
		"schema version": &e.Meta.SchemaVersion, "tracestate": &e.Meta.TraceState, "trace header": &e.Meta.XRay,
	} {
		t.Run(name, func(t *testing.T) {
			before := *field
			defer func() { *field = before }()
			*field = longest + "x"
			if err := e.CheckNames(); err == nil || err.Message != name+": is 2049 bytes long; at most 2048 are allowed" || err.Path != name {
				t.Errorf("got %v", err)
			}
		})
	}
}
