package ingest

import (
	"net/http"
	"strings"

	"signalbox/event"
)

// HeaderSynthetic marks all events of a request as synthetic when it is "true".
const HeaderSynthetic = "X-Signalbox-Synthetic"

// mark fills the metadata of events, where they do not have it themselves, from
// the headers of their request: traceparent with tracestate, X-Amzn-Trace-Id,
// X-Correlation-Id and X-Signalbox-Synthetic.
func mark(events []*event.Event, header http.Header) {
	traceParent, traceState := header.Get("Traceparent"), header.Get("Tracestate")
	if !event.ValidTraceParent(traceParent) {
		traceParent, traceState = "", ""
	}
	xray, correlation := header.Get("X-Amzn-Trace-Id"), header.Get("X-Correlation-Id")
	synthetic := strings.EqualFold(header.Get(HeaderSynthetic), "true")
	for _, e := range events {
		if e == nil {
			continue
		}
		m := &e.Meta
		if m.TraceParent == "" {
			m.TraceParent, m.TraceState = traceParent, traceState
		}
		if m.XRay == "" {
			m.XRay = xray
		}
		if m.CorrelationID == "" {
			m.CorrelationID = correlation
		}
		m.Synthetic = m.Synthetic || synthetic
	}
}
