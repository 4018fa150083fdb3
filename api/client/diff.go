package client

import (
	"context"
	"strconv"

	"signalbox/api"
	"signalbox/diff"
)

// Diff compares the rules that serve with a candidate, on past events.
func (r Rules) Diff(ctx context.Context, req api.DiffRequest) (result *diff.Result, err error) {
	return result, r.post(ctx, "/v1/diff", req, &result)
}

// Shadow returns what a shadow rule would have sent. The rule is on Range.Bus.
func (r Rules) Shadow(ctx context.Context, name string, asked diff.Range) (result *diff.Result, err error) {
	q := params("since", timeText(asked.Since), "until", timeText(asked.Until), "pattern", string(asked.Pattern))
	if asked.Samples != nil {
		q.Set("samples", strconv.Itoa(*asked.Samples))
	}
	return result, r.get(ctx, withQuery(pathOfRule(asked.Bus, name)+"/shadow", q), nil, &result)
}

// Reload has the router read all files again. With force, rules that would change more than
// reload.max_change are taken too.
func (r Rules) Reload(ctx context.Context, force bool) (done api.Reloaded, err error) {
	path := "/-/reload"
	if force {
		path += "?force=true"
	}
	return done, r.act(ctx, path, &done)
}
