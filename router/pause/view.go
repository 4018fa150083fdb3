package pause

import (
	"sync"
	"time"

	"signalbox/journal"
)

// Pause is how a target, a rule or a source is paused.
type Pause struct {
	// By names who has paused it: "command", "file", or both.
	By []string `json:"by"`
	// Since is when the pause began.
	Since time.Time `json:"since"`
}

// view returns a pause as it is shown; nil where nothing is paused.
func view(p *journal.Pause) *Pause {
	if !p.Paused() {
		return nil
	}
	shown := &Pause{Since: p.Since}
	if p.Command {
		shown.By = append(shown.By, "command")
	}
	if p.File {
		shown.By = append(shown.By, "file")
	}
	return shown
}

// Rule is how a rule is paused, or is being resumed.
type Rule struct {
	Bus  string `json:"bus"`
	Name string `json:"name"`
	// State is "paused", or "resuming" while suspended deliveries are let go.
	State string `json:"state"`
	*Pause
	// Held is how many deliveries are suspended.
	Held uint64 `json:"held"`
	// Gone means that the rule does not exist any more; it can still be resumed.
	Gone bool `json:"gone,omitempty"`
}

// targets are how targets are paused, for those who show it without the lock.
type targets struct {
	mu sync.Mutex
	by map[string]*Pause
}

// of returns how a target is paused; nil where it is not.
func (t *targets) of(target string) *Pause {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[target]
}

func (t *targets) set(target string, p *Pause) (before, now *Pause) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.by[target]
	if p == nil {
		delete(t.by, target)
		return before, nil
	}
	if t.by == nil {
		t.by = map[string]*Pause{}
	}
	t.by[target] = p
	return before, p
}
