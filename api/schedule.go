package api

import (
	"fmt"
	"net/http"
	"time"

	"signalbox/schedule"
)

// ScheduleView is when a rule fires by itself.
type ScheduleView struct {
	Bus      string           `json:"bus"`
	Rule     string           `json:"rule"`
	Schedule string           `json:"schedule"`
	Timezone string           `json:"timezone"`
	CatchUp  schedule.CatchUp `json:"catch_up"`
	State    string           `json:"state"`
	// Last is when the rule fired last, where that is known.
	Last *time.Time `json:"last,omitempty"`
	// Next are its next times, in order; none where no such time comes.
	Next []time.Time `json:"next"`
}

// defaultTimes is how many times are shown where the caller does not say.
const defaultTimes = 10

func (h ruleHandlers) schedule(_ http.ResponseWriter, r *http.Request) (any, error) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	limit, err := limitOf(r.URL.Query(), defaultTimes, maxPage)
	if err != nil {
		return nil, err
	}
	rule := h.router.Rules().Rule(bus, name)
	if rule == nil {
		return nil, h.unknown(bus, name)
	}
	if rule.Schedule == nil {
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("rule %q has no schedule", name), Hint: "it fires for the events that match its pattern"}
	}
	v := &ScheduleView{Bus: bus, Rule: name, Schedule: rule.Schedule.String(), Timezone: rule.Schedule.Zone(), CatchUp: rule.CatchUp, State: string(rule.State), Next: []time.Time{}}
	if h.schedules != nil {
		if last, ok := h.schedules.Last(bus, name); ok {
			v.Last = &last
		}
	}
	at := time.Now()
	for ok := true; len(v.Next) < limit; {
		if at, ok = rule.Schedule.Next(at); !ok {
			break
		}
		v.Next = append(v.Next, at)
	}
	return v, nil
}
