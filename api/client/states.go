package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"signalbox/api"
	"signalbox/state"
)

// States asks for the latest state of objects.
type States struct{ *conn }

// Types returns the types of objects whose state is known.
func (s States) Types(ctx context.Context) (t api.StateTypes, err error) {
	t.Types, err = all(ctx, s.conn, "/v1/state", func(page *api.StateTypes) ([]string, string) { return page.Types, page.Next })
	return t, err
}

// List returns states of a type by key, those whose keys begin with prefix, from where an
// earlier page ended.
func (s States) List(ctx context.Context, kind, prefix, cursor string) (page api.StatePage, err error) {
	return page, s.get(ctx, "/v1/state/"+url.PathEscape(kind), params("prefix", prefix, "cursor", cursor), &page)
}

// Get returns an object's state: the latest, or a version of it where that is not
// empty.
func (s States) Get(ctx context.Context, kind, key, version string) (*state.Object, error) {
	return s.one(ctx, kind, key, "version", version)
}

// At returns the state of an object at a moment.
func (s States) At(ctx context.Context, kind, key string, at time.Time) (*state.Object, error) {
	return s.one(ctx, kind, key, "at", at.Format(time.RFC3339Nano))
}

func (s States) one(ctx context.Context, kind, key, name, value string) (*state.Object, error) {
	q := params(name, value)
	q.Set("key", key)
	o := new(state.Object)
	return o, s.get(ctx, "/v1/state/"+url.PathEscape(kind), q, o)
}

// History returns up to limit changes of an object, the latest first, from where an earlier
// page ended. A limit of 0 is the router's own.
func (s States) History(ctx context.Context, kind, key, cursor string, limit int) (page state.History, err error) {
	q := params("cursor", cursor)
	q.Set("key", key)
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return page, s.get(ctx, "/v1/state-history/"+url.PathEscape(kind), q, &page)
}

// Rebuild begins to make all states of a type anew, unless that is under way.
func (s States) Rebuild(ctx context.Context, kind string) (r state.Rebuild, err error) {
	return r, s.act(ctx, "/v1/state-rebuilds/"+url.PathEscape(kind), &r)
}

// Rebuilt returns how far the latest rebuild of a type is.
func (s States) Rebuilt(ctx context.Context, kind string) (r state.Rebuild, err error) {
	return r, s.get(ctx, "/v1/state-rebuilds/"+url.PathEscape(kind), nil, &r)
}
