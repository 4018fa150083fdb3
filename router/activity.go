package router

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/delivery"
	"signalbox/rules"
)

// RuleActivity is what a rule has done since the router began.
type RuleActivity struct {
	Bus  string `json:"bus"`
	Name string `json:"name"`
	// LastMatch is when it last matched an event; zero if it has not.
	LastMatch time.Time `json:"last_match,omitzero"`
	// ConditionErrors counts the events on which its condition failed, and LastError is the
	// latest of these failures.
	ConditionErrors uint64          `json:"condition_errors,omitempty"`
	LastError       *ConditionError `json:"last_error,omitempty"`
}

// ConditionError is why a condition failed on an event.
type ConditionError struct {
	Time    time.Time `json:"time"`
	EventID string    `json:"event_id"`
	Message string    `json:"message"`
}

// maxConditionError bounds a message that is kept, in bytes.
const maxConditionError = 1000

// activity is that of one rule, which stays when the rule changes.
type activity struct {
	matched atomic.Int64 // nanoseconds since 1970; 0 for never
	errors  atomic.Uint64
	failed  atomic.Pointer[ConditionError]
}

// activities are those of the rules that have figures of their own.
type activities struct {
	mu sync.Mutex
	of map[delivery.Rule]*activity
}

// get returns the activity of a rule, which begins with the first call.
func (a *activities) get(rule delivery.Rule) *activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[delivery.Rule]*activity{}
	}
	if a.of[rule] == nil {
		a.of[rule] = new(activity)
	}
	return a.of[rule]
}

func (a *activities) forget(gone []delivery.Rule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rule := range gone {
		delete(a.of, rule)
	}
}

func (a *activities) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.of)
}

// ruleFigures are the counter of a rule's matches, and its activity.
type ruleFigures struct {
	matches prometheus.Counter
	*activity
}

// failedOn notes that the condition failed on an event.
func (a *activity) failedOn(id string, err error, now time.Time) {
	text := err.Error()
	if len(text) > maxConditionError {
		text = text[:maxConditionError] + "…"
	}
	a.errors.Add(1)
	a.failed.Store(&ConditionError{Time: now.UTC(), EventID: id, Message: strings.ToValidUTF8(text, "\ufffd")})
}

// Activity returns what a rule has done since the router began: nothing where there are more
// rules than have figures of their own (metrics.max_rules).
func (r *Router) Activity(rule *rules.Rule) RuleActivity {
	x := RuleActivity{Bus: rule.Bus, Name: rule.Name}
	all := &r.metrics.activities
	all.mu.Lock()
	defer all.mu.Unlock()
	if a := all.of[delivery.Rule{Bus: rule.Bus, Name: rule.Name}]; a != nil {
		if at := a.matched.Load(); at != 0 {
			x.LastMatch = time.Unix(0, at).UTC()
		}
		x.ConditionErrors, x.LastError = a.errors.Load(), a.failed.Load()
	}
	return x
}
