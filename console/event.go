package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/router"
	"signalbox/targets"
	"signalbox/trace"
)

// eventView is what the page of one event shows.
type eventView struct {
	Event api.StoredEvent
	Trace *trace.Trace
	// Listed is the event with what has come of it by now.
	Listed    *trace.Listed
	Waterfall waterfall
	// Delivery is the one that is looked at; nil where there is none. Request is what was sent
	// for it, and Now says that it is what would be sent now, as the router keeps requests of
	// dead letters alone. Letter is its dead letter; nil if it has not died.
	Delivery *trace.Delivery
	Request  *targets.Request
	Now      bool
	Letter   *dlq.Letter
	Curl     string
}

// maxTraced bounds the events of a waterfall.
const maxTraced = 200

func loadEvent(v *visit) (any, error) {
	id := v.q("id")
	x := &eventView{}
	var err error
	if x.Event, err = v.api.Events.Get(v.ctx(), id); err != nil {
		return nil, err
	}
	if x.Trace, err = v.api.Events.Trace(v.ctx(), id, maxTraced); err != nil {
		return nil, err
	}
	found, err := v.api.Events.Search(v.ctx(), trace.Filter{ID: id}, "", 1, false)
	if err == nil && len(found.Events) == 0 { // retention was faster
		err = &api.Error{Status: http.StatusNotFound, Message: "the event is not kept any more"}
	}
	if err != nil {
		return nil, err
	}
	x.Listed = found.Events[0]
	x.Waterfall = newWaterfall(x.Trace, v.now)
	x.Curl = v.curl(&x.Event)
	if x.Delivery = choose(x.Trace, v.q("delivery")); x.Delivery != nil {
		v.exchange(x)
	}
	return x, nil
}

// LastAttempt returns the latest failed attempt at the delivery that is looked at.
func (x *eventView) LastAttempt() journal.Attempt {
	return x.Delivery.History[len(x.Delivery.History)-1]
}

// choose returns the delivery with an id, else the one that an operator looks for first: a dead
// one, then one that has not ended.
func choose(t *trace.Trace, id string) (best *trace.Delivery) {
	worth := func(d *trace.Delivery) int {
		return map[journal.TouchState]int{journal.TouchDead: 3, journal.TouchWaiting: 2, journal.TouchParked: 1}[d.State]
	}
	for d := range deliveriesOf(t.Roots) {
		if d.ID == id {
			return d
		}
		if id == "" && (best == nil || worth(d) > worth(best)) {
			best = d
		}
	}
	return best
}

// deliveriesOf goes through the deliveries of events, and of those that they led to.
func deliveriesOf(events []*trace.Event) func(func(*trace.Delivery) bool) {
	return func(yield func(*trace.Delivery) bool) {
		for _, e := range events {
			for _, d := range e.Deliveries {
				if !yield(d) {
					return
				}
				for below := range deliveriesOf(d.Derived) {
					if !yield(below) {
						return
					}
				}
			}
			for below := range deliveriesOf(e.Derived) {
				if !yield(below) {
					return
				}
			}
		}
	}
}

// exchange finds what was sent for the delivery that is looked at: it lies with a dead letter,
// and else a dry run shows it. What can't be found is left out.
func (v *visit) exchange(x *eventView) {
	d := x.Delivery
	if d.State == journal.TouchDead {
		x.Letter, _ = v.api.DeadLetters.Get(v.ctx(), d.ID)
	}
	if d.Death != nil && len(d.Death.Request) > 0 {
		x.Request = new(targets.Request)
		if json.Unmarshal(d.Death.Request, x.Request) != nil {
			x.Request = nil
		}
		return
	}
	sent, err := v.api.Events.Send(v.ctx(), x.Event.Event, client.SendOptions{Bus: x.Event.Bus, DryRun: true})
	if err != nil || len(sent.Events) == 0 || sent.Events[0].Plan == nil {
		return
	}
	x.Request, x.Now = planned(sent.Events[0].Plan, d), true
}

// planned returns the request of a plan for a delivery; nil where it has none.
func planned(p *router.Plan, d *trace.Delivery) *targets.Request {
	for _, r := range p.Rules {
		if r.Name != d.Rule {
			continue
		}
		if i := slices.IndexFunc(r.Targets, func(t router.PlannedTarget) bool { return t.ID == d.RuleTarget }); i >= 0 {
			return r.Targets[i].Request
		}
	}
	return nil
}

// curl returns the command that sends the event again, as a new one.
func (v *visit) curl(e *api.StoredEvent) string {
	scheme, key := "http", ""
	if v.r.TLS != nil {
		scheme = "https"
	}
	if v.opts.NeedsKey() {
		key = ` -H "Authorization: Bearer $SIGNALBOX_API_KEY"`
	}
	return fmt.Sprintf("curl -s %s -H 'Content-Type: application/json'%s -d %s",
		quoted(scheme+"://"+v.r.Host+"/v1/events?"+url.Values{"bus": {e.Bus}}.Encode()), key, quoted(string(e.Event)))
}

// quoted returns a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
