package client

import (
	"context"
	"net/url"

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
	q := params("version", version)
	q.Set("key", key)
	o := new(state.Object)
	return o, s.get(ctx, "/v1/state/"+url.PathEscape(kind), q, o)
}
