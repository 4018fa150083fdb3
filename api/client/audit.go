package client

import (
	"context"
	"strconv"

	"signalbox/audit"
)

// Audit asks who operated the router.
type Audit struct{ *conn }

// List returns up to limit entries that the filter lets through, from where an earlier page
// ended, the latest first.
func (a Audit) List(ctx context.Context, f audit.Filter, cursor string, limit int) (page audit.Page, err error) {
	q := params("action", f.Action, "object", f.Object, "key", f.Key, "outcome", string(f.Outcome),
		"since", timeText(f.Since), "until", timeText(f.Until), "cursor", cursor, "limit", strconv.Itoa(limit))
	return page, a.get(ctx, "/v1/audit", q, &page)
}
