package ingest

import (
	"bytes"
	"net/http"

	"signalbox/event"
)

// The values of headers that most answers have. They are shared, and never changed.
var (
	awsType  = []string{awsContentType}
	jsonType = []string{"application/json; charset=utf-8"}
)

// answerIDs answers with the ids of events that were all accepted, as the encoder of JSON
// would, in a part of its time: begin is the text up to the first event, and each up to its
// id. It does nothing, and returns false, where there is more to tell.
func answerIDs(w http.ResponseWriter, contentType []string, begin, each string, events []*event.Event, problems []*problem) bool {
	for i, e := range events {
		if problems[i] != nil || e.Duplicate || !needsNoEscapes(e.ID) {
			return false
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer releaseBuffer(buf)
	buf.WriteString(begin)
	for i, e := range events {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.WriteString(each)
		buf.WriteString(e.ID)
		buf.WriteString(`"}`)
	}
	buf.WriteString("]}\n")
	w.Header()["Content-Type"] = contentType
	write(w, http.StatusOK, buf)
	return true
}

// needsNoEscapes reports whether a text stands in JSON as it is, between quotes.
func needsNoEscapes(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return text != ""
}
