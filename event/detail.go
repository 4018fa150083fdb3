package event

import (
	"bytes"
	"strings"

	"signalbox/spelling"
)

// checkDetail checks that a detail is one JSON object, that it nests at most
// maxDepth levels, and that nothing follows it. It must be valid UTF-8.
// Duplicate keys are legal here.
func checkDetail(detail []byte, maxDepth int) *syntaxError {
	s := scanner{text: detail, maxDepth: maxDepth}
	s.space()
	ok := false
	if s.peek() != '{' {
		s.unexpected(`a JSON object (wrap other values, as in {"data": …})`)
	} else {
		ok = s.object(1, nil) && s.end()
	}
	if ok {
		return nil
	}
	fault := s.fault // a copy, so that s stays on the stack
	return &fault
}

// trimSpace takes away the white space around a JSON value.
func trimSpace(value []byte) []byte { return bytes.Trim(value, " \t\r\n") }

// understand fills what the metadata does not say yet from the detail's
// metadata object, and then from the type's name.
//
// A detail of the form {"metadata": {…}, "data": {…}} is common with
// EventBridge. These keys of metadata are understood; case, '-' and '_' do not
// matter, and values of other types are ignored:
//
//   - isSynthetic, isFake, synthetic: true marks a test event
//   - traceparent, tracestate: the W3C trace headers
//   - traceId: a traceparent or an X-Ray trace header or root; 32 hexadecimal
//     digits become a traceparent; anything else becomes the correlation id,
//     where no other is given
//   - correlationId, causationId
//   - kind: event, command, query, audit, telemetry
//   - schemaVersion, version: a string or a number
//   - dedupId, dedupKey, deduplicationId, messageDeduplicationId, idempotencyKey
//   - partitionKey, groupId, messageGroupId
//
// The last part of a type's name may give the version, as in
// com.example.ticket.created.v1.
func (e *Event) understand() {
	if metadata := e.detailMetadata(); metadata != nil {
		e.Meta.understand(metadata)
	}
	if e.Meta.SchemaVersion == "" {
		e.Meta.SchemaVersion = typeVersion(e.DetailType)
	}
}

// detailMetadata is the object under the key metadata of the detail, nil if
// there is none.
func (e *Event) detailMetadata() []byte {
	// Most details have none. Without its first quote, which is frequent, the
	// search is quicker.
	if !bytes.Contains(e.Detail, []byte(`metadata"`)) {
		return nil
	}
	var found []byte
	s := scanner{text: e.Detail, maxDepth: len(e.Detail)}
	s.object(0, func(key, value span) {
		if string(e.Detail[key.from:key.to]) == "metadata" && e.Detail[value.from] == '{' {
			found = e.Detail[value.from:value.to]
		}
	})
	return found
}

// understand reads the metadata object of a detail.
func (m *Metadata) understand(object []byte) {
	var traceID string
	s := scanner{text: object, maxDepth: len(object)}
	s.object(0, func(key, value span) {
		raw := object[value.from:value.to]
		name := spelling.Fold(string(object[key.from:key.to]))
		if raw[0] == '{' || raw[0] == '[' || raw[0] == 'n' {
			return
		}
		text := string(raw)
		if raw[0] == '"' {
			var fault *syntaxError
			if text, fault = unquote(raw); fault != nil {
				return
			}
		}
		if name == "traceid" {
			traceID = text
			return
		}
		m.setAttribute(name, text)
	})
	if traceID != "" {
		m.setTraceID(traceID)
	}
}

// setAttribute sets the field that an attribute by this name means, unless it
// has a value already. The name is folded.
func (m *Metadata) setAttribute(name, value string) {
	switch name {
	case "issynthetic", "isfake", "synthetic":
		m.Synthetic = m.Synthetic || value == "true"
	case "traceparent":
		setOnce(&m.TraceParent, value)
	case "tracestate":
		setOnce(&m.TraceState, value)
	case "correlationid":
		setOnce(&m.CorrelationID, value)
	case "causationid":
		setOnce(&m.CausationID, value)
	case "kind":
		if kind := Kind(strings.ToLower(value)); kind.known() {
			setOnce((*string)(&m.Kind), string(kind))
		}
	case "schemaversion", "version":
		setOnce(&m.SchemaVersion, value)
	case "dedupid", "dedupkey", "deduplicationid", "messagededuplicationid", "idempotencykey":
		setOnce(&m.DedupKey, value)
	case "partitionkey", "groupid", "messagegroupid":
		setOnce(&m.PartitionKey, value)
	}
}

func setOnce(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func (k Kind) known() bool {
	switch k {
	case KindEvent, KindCommand, KindQuery, KindAudit, KindTelemetry:
		return true
	}
	return false
}

// typeVersion is the version at the end of a type's name: 1 of
// com.example.ticket.created.v1, 2.1 of OrderCreated.v2.1.
func typeVersion(name string) string {
	at := strings.LastIndex(name, ".v")
	if at < 0 {
		return ""
	}
	version := name[at+2:]
	if version == "" || strings.Trim(version, "0123456789.") != "" || version[0] == '.' || version[len(version)-1] == '.' {
		return ""
	}
	return version
}
