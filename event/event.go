// Package event holds the canonical envelope, its metadata, and the codecs that
// turn EventBridge, CloudEvents, OCI and plain JSON into it and back.
package event

import "time"

// Event is one fact in the canonical envelope, which is EventBridge's. Its
// detail is kept byte for byte as the producer sent it.
type Event struct {
	// ID identifies the event. It is the producer's where the form carries one
	// (CloudEvents, OCI, a plain envelope with an id), else the router assigns a
	// UUIDv7 when it accepts the event.
	ID         string
	DetailType string
	Source     string
	Account    string
	// Time is when the event occurred; the router fills in the time of
	// acceptance where the producer gave none.
	Time   time.Time
	Region string
	// ReplayName is set on events that a replay sends again.
	ReplayName string
	Resources  []string
	// Detail is a JSON object, exactly as it was sent.
	Detail []byte
	// Meta travels beside the envelope; it is not part of the delivered body.
	Meta Metadata
	// Duplicate means that the event was accepted before, under the ID that it now
	// has. The router sets it; it is no part of any form.
	Duplicate bool
	// room is memory that ends with the detail and one byte, for Envelope.
	room []byte
}

// Kind is what a message means to its consumers.
type Kind string

// The kinds of message. The empty Kind is one that nobody has stated.
const (
	KindEvent     Kind = "event"
	KindCommand   Kind = "command"
	KindQuery     Kind = "query"
	KindAudit     Kind = "audit"
	KindTelemetry Kind = "telemetry"
)

// Metadata is what the router knows of an event besides its envelope.
type Metadata struct {
	// Bus is the bus the event was sent to; empty means the default bus.
	Bus string
	// Received is when the router accepted the event.
	Received time.Time
	// TraceParent and TraceState are the W3C Trace Context headers.
	TraceParent string
	TraceState  string
	// XRay is the X-Amzn-Trace-Id header, PutEvents' TraceHeader.
	XRay string
	// CorrelationID joins the events of one story; CausationID is the id of the
	// event that caused this one.
	CorrelationID string
	CausationID   string
	// Hops counts the steps on the event's way here: the buses that it has passed
	// through, and the events whose delivery made the next. Path names the steps.
	Hops int
	Path []Hop
	// Root is the router's number of the event that this one has come of by replies and
	// buses, 0 for one that came in itself; Derived is how many had come of that when this one
	// did, itself among them.
	Root    uint64
	Derived int
	// Synthetic marks a test event: it goes the whole way, and acts only where a
	// target allows it.
	Synthetic bool
	// Kind is of which kind the event is. KindByName says that only the name of its
	// type tells so: it can be matched, but no command or query is made of it.
	Kind          Kind
	KindByName    bool
	SchemaVersion string
	// Scheduled means that a rule's schedule made the event: nothing from outside can be.
	Scheduled bool
	// TellsState means that the journal indexes the event as a change of an object.
	TellsState bool
	// DedupKey names the event among repeats of itself; PartitionKey names the
	// sequence that the event belongs to.
	DedupKey     string
	PartitionKey string
	// Format is the form in which the event came in, one of the Format constants.
	Format string
	// DataForm is how the detail holds the data of a CloudEvent or an OCI event.
	DataForm DataForm
	// Extensions are the attributes of a CloudEvent, or the members of an OCI
	// envelope, that the canonical envelope has no field for (subject,
	// dataschema, datacontenttype, …), in the order that they came in. An
	// attribute "time" or "eventTime" is there when the canonical time does not
	// say what the producer wrote: another offset, a fraction of a second, or,
	// as null, nothing at all.
	Extensions []Attribute
}

// TreatedAs returns the kind as which the event is delivered: a command or a query by
// its name alone is an event.
func (m *Metadata) TreatedAs() Kind {
	if m.KindByName {
		return KindEvent
	}
	return m.Kind
}

// IsRequest reports whether the event is delivered as a command or a query, which
// exactly one target handles.
func (m *Metadata) IsRequest() bool {
	k := m.TreatedAs()
	return k == KindCommand || k == KindQuery
}

// The forms in which an event comes in.
const (
	FormatEventBridge = "eventbridge" // an entry of PutEvents
	FormatJSON        = "json"        // the canonical envelope
	FormatCloudEvents = "cloudevents"
	FormatOCI         = "oci"
	FormatWebhook     = "webhook" // a body that says nothing of an event
)

// DataForm is how a detail, which is always an object, holds data that need
// not be one.
type DataForm uint8

// The forms of data. The zero value is the plain one.
const (
	DataAsIs    DataForm = iota // the detail is the data
	DataAbsent                  // there is no data; the detail is {}
	DataWrapped                 // {"data": the data, a JSON value that is no object}
	DataText                    // {"data": the data, text that is not JSON, as a string}
	DataBase64                  // {"data_base64": the data, bytes that are not text}
)

// Attribute is one named extension of an event.
type Attribute struct {
	Name string
	// Value is the value as JSON.
	Value string
}
