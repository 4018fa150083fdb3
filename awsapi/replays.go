package awsapi

import (
	"cmp"
	"errors"
	"math"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/replay"
	"signalbox/rules"
)

// The states of replays.
const (
	starting   = "STARTING"
	replaying  = "RUNNING"
	cancelling = "CANCELLING"
	completed  = "COMPLETED"
	cancelled  = "CANCELLED"
	failed     = "FAILED"
)

func replayState(j *replay.Job) string {
	switch j.State {
	case jobs.Finished:
		return completed
	case jobs.Cancelled:
		return cancelled
	case jobs.Stopped:
		return failed
	}
	if j.Cancelling {
		return cancelling
	}
	return replaying
}

func noReplay(name string) error { return notFound("Replay %s does not exist.", name) }

// destination is where a replay sends.
type destination struct {
	Arn        string
	FilterArns []string `json:",omitempty"`
}

// replayView is a replay in an answer.
type replayView struct {
	ReplayName            string
	ReplayArn             string `json:",omitempty"`
	Description           string `json:",omitempty"`
	State                 string
	StateReason           string `json:",omitempty"`
	EventSourceArn        string
	Destination           *destination `json:",omitempty"`
	EventStartTime        seconds
	EventEndTime          seconds
	EventLastReplayedTime seconds `json:",omitempty"`
	ReplayStartTime       seconds
	ReplayEndTime         seconds `json:",omitempty"`
}

// listedReplay returns a replay as it is in a listing.
func (a *API) listedReplay(j *replay.Job) replayView {
	v := replayView{
		ReplayName: j.Name, State: replayState(j), StateReason: j.Reason,
		EventSourceArn: a.archiveARN(j.Archive), ReplayStartTime: secondsOf(j.StartedAt),
		EventStartTime: secondsOf(j.Since), EventEndTime: secondsOf(j.Until),
	}
	if j.Archive == "" { // a command began it, on the store and all archives
		v.EventSourceArn, v.EventStartTime, v.EventEndTime = a.busARN(cmp.Or(j.Bus, everyBus)), secondsOf(j.From), secondsOf(j.To)
	}
	if j.Planned > 0 {
		v.EventLastReplayedTime = secondsOf(j.At)
	}
	if !j.EndedAt.IsZero() {
		v.ReplayEndTime = secondsOf(j.EndedAt)
	}
	return v
}

type replayName struct{ ReplayName string }

func (a *API) describeReplay(in *replayName) (any, error) {
	j, err := a.opts.Replays.Job(in.ReplayName)
	if err != nil {
		return nil, noReplay(in.ReplayName)
	}
	v := a.listedReplay(&j)
	v.ReplayArn, v.Description = a.arn("replay/"+j.Name), j.Description
	v.Destination = &destination{Arn: a.busARN(cmp.Or(j.Bus, everyBus))}
	for _, name := range j.Only() {
		v.Destination.FilterArns = append(v.Destination.FilterArns, a.ruleARN(j.Bus, name))
	}
	return v, nil
}

func (a *API) listReplays(in *struct {
	paging
	NamePrefix, EventSourceArn, State string
}) (any, error) {
	var views []replayView
	for _, j := range a.opts.Replays.Jobs() {
		if len(j.Starts) > 0 { // which nobody has asked for by this name
			continue
		}
		if v := a.listedReplay(&j); (in.EventSourceArn == "" || v.EventSourceArn == in.EventSourceArn) && (in.State == "" || v.State == in.State) {
			views = append(views, v)
		}
	}
	name := func(v replayView) string { return v.ReplayName }
	part, next, err := page(in.paging, withPrefix(views, in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	return struct {
		Replays   []replayView
		NextToken string `json:",omitempty"`
	}{orNone(part), next}, nil
}

// moment is a time in a request, which may have a fraction.
func moment(s seconds) time.Time {
	whole, part := math.Modf(float64(s))
	return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC()
}

func (a *API) startReplay(in *struct {
	ReplayName, Description, EventSourceArn string
	EventStartTime, EventEndTime            seconds
	Destination                             destination
}) (any, error) {
	set := a.opts.Rules()
	from, ok := strings.CutPrefix(in.EventSourceArn, a.archiveARN(""))
	declared := set.Archives[from]
	if !ok || declared == nil {
		return nil, invalid("Parameter EventSourceArn is not valid. Reason: Archive %s does not exist.", from[strings.LastIndexByte(from, '/')+1:])
	}
	bus, err := a.bus(set, in.Destination.Arn)
	switch {
	case err != nil:
		return nil, err
	case declared.Bus != "" && declared.Bus != bus.Name:
		return nil, invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
	case in.EventStartTime >= in.EventEndTime:
		return nil, invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
	}
	only, err := a.filters(set, bus.Name, in.Destination.FilterArns)
	if err != nil {
		return nil, err
	}
	if _, err := a.opts.Replays.Job(in.ReplayName); err == nil {
		return nil, taken("Replay " + in.ReplayName)
	}
	if most := a.opts.Quotas.ReplaysAtOnce; most > 0 && a.opts.Replays.Running() >= most {
		return nil, exceeded()
	}
	j, err := a.opts.Replays.Begin(replay.Request{
		Name: in.ReplayName, Description: in.Description, Archive: from, Rules: only,
		Bus: bus.Name, Since: moment(in.EventStartTime), Until: moment(in.EventEndTime),
	})
	if err != nil {
		return nil, replayRefused(err)
	}
	return struct {
		ReplayArn, State string
		ReplayStartTime  seconds
	}{a.arn("replay/" + j.Name), starting, secondsOf(j.StartedAt)}, nil
}

// filters returns the names of the rules that a replay is to send by; none for all.
func (a *API) filters(set *rules.Set, bus string, arns []string) (names []string, err error) {
	for _, arn := range arns {
		of, err := a.resource(set, arn)
		if err != nil {
			return nil, err
		}
		if of.rule == "" || of.bus != bus {
			return nil, invalid("Parameter Destination.FilterArns is not valid. Reason: %s is no rule of event bus %s.", arn, bus)
		}
		if _, err := a.known(set, of.rule, bus); err != nil {
			return nil, err
		}
		names = append(names, of.rule)
	}
	return names, nil
}

// replayRefused is the error for a caller whose replay can't be begun or cancelled.
func replayRefused(err error) error {
	if bad, ok := errors.AsType[*replay.BadRequest](err); ok {
		return invalid("%s", bad.Reason)
	}
	if _, ok := errors.AsType[*jobs.Conflict](err); ok {
		return exceeded()
	}
	return err
}

func (a *API) cancelReplay(in *replayName) (any, error) {
	j, err := a.opts.Replays.Cancel(in.ReplayName)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, noReplay(in.ReplayName)
	case err != nil:
		if _, ok := errors.AsType[*jobs.Conflict](err); ok {
			return nil, &event.Error{Code: "IllegalStatusException", Message: "Replay " + in.ReplayName + " is not in a valid state for this operation."}
		}
		return nil, err
	}
	return struct {
		ReplayArn, State string
	}{a.arn("replay/" + j.Name), cancelling}, nil
}
