package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/catalog"
	"signalbox/router"
)

// catalogView is the catalog that serves.
type catalogView struct {
	Revision string                `json:"revision"`
	Types    []*catalog.Type       `json:"types"`
	Warnings []router.DoorWarnings `json:"warnings"`
}

// catalogRoutes serves the catalog.
type catalogRoutes struct{ *api }

func (a catalogRoutes) getCatalog(w http.ResponseWriter, _ *http.Request) {
	set := a.Router.Rules()
	v := catalogView{Revision: set.Revision, Types: []*catalog.Type{}, Warnings: a.Router.DoorWarnings()}
	if set.Catalog != nil {
		v.Types = append(v.Types, set.Catalog.Types...)
	}
	a.answer(w, v)
}

// The number of events that a discovery looks at, by default and at most.
const (
	DefaultDiscovered = 10_000
	MaxDiscovered     = 100_000
)

func (a catalogRoutes) discover(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, since := DefaultDiscovered, time.Time{}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxDiscovered {
			a.fail(w, badRequest("limit: %q is not a number from 1 to %d", text, MaxDiscovered))
			return
		}
		limit = n
	}
	if text := q.Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			a.fail(w, badRequest("since: %q is not a time such as 2026-01-31T12:00:00Z", text))
			return
		}
		since = at
	}
	found, err := a.Router.Discover(r.Context(), since, limit)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, found)
}

// Discover returns what the latest events that the router keeps tell of their types: up
// to limit of them, accepted at since or later.
func (c *Client) Discover(ctx context.Context, since time.Time, limit int) (*router.Discovered, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	found := new(router.Discovered)
	return found, c.get(ctx, "/v1/catalog/discover", q, found)
}
