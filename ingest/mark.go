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
	carried := event.ReadHeaders(func(name string) string { // which is in canonical form
		if values := header[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	})
	carried.Mark(events)
}
