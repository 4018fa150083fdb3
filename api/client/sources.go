package client

import (
	"context"
	"net/url"

	"signalbox/sources"
)

// Sources shows sources, and pauses and resumes them.
type Sources struct{ *conn }

// List returns every source.
func (s Sources) List(ctx context.Context) ([]sources.Status, error) {
	var list struct{ Sources []sources.Status }
	err := s.get(ctx, "/v1/sources", nil, &list)
	return list.Sources, err
}

// Get returns one source.
func (s Sources) Get(ctx context.Context, name string) (v sources.Status, err error) {
	return v, s.get(ctx, sourcePath(name), nil, &v)
}

// Pause keeps a source from taking messages in, and returns how it is then.
func (s Sources) Pause(ctx context.Context, name string) (v sources.Status, err error) {
	return v, s.act(ctx, sourcePath(name)+"/pause", &v)
}

// Resume lets a paused source go on.
func (s Sources) Resume(ctx context.Context, name string) (v sources.Status, err error) {
	return v, s.act(ctx, sourcePath(name)+"/resume", &v)
}

func sourcePath(name string) string { return "/v1/sources/" + url.PathEscape(name) }
