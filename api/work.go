package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signalbox/commands"
	"signalbox/commands/work"
	"signalbox/journal"
	"signalbox/router"
)

// WorkFilter chooses work requests; empty fields choose all.
type WorkFilter struct {
	Action        work.Action
	Operation     string
	Service       string
	EntityType    string
	CorrelationID string
	// Open leaves out those that have ended.
	Open bool
}

func (f *WorkFilter) lets(w *work.Request) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(string(f.Action), string(w.Action)) && is(f.Operation, w.Operation) && is(f.Service, w.Service) &&
		is(f.EntityType, w.EntityType) && is(f.CorrelationID, w.CorrelationID) && !(f.Open && w.Action.Ended())
}

// WorkPage is a part of the list of work requests, the latest first.
type WorkPage struct {
	WorkRequests []*work.Request `json:"work_requests"`
	// Cursor leads to the next page; empty where there is none.
	Cursor string `json:"next_cursor,omitempty"`
}

// defaultWorkLimit is how long a page is where no limit is given.
const defaultWorkLimit = 50

// workFilter reads a filter from the query of a request.
func workFilter(q url.Values) (f WorkFilter, err error) {
	f = WorkFilter{
		Action: work.Action(strings.ToUpper(q.Get("action_type"))), Operation: q.Get("operation"), Service: q.Get("service"),
		EntityType: q.Get("entity_type"), CorrelationID: q.Get("correlation_id"),
	}
	if f.Action != "" && !slices.Contains(work.Actions, f.Action) {
		return f, badRequest("action_type %q: write one of %v", q.Get("action_type"), work.Actions)
	}
	f.Open, err = boolOf(q, "open")
	return f, err
}

// workHandlers show and cancel work requests.
type workHandlers struct{ commands *commands.Service }

func (h workHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	filter, err := workFilter(q)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q, defaultWorkLimit, maxPage)
	if err != nil {
		return nil, err
	}
	page := WorkPage{WorkRequests: []*work.Request{}}
	err = h.commands.Each(q.Get("cursor"), func(request *work.Request) bool {
		if !filter.lets(request) {
			return r.Context().Err() == nil
		}
		if len(page.WorkRequests) == limit {
			page.Cursor = page.WorkRequests[limit-1].ID
			return false
		}
		page.WorkRequests = append(page.WorkRequests, request)
		return true
	})
	if errors.Is(err, journal.ErrNotFound) {
		err = badCursor(q.Get("cursor"))
	}
	return page, err
}

// noWork is where to look for a work request that is not there.
const noWork = "commands alone have work requests, which are kept as long as their events: GET /v1/work-requests lists them"

func (h workHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	request, err := h.commands.Find(r.PathValue("id"))
	return request, missing(err, noWork)
}

func (h workHandlers) cancel(_ http.ResponseWriter, r *http.Request) (any, error) {
	request, err := h.commands.Cancel(r.PathValue("id"))
	var ended *commands.Ended
	var busy *router.Busy
	switch {
	case errors.As(err, &ended):
		err = &Error{Status: http.StatusConflict, Message: err.Error(), Hint: "nothing is left to cancel; what undoes it is a command of its own"}
	case errors.As(err, &busy), errors.Is(err, router.ErrStopping):
		err = &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	return request, missing(err, noWork)
}
