package console

import (
	"context"

	"signalbox/api/client"
	"signalbox/dlq"
)

func loadRedrives(v *visit) (any, error) {
	jobs, err := v.api.Redrives.List(v.ctx())
	return struct{ Redrives []dlq.Job }{jobs}, err
}

func loadRedrive(v *visit) (any, error) {
	job, err := v.api.Redrives.Get(v.ctx(), v.q("id"))
	return struct{ Job dlq.Job }{job}, err
}

// onRedrive returns the action that cancels or resumes a replay.
func onRedrive(act func(client.Redrives, context.Context, string) (dlq.Job, error), told string) action {
	return func(v *visit) (string, string, error) {
		job, err := act(v.api.Redrives, v.ctx(), v.q("id"))
		return link("redrive", "id", job.ID)[len(Path):], told, err
	}
}
