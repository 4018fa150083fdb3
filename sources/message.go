// Package sources takes in the messages of brokers: how they become events, and the loop that
// acknowledges them once they are on disk. Each kind of broker has a package of its own below;
// sources/kinds lists them.
package sources

import (
	"net/http"
	"strings"
	"time"
)

// Message is one message of a broker.
type Message struct {
	// Headers are by their names in lower case. Those of a CloudEvent in the binary mode begin
	// with ce-.
	Headers map[string]string
	Body    []byte
	// Subject is where the broker had it: a subject, a routing key, a stream.
	Subject string
	// ID is what a redelivery has again, and nothing else of its Origin; empty where the broker has
	// no such thing.
	ID string
	// Origin is where the broker has it: the kind of the broker, which one, and what there. It is
	// the same for whichever source reads it.
	Origin string
	// Time is when the broker took it; it may be zero.
	Time time.Time
	// Tag is the connection's own, to acknowledge it by.
	Tag any
}

// header returns the headers as net/http has them.
func (m *Message) header() http.Header {
	h := make(http.Header, len(m.Headers))
	for name, value := range m.Headers {
		h[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return h
}

// key returns what the message is known by among all messages of all sources; empty where it has
// no id.
func (m *Message) key() string {
	if m.ID == "" {
		return ""
	}
	return m.Origin + "/" + m.ID
}

// get returns a header by its name in any case; nothing where it is not there.
func (m *Message) get(name string) string { return m.Headers[strings.ToLower(name)] }
