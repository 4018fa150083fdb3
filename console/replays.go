package console

import (
	"context"

	"signalbox/api/client"
	"signalbox/dlq"
	"signalbox/replay"
)

func loadReplays(v *visit) (any, error) {
	x := struct {
		Redrives []dlq.Job
		Replays  []replay.Job
	}{}
	var err error
	if x.Redrives, err = v.api.Redrives.List(v.ctx()); err != nil {
		return nil, err
	}
	x.Replays, err = v.api.Replays.List(v.ctx())
	return x, err
}

func loadRedrive(v *visit) (any, error) {
	job, err := v.api.Redrives.Get(v.ctx(), v.q("id"))
	return struct{ Job dlq.Job }{job}, err
}

func loadPast(v *visit) (any, error) {
	job, err := v.api.Replays.Get(v.ctx(), v.q("name"))
	return struct{ Job replay.Job }{job}, err
}

// onRedrive returns the action that cancels or resumes a replay of dead letters.
func onRedrive(act func(client.Redrives, context.Context, string) (dlq.Job, error), told string) action {
	return func(v *visit) (string, string, error) {
		job, err := act(v.api.Redrives, v.ctx(), v.q("id"))
		return link("redrive", "id", job.ID)[len(Path):], told, err
	}
}

// onReplay returns the action that does something to a replay of past events.
func onReplay(act func(client.Replays, context.Context, string) (replay.Job, error), told string) action {
	return func(v *visit) (string, string, error) {
		job, err := act(v.api.Replays, v.ctx(), v.q("name"))
		return link("past", "name", job.Name)[len(Path):], told, err
	}
}
