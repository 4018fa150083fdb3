package event

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	longest := strings.Repeat("x", MaxName)
	e := &Event{ID: longest, Source: longest, DetailType: longest, Meta: Metadata{CorrelationID: longest, XRay: longest}}
	if err := e.Check(); err != nil {
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
			if err := e.Check(); err == nil || err.Message != name+": is 2049 bytes long; at most 2048 are allowed" || err.Path != name {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCheckRefusesAContentTypeThatIsNone(t *testing.T) {
	attack := "text/plain\r\nContent-Length: 0\r\n\r\nDELETE /admin/users/1 HTTP/1.1\r\nHost: internal-admin\r\nX-Evil: 1"
	for _, name := range []string{"datacontenttype", "contentType"} {
		for text, ok := range map[string]bool{
			"application/json": true, "application/cloudevents+json; charset=utf-8": true, "text/plain; title=\"a b\"": true,
			attack: false, "text/plain\n": false, "text/\nplain": false, "": false, "text/plain; a=\"b\r\nc\"": false, "text/plain;\r\nX-Evil: 1": false, "a\x00b": false, "größe/x": false,
		} {
			e := &Event{Meta: Metadata{Extensions: []Attribute{{Name: name, Value: string(appendQuoted(nil, text))}}}}
			if err := e.Check(); (err == nil) != ok {
				t.Errorf("%s %q: %v, want it taken: %t", name, text, err, ok)
			}
		}
	}
}
