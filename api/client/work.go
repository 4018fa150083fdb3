package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/api"
	"signalbox/commands/work"
)

// WorkRequests asks for the work requests of commands.
type WorkRequests struct{ *conn }

// List returns up to limit work requests that the filter lets through, the latest
// first, from where an earlier page ended.
func (w WorkRequests) List(ctx context.Context, f api.WorkFilter, cursor string, limit int) (page api.WorkPage, err error) {
	q := params("action_type", string(f.Action), "operation", f.Operation, "service", f.Service,
		"entity_type", f.EntityType, "correlation_id", f.CorrelationID, "cursor", cursor, "limit", strconv.Itoa(limit))
	if f.Open {
		q.Set("open", "true")
	}
	return page, w.get(ctx, "/v1/work-requests", q, &page)
}

// Get returns a work request by its id, or by that of its command.
func (w WorkRequests) Get(ctx context.Context, id string) (*work.Request, error) {
	r := new(work.Request)
	return r, w.get(ctx, "/v1/work-requests/"+url.PathEscape(id), nil, r)
}

// Cancel asks for the end of a work request.
func (w WorkRequests) Cancel(ctx context.Context, id string) (*work.Request, error) {
	r := new(work.Request)
	if err := w.do(ctx, http.MethodDelete, "/v1/work-requests/"+url.PathEscape(id), "", nil, r); err != nil {
		return nil, fmt.Errorf("cancel: %w", err)
	}
	return r, nil
}
