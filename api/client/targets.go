package client

import (
	"context"
	"net/url"

	"signalbox/api"
)

// Targets shows targets, and acts on them and on their ordering keys.
type Targets struct{ *conn }

// List returns every target.
func (t Targets) List(ctx context.Context) ([]api.TargetView, error) {
	return all(ctx, t.conn, "/v1/targets", func(page *struct {
		Targets []api.TargetView
		Next    string `json:"next_cursor"`
	},
	) ([]api.TargetView, string) {
		return page.Targets, page.Next
	})
}

// Get returns one target.
func (t Targets) Get(ctx context.Context, name string) (v api.TargetView, err error) {
	return v, t.get(ctx, targetPath(name), nil, &v)
}

// Pause pauses a target, and returns how it is then.
func (t Targets) Pause(ctx context.Context, name string) (api.TargetView, error) {
	return t.verb(ctx, name, "pause")
}

// Resume lets a paused or draining target continue.
func (t Targets) Resume(ctx context.Context, name string) (api.TargetView, error) {
	return t.verb(ctx, name, "resume")
}

// Retry makes all that waits at a target for a later attempt due now.
func (t Targets) Retry(ctx context.Context, name string) (api.TargetView, error) {
	return t.verb(ctx, name, "retry")
}

// Drain begins to drain a target. It continues after the answer: the target is
// in state draining, and then paused.
func (t Targets) Drain(ctx context.Context, name string) (api.TargetView, error) {
	return t.verb(ctx, name, "drain")
}

func (t Targets) verb(ctx context.Context, name, verb string) (v api.TargetView, err error) {
	return v, t.act(ctx, targetPath(name)+"/"+verb, &v)
}

// Keys returns some of the blocked ordering keys of a target, from where an earlier page
// ended.
func (t Targets) Keys(ctx context.Context, name, cursor string) (page api.KeyPage, err error) {
	return page, t.get(ctx, targetPath(name)+"/keys", params("limit", "1000", "cursor", cursor), &page)
}

// ResumeKey unblocks an ordering key of a target.
func (t Targets) ResumeKey(ctx context.Context, name, key string) error {
	var done api.ResumeKeyRequest
	return t.post(ctx, targetPath(name)+"/keys/resume", api.ResumeKeyRequest{Key: key}, &done)
}

func targetPath(name string) string { return "/v1/targets/" + url.PathEscape(name) }
