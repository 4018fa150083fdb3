package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"signalbox/trace"
)

// search lists the events that are kept.
func (h traceHandlers) search(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	filter, content, err := eventFilterOf(q)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	return inTurn(r.Context(), h.turns, func() (trace.Page, error) {
		return h.traces.Search(r.Context(), filter, q.Get("cursor"), limit, content)
	})
}

// eventFilterOf reads a filter of events from a query.
func eventFilterOf(q url.Values) (f trace.Filter, content bool, err error) {
	f = trace.Filter{
		ID: q.Get("id"), CorrelationID: q.Get("correlation_id"), Bus: q.Get("bus"), Source: q.Get("source"), DetailType: q.Get("detail_type"),
		Rule: q.Get("rule"), Target: q.Get("target"), Outcome: trace.Outcome(q.Get("outcome")), Text: q.Get("text"),
	}
	if p := q.Get("pattern"); p != "" {
		f.Pattern = json.RawMessage(p)
	}
	if f.Since, err = timeOf(q, "since"); err == nil {
		f.Until, err = timeOf(q, "until")
	}
	if err == nil {
		content, err = boolOf(q, "content")
	}
	return f, content, err
}

// The streams that are open at a time, how long a client may take for what it is sent, and
// after how long of nothing new it is told how far the stream has come.
const (
	maxStreams  = 16
	streamStall = 30 * time.Second
	streamIdle  = 10 * time.Second
)

// follow sends events as server-sent events (WHATWG HTML, section 9.2): "event" for an event,
// with the cursor behind it as its id, and "gap" with a reason where events are missing. A client that was
// cut off goes on with the header Last-Event-ID, or with ?cursor=.
func (h traceHandlers) follow(w http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	filter, content, err := eventFilterOf(q)
	if err != nil {
		return nil, err
	}
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: fmt.Sprintf("%d streams of events are open, and there may be no more", maxStreams), Hint: "close one, or list the events with GET /v1/events"}
	}
	cursor := q.Get("cursor")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		cursor = last
	}
	ctx, cancel := untilStop(r.Context(), h.stopping)
	defer cancel()
	takesLong(w)
	s := &eventStream{w: w}
	if err := h.traces.Follow(ctx, filter, cursor, content, s.send); !s.begun {
		return nil, err
	}
	return nil, nil // how far it came stands in the last id
}

// StreamGap is the data of "gap": why events are missing.
type StreamGap struct {
	Reason string `json:"reason"`
}

// eventStream writes server-sent events.
type eventStream struct {
	w     http.ResponseWriter
	begun bool
	spoke time.Time
}

func (s *eventStream) send(next trace.Followed) error {
	if now := time.Now(); s.begun && len(next.Missing)+len(next.Events) == 0 && now.Sub(s.spoke) < streamIdle {
		return nil
	}
	s.begin()
	control := http.NewResponseController(s.w)
	_ = control.SetWriteDeadline(time.Now().Add(streamStall)) // not supported by a recorder
	for _, why := range next.Missing {
		if err := s.block("gap", StreamGap{why}); err != nil {
			return err
		}
	}
	for _, e := range next.Events {
		if _, err := fmt.Fprintf(s.w, "id: %s\n", e.After); err != nil {
			return err
		}
		if err := s.block("event", e); err != nil {
			return err
		}
	}
	// A block without data only moves the id on.
	if _, err := fmt.Fprintf(s.w, ": here\nid: %s\n\n", next.Cursor); err != nil {
		return err
	}
	return control.Flush()
}

// block writes the rest of a block.
func (s *eventStream) block(name string, content any) error {
	text, err := json.Marshal(content)
	if err == nil {
		_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, text)
	}
	return err
}

func (s *eventStream) begin() {
	s.spoke = time.Now()
	if s.begun {
		return
	}
	s.begun = true
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx
}
