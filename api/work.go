package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/commands"
	"signalbox/commands/work"
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

func (f *WorkFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"action_type": string(f.Action), "operation": f.Operation, "service": f.Service,
		"entity_type": f.EntityType, "correlation_id": f.CorrelationID,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Open {
		q.Set("open", "true")
	}
	return q
}

// WorkPage is a part of the list of work requests, the latest first.
type WorkPage struct {
	WorkRequests []*work.Request `json:"work_requests"`
	// Cursor leads to the next page; empty where there is none.
	Cursor string `json:"next_cursor,omitempty"`
}

const (
	defaultWorkLimit = 50
	maxWorkLimit     = 1000
)

// workQuery is the query of a list of work requests.
type workQuery struct {
	WorkFilter
	cursor string
	limit  int
}

func readWorkQuery(r *http.Request) (q workQuery, err error) {
	q.limit = defaultWorkLimit
	for name, list := range r.URL.Query() {
		value := list[len(list)-1]
		switch name {
		case "action_type":
			q.Action = work.Action(strings.ToUpper(value))
			if !slices.Contains(work.Actions, q.Action) {
				return q, badRequest("action_type: %q is none of %v", value, work.Actions)
			}
		case "operation":
			q.Operation = value
		case "service":
			q.Service = value
		case "entity_type":
			q.EntityType = value
		case "correlation_id":
			q.CorrelationID = value
		case "cursor":
			q.cursor = value
		case "open":
			if q.Open, err = strconv.ParseBool(value); err != nil {
				return q, badRequest("open: %q is neither true nor false", value)
			}
		case "limit":
			if q.limit, err = strconv.Atoi(value); err != nil || q.limit < 1 || q.limit > maxWorkLimit {
				return q, badRequest("limit: %q is no number from 1 to %d", value, maxWorkLimit)
			}
		}
	}
	return q, nil
}

// workRoutes serves the work requests.
type workRoutes struct{ *api }

func (a workRoutes) listWork(w http.ResponseWriter, r *http.Request) {
	q, err := readWorkQuery(r)
	if err != nil {
		a.fail(w, err)
		return
	}
	page := WorkPage{WorkRequests: []*work.Request{}}
	err = a.Router.Commands.Each(q.cursor, func(request *work.Request) bool {
		if !q.lets(request) {
			return r.Context().Err() == nil
		}
		if len(page.WorkRequests) == q.limit {
			page.Cursor = page.WorkRequests[q.limit-1].ID
			return false
		}
		page.WorkRequests = append(page.WorkRequests, request)
		return true
	})
	if err != nil {
		a.fail(w, missing(err, "a cursor is what an earlier page has given; leave it out for the first page"))
		return
	}
	a.answer(w, page)
}

// noWork tells where to look for a work request that is not there.
const noWork = "commands alone have work requests, which are kept as long as their events: GET /v1/work-requests lists them"

func (a workRoutes) getWork(w http.ResponseWriter, r *http.Request) {
	request, err := a.Router.Commands.Find(r.PathValue("id"))
	if err != nil {
		a.fail(w, missing(err, noWork))
		return
	}
	a.answer(w, request)
}

func (a workRoutes) cancelWork(w http.ResponseWriter, r *http.Request) {
	request, err := a.Router.Commands.Cancel(r.PathValue("id"))
	var ended *commands.Ended
	var busy *router.Busy
	switch {
	case errors.As(err, &ended):
		err = &Error{Status: http.StatusConflict, Message: err.Error(), Hint: "nothing is left to cancel; what undoes it is a command of its own"}
	case errors.As(err, &busy), errors.Is(err, router.ErrStopping):
		err = &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	if err != nil {
		a.fail(w, missing(err, noWork))
		return
	}
	a.answerAs(w, http.StatusAccepted, request)
}

// WorkRequests returns up to limit work requests that the filter lets through, the
// latest first, from where an earlier page ended.
func (c *Client) WorkRequests(ctx context.Context, f WorkFilter, cursor string, limit int) (page WorkPage, err error) {
	q := f.query()
	q.Set("limit", strconv.Itoa(limit))
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return page, c.get(ctx, "/v1/work-requests", q, &page)
}

// WorkRequest returns a work request by its id, or by that of its command.
func (c *Client) WorkRequest(ctx context.Context, id string) (*work.Request, error) {
	w := new(work.Request)
	return w, c.get(ctx, "/v1/work-requests/"+url.PathEscape(id), nil, w)
}

// CancelWork asks for the end of a work request.
func (c *Client) CancelWork(ctx context.Context, id string) (*work.Request, error) {
	w := new(work.Request)
	if err := c.do(ctx, http.MethodDelete, "/v1/work-requests/"+url.PathEscape(id), "", nil, w); err != nil {
		return nil, fmt.Errorf("cancel: %w", err)
	}
	return w, nil
}
