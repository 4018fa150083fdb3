package ingest

import (
	"net/http"

	"signalbox/event"
)

// HeaderSynthetic marks all events of a request as synthetic when it is "true".
const HeaderSynthetic = event.HeaderSynthetic

// mark fills in the metadata of events, where they do not have it themselves, from the headers
// of their request.
func mark(events []*event.Event, header http.Header) {
	carried := event.ReadHeaders(header.Get)
	carried.Mark(events)
}
