package api

import (
	"net/http"

	"signalbox/catalog"
	"signalbox/router"
)

// catalogView is the catalog that serves.
type catalogView struct {
	Revision string                   `json:"revision"`
	Types    []*catalog.Type          `json:"types"`
	Warnings []router.ArrivalWarnings `json:"warnings"`
	Next     string                   `json:"next_cursor,omitempty"`
}

// catalogHandlers show the types of messages.
type catalogHandlers struct{ router *router.Router }

func (h catalogHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	set := h.router.Rules()
	var all []*catalog.Type
	if set.Catalog != nil {
		all = set.Catalog.Types
	}
	types, next, err := page(r.URL.Query(), all, func(t **catalog.Type) string { return (*t).Name + "@" + (*t).Version })
	return catalogView{Revision: set.Revision, Types: types, Warnings: h.router.ArrivalWarnings(), Next: next}, err
}

// The number of events that a discovery looks at, by default and at most.
const (
	DefaultDiscovered = 10_000
	MaxDiscovered     = 100_000
)

func (h catalogHandlers) discover(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := limitOf(q, DefaultDiscovered, MaxDiscovered)
	if err != nil {
		return nil, err
	}
	since, err := timeOf(q, "since")
	if err != nil {
		return nil, err
	}
	return h.router.Discover(r.Context(), since, limit)
}
