package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"signalbox/delivery"
	"signalbox/document"
	"signalbox/journal"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/targets"
)

// targetList is every target that serves, or that still has deliveries.
type targetList struct {
	Targets    []TargetView `json:"targets"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

// TargetView is how one target stands.
type TargetView struct {
	Name string `json:"name"`
	// Type is empty where the target is gone and only deliveries are left.
	Type string `json:"type,omitempty"`
	// Failing is the latest error, empty while the target takes deliveries.
	Failing string `json:"failing,omitempty"`
	// State says in one word how the target does.
	State delivery.State `json:"state"`
	// Circuit is its circuit breaker; absent where that is switched off.
	Circuit *delivery.Circuit `json:"circuit,omitempty"`
	// Pause tells who has paused it; absent where nobody has.
	Pause *pause.Pause `json:"pause,omitempty"`
	// ThrottledUntil is until when the target has asked for no attempts.
	ThrottledUntil time.Time `json:"throttled_until,omitzero"`
	// GoneUntil is until when the deliveries of a target that is gone wait for it.
	GoneUntil time.Time `json:"gone_until,omitzero"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	journal.Counts
	// Keys are some of the ordering keys that do not continue; GET
	// /v1/targets/{name}/keys gives all.
	Keys []router.BlockedKey `json:"keys,omitempty"`
	// Config is the target's configuration without its secrets: references are as
	// they are written, and of headers there are the names.
	Config map[string]any `json:"config,omitempty"`
}

// batchView tells how a target's deliveries are gathered.
type batchView struct {
	MaxEvents int    `json:"max_events"`
	MaxBytes  string `json:"max_bytes"`
	MaxWait   string `json:"max_wait"`
}

func showBatch(b *targets.Batch) *batchView {
	return &batchView{MaxEvents: b.MaxEvents, MaxBytes: b.MaxBytes.String(), MaxWait: document.FormatDuration(*b.MaxWait)}
}

// targetRoutes serves the targets and their ordering keys.
type targetRoutes struct{ *api }

func (a targetRoutes) listTargets(w http.ResponseWriter, r *http.Request) {
	part, next, err := page(r.URL.Query(), a.Router.Lanes.Targets(), func(s *router.TargetStatus) string { return s.Name })
	list := targetList{Targets: []TargetView{}, NextCursor: next}
	for i := range part {
		if err == nil {
			var t TargetView
			t, err = a.withKeys(showTarget(part[i]))
			list.Targets = append(list.Targets, t)
		}
	}
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, list)
}

// withKeys adds some of a target's blocked ordering keys.
func (a targetRoutes) withKeys(t TargetView) (TargetView, error) {
	if t.BlockedKeys == 0 {
		return t, nil
	}
	keys, err := a.keyPage(t.Name, 0, keysShown)
	t.Keys = keys.Keys
	return t, err
}

func (a targetRoutes) getTarget(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	t, ok := a.target(name)
	if !ok {
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no target %q", name), Hint: a.likeTarget(name)})
		return
	}
	t, err := a.withKeys(t)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, t)
}

func (a targetRoutes) retryTarget(name string) error {
	_, err := a.Router.Lanes.RetryTarget(name)
	return err
}

func showTarget(s router.TargetStatus) TargetView {
	t := TargetView{Name: s.Name, Type: s.Type, State: s.State, Circuit: s.Circuit, Pause: s.Pause, ThrottledUntil: s.ThrottledUntil, GoneUntil: s.GoneUntil, Failing: s.Failing, InFlight: s.InFlight, Counts: s.Counts}
	if s.Config != nil {
		t.Config = showConfig(s.Config)
	}
	return t
}

func showConfig(c *targets.Config) map[string]any {
	shown := map[string]any{
		"description": c.Description, "reply": c.Reply, "order_by": c.OrderBy, "on_dead_letter": c.OnDeadLetter,
		"timeout": document.FormatDuration(c.Timeout), "concurrency": c.Concurrency, "synthetic": c.Synthetic,
		"retry":        c.Retry,
		"retry_budget": showBudget(&c.RetryBudget), "breaker": showBreaker(&c.Breaker),
	}
	if c.Batch != nil {
		shown["batch"] = showBatch(c.Batch)
	}
	if n := c.RateLimit.PerSecond(); n > 0 {
		shown["rate_limit_per_second"] = n
	}
	if c.Carry != targets.CarryState {
		shown["carry"] = c.Carry
	}
	if len(c.Emits) > 0 {
		shown["emits"] = c.Emits
	}
	if c.Options != nil {
		c.Options.Show(shown)
	}
	maps.DeleteFunc(shown, func(_ string, v any) bool { return v == "" })
	return shown
}

// onTarget returns the handler that does something to a target, and answers with how the
// target is then.
func (a targetRoutes) onTarget(act func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.actOnTarget(w, r, act) }
}

func (a targetRoutes) actOnTarget(w http.ResponseWriter, r *http.Request, act func(string) error) {
	name := r.PathValue("name")
	if err := act(name); err != nil {
		a.fail(w, pauseProblem(err, a.likeTarget(name)))
		return
	}
	t, ok := a.target(name)
	if !ok {
		t = TargetView{Name: name, State: delivery.Gone}
	}
	a.answer(w, t)
}

// target returns how a target is; false if there is none.
func (a targetRoutes) target(name string) (TargetView, bool) {
	for _, s := range a.Router.Lanes.Targets() {
		if s.Name == name {
			return showTarget(s), true
		}
	}
	return TargetView{}, false
}

// likeTarget is the hint for a target that does not exist: the one that was
// probably meant, or where to find the others.
func (a targetRoutes) likeTarget(name string) string {
	var names []string
	for _, t := range a.Router.Lanes.Targets() {
		names = append(names, t.Name)
	}
	return like(name, names, "signalbox targets list shows what there is")
}

// Targets returns how every target stands.
func (c *Client) Targets(ctx context.Context) ([]TargetView, error) {
	var list targetList
	return list.Targets, c.get(ctx, "/v1/targets", nil, &list)
}

// PauseTarget pauses a target, and gives how it stands then.
func (c *Client) PauseTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "pause")
}

// ResumeTarget lets a paused or draining target continue.
func (c *Client) ResumeTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "resume")
}

// RetryTarget makes all that waits at a target for a later attempt due now.
func (c *Client) RetryTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "retry")
}

// DrainTarget begins to drain a target. It continues after the answer: the target is
// in state draining, and then paused.
func (c *Client) DrainTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "drain")
}

func (c *Client) actOnTarget(ctx context.Context, name, verb string) (t TargetView, err error) {
	return t, c.post(ctx, "/v1/targets/"+url.PathEscape(name)+"/"+verb, "", nil, &t)
}
