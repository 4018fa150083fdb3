package api

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"signalbox/delivery"
	"signalbox/document"
	"signalbox/journal"
	"signalbox/router"
	"signalbox/targets"
)

// Targets gives the state of every target.
type Targets interface {
	Targets() []router.TargetStatus
	Keys
}

// targetList is every target that serves, or that still has deliveries.
type targetList struct {
	Targets []TargetView `json:"targets"`
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
	// Pause says who has paused it; absent where nobody has.
	Pause *router.Pause `json:"pause,omitempty"`
	// QuietUntil is until when the target has asked for no attempts.
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	journal.Counts
	// Keys are some of the order keys that do not go on; GET
	// /v1/targets/{name}/keys gives all.
	Keys   []router.BlockedKey `json:"keys,omitempty"`
	Config *configView         `json:"config,omitempty"`
}

// configView is a target's configuration without its secrets: references stand
// as they are written, headers by their names alone.
type configView struct {
	Description string   `json:"description,omitempty"`
	URL         string   `json:"url,omitempty"`
	Method      string   `json:"method,omitempty"`
	Format      string   `json:"format,omitempty"`
	Headers     []string `json:"headers,omitempty"`
	Signed      bool     `json:"signed,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	Stream      string   `json:"stream,omitempty"`
	To          string   `json:"to,omitempty"`
	Path        string   `json:"path,omitempty"`
	Bus         string   `json:"bus,omitempty"`
	Carry       string   `json:"carry,omitempty"`
	Reply       string   `json:"reply,omitempty"`
	Emits       []string `json:"emits,omitempty"`

	Timeout     string                  `json:"timeout"`
	Concurrency int                     `json:"concurrency"`
	RateLimit   float64                 `json:"rate_limit_per_second,omitempty"`
	Synthetic   targets.SyntheticPolicy `json:"synthetic"`
	Batch       *batchView              `json:"batch,omitempty"`
	Retry       retryView               `json:"retry"`
	RetryBudget any                     `json:"retry_budget"` // budgetView, or "off"
	Breaker     any                     `json:"breaker"`      // breakerView, or "off"

	OrderBy      string `json:"order_by,omitempty"`
	OnDeadLetter string `json:"on_dead_letter,omitempty"`
}

// retryView bounds the attempts of a target's deliveries.
type retryView struct {
	MaxAttempts int    `json:"max_attempts"`
	MaxAge      string `json:"max_age"`
	MinBackoff  string `json:"min_backoff"`
	MaxBackoff  string `json:"max_backoff"`
}

// batchView says how a target's deliveries are gathered.
type batchView struct {
	MaxEvents int    `json:"max_events"`
	MaxBytes  string `json:"max_bytes"`
	MaxWait   string `json:"max_wait"`
}

func showBatch(b *targets.Batch) *batchView {
	if b == nil {
		return nil
	}
	return &batchView{MaxEvents: b.MaxEvents, MaxBytes: b.MaxBytes.String(), MaxWait: document.FormatDuration(*b.MaxWait)}
}

func (a *api) listTargets(w http.ResponseWriter, _ *http.Request) {
	list := targetList{Targets: []TargetView{}}
	for _, s := range a.Targets.Targets() {
		t := showTarget(s)
		if s.BlockedKeys > 0 {
			page, err := a.keyPage(s.Name, 0, keysShown)
			if err != nil {
				a.fail(w, err)
				return
			}
			t.Keys = page.Keys
		}
		list.Targets = append(list.Targets, t)
	}
	a.answer(w, list)
}

func showTarget(s router.TargetStatus) TargetView {
	t := TargetView{Name: s.Name, Type: s.Type, State: s.State, Circuit: s.Circuit, Pause: s.Pause, QuietUntil: s.QuietUntil, Failing: s.Failing, InFlight: s.InFlight, Counts: s.Counts}
	if s.Config != nil {
		t.Config = showConfig(s.Config)
	}
	return t
}

func showConfig(c *targets.Config) *configView {
	shown := &configView{
		Description: c.Description, URL: targets.MaskURL(c.URL), Method: c.Method, Format: c.Format,
		Headers: slices.Sorted(maps.Keys(c.Headers)), Signed: len(c.SigningSecrets) > 0,
		Subject: c.Subject, Stream: c.Stream, To: c.To, Path: c.Path, Bus: c.Bus, Reply: c.Reply, Emits: c.Emits,
		Timeout: document.FormatDuration(c.Timeout), Concurrency: c.Concurrency, Synthetic: c.Synthetic,
		OrderBy: c.OrderBy, OnDeadLetter: c.OnDeadLetter,
		Retry: retryView{
			MaxAttempts: c.Retry.MaxAttempts, MaxAge: document.FormatDuration(c.Retry.MaxAge),
			MinBackoff: document.FormatDuration(c.Retry.MinBackoff), MaxBackoff: document.FormatDuration(c.Retry.MaxBackoff),
		},
	}
	shown.RetryBudget, shown.Breaker = showBudget(&c.RetryBudget), showBreaker(&c.Breaker)
	shown.Batch = showBatch(c.Batch)
	shown.RateLimit = c.RateLimit.PerSecond()
	if c.Carry != targets.CarryState {
		shown.Carry = c.Carry
	}
	return shown
}
