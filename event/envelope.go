package event

import (
	"slices"
	"time"

	"signalbox/spelling"
)

// AppendEnvelope appends the event in the canonical envelope, which is the one
// that EventBridge delivers: version, id, detail-type, source, account, time,
// region, replay-name (where it is set), resources, detail, in this order and
// without white space. The detail is spliced in byte for byte; an event without
// one gets {}.
func (e *Event) AppendEnvelope(dst []byte) []byte {
	const punctuation = 160
	dst = slices.Grow(dst, punctuation+len(e.ID)+len(e.DetailType)+len(e.Source)+len(e.Account)+len(e.Region)+len(e.Detail))
	dst = e.appendHead(dst)
	if len(e.Detail) == 0 {
		dst = append(dst, `{}`...)
	}
	dst = append(dst, e.Detail...)
	return append(dst, '}')
}

// Envelope returns what AppendEnvelope appends. The first call writes it around the detail
// where a decoder has left room for that: the two then share memory, and neither may be
// changed.
func (e *Event) Envelope() []byte {
	room := e.room
	e.room = nil // it is used once
	if n := len(e.Detail); n > 0 && len(room) > n+1 && &room[len(room)-1-n] == &e.Detail[0] {
		var short [2 * headRoom]byte
		head := e.appendHead(short[:0])
		if at := len(room) - 1 - n - len(head); at >= 0 {
			copy(room[at:], head)
			room[len(room)-1] = '}'
			return room[at:]
		}
	}
	return e.AppendEnvelope(nil)
}

// headRoom is what an envelope has before its detail, beside source, detail-type and
// resources: punctuation, id, time, account and region, these as they mostly are.
const headRoom = 224

// keepDetail makes a copy of detail the event's own, with room for the envelope around it.
func (e *Event) keepDetail(detail []byte) {
	head := headRoom + len(e.Source) + len(e.DetailType)
	for _, r := range e.Resources {
		head += len(r) + len(`"",`)
	}
	e.ownDetail(make([]byte, head+len(detail)+1), head, len(detail))
	copy(e.Detail, detail)
}

// ownDetail makes n bytes of room, from at on, the event's detail. A byte must follow.
func (e *Event) ownDetail(room []byte, at, n int) {
	e.room = room[: at+n+1 : at+n+1]
	e.Detail = room[at : at+n : at+n]
}

// appendHead appends the envelope up to its detail.
func (e *Event) appendHead(dst []byte) []byte {
	dst = append(dst, `{"version":"0","id":`...)
	dst = appendQuoted(dst, e.ID)
	dst = append(dst, `,"detail-type":`...)
	dst = appendQuoted(dst, e.DetailType)
	dst = append(dst, `,"source":`...)
	dst = appendQuoted(dst, e.Source)
	dst = append(dst, `,"account":`...)
	dst = appendQuoted(dst, e.Account)
	dst = append(dst, `,"time":"`...)
	dst = appendTime(dst, e.Time)
	dst = append(dst, `","region":`...)
	dst = appendQuoted(dst, e.Region)
	if e.ReplayName != "" {
		dst = append(dst, `,"replay-name":`...)
		dst = appendQuoted(dst, e.ReplayName)
	}
	dst = append(dst, `,"resources":[`...)
	for i, resource := range e.Resources {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, resource)
	}
	return append(dst, `],"detail":`...)
}

// appendTime appends a time as the canonical envelope has it: RFC 3339 in UTC,
// in whole seconds.
func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, time.RFC3339)
}

// ParseEnvelope reads an event in the canonical envelope, as AppendEnvelope
// writes it. It asks for well-formed JSON with members of the right types, but,
// unlike DecodeJSON, for no member in particular, and bounds the nesting only
// loosely: it is for what ingest has already checked. The event keeps nothing
// of envelope. The error is an *Error.
func ParseEnvelope(envelope []byte) (*Event, error) {
	const loose = 10_000
	members, err := parseMembers(envelope, loose)
	if err != nil {
		return nil, err
	}
	e := new(Event)
	if err := e.setEnvelope(members); err != nil {
		return nil, err
	}
	e.Detail = slices.Clone(e.Detail)
	return e, nil
}

// setEnvelope sets the event to the members of a canonical envelope. Its detail
// is a part of the text that was parsed.
func (e *Event) setEnvelope(members []member) *Error {
	for i := range members {
		m := &members[i]
		var err *Error
		switch m.key {
		case "version":
			err = m.mustBe("0")
		case "id":
			e.ID, err = m.text()
		case "detail-type":
			e.DetailType, err = m.text()
		case "source":
			e.Source, err = m.text()
		case "account":
			e.Account, err = m.text()
		case "time":
			e.Time, err = m.time()
		case "region":
			e.Region, err = m.text()
		case "replay-name":
			e.ReplayName, err = m.text()
		case "resources":
			e.Resources, err = m.texts()
		case "trace-header":
			e.Meta.XRay, err = m.text()
		case "detail":
			if e.Detail = m.raw; m.raw[0] != '{' {
				err = m.notObject()
			}
		default:
			err = invalid(m.key, "unknown member of an event envelope%s", spelling.Suggest(m.key, EnvelopeKeys))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EnvelopeKeys are the members that an event in the canonical envelope may have.
var EnvelopeKeys = []string{
	"version", "id", "detail-type", "source", "account", "time", "region",
	"replay-name", "resources", "detail", "trace-header",
}
