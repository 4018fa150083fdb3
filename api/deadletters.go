package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/dlq"
)

// letterHandlers show, replay and purge dead letters.
type letterHandlers struct {
	queue *dlq.Queue
	// stopping ends when the router begins to stop; it may be nil.
	stopping context.Context
}

func (h letterHandlers) list(w http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	filter, err := filterOf(q)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	page, err := h.queue.List(filter, q.Get("cursor"), limit)
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (h letterHandlers) groups(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	return h.queue.Groups(q.Get("target"), q.Get("cursor"))
}

func (h letterHandlers) get(w http.ResponseWriter, r *http.Request) (any, error) {
	letter, err := h.queue.Get(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return letter, nil
}

// filterOf reads a filter from the query of a request.
func filterOf(q url.Values) (dlq.Filter, error) {
	f := dlq.Filter{Target: q.Get("target"), Rule: q.Get("rule"), Bus: q.Get("bus"), Code: q.Get("error_code")}
	var err error
	if f.Since, err = timeOf(q, "since"); err != nil {
		return f, err
	}
	if f.Until, err = timeOf(q, "until"); err != nil {
		return f, err
	}
	if text := q.Get("status"); q.Has("status") {
		status, err := strconv.Atoi(text)
		if err != nil || status < 1 {
			return f, badRequest("status %q: write an HTTP status such as 503", text)
		}
		f.Status = status
	}
	if p := q.Get("pattern"); p != "" {
		f.Pattern = json.RawMessage(p)
	}
	return f, nil
}
