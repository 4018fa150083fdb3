package dlq

import (
	"encoding/json"
	"fmt"
	"time"

	"signalbox/journal"
	"signalbox/rules/pattern"
)

// Filter chooses dead letters; a zero field lets everything through.
type Filter struct {
	IDs    []string `json:"ids,omitempty"`
	Target string   `json:"target,omitempty"`
	Rule   string   `json:"rule,omitempty"`
	Bus    string   `json:"bus,omitempty"`
	Code   string   `json:"error_code,omitempty"`
	// Status is the HTTP status of the last answer.
	Status int `json:"status,omitempty"`
	// Since and Until bound when the letter came to the queue: [Since, Until).
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Pattern is an event pattern that the event must match.
	Pattern json.RawMessage `json:"pattern,omitempty"`
}

// Empty reports whether the filter lets every letter through.
func (f Filter) Empty() bool {
	return len(f.IDs) == 0 && f.Target == "" && f.Rule == "" && f.Bus == "" && f.Code == "" && f.Status == 0 &&
		f.Since.IsZero() && f.Until.IsZero() && len(f.Pattern) == 0
}

// events bounds the events whose letters the filter can let through, as far as
// their ids tell it.
func (f Filter) events() (oldest, latest journal.Seq) {
	if len(f.IDs) == 0 {
		return 0, ^journal.Seq(0)
	}
	oldest = ^journal.Seq(0)
	for _, id := range f.IDs {
		if s, ok := journal.SeqOfDeliveryID(id); ok {
			oldest, latest = min(oldest, s), max(latest, s)
		}
	}
	return oldest, latest
}

// matcher is a filter ready for use.
type matcher struct {
	Filter
	ids     map[string]bool // nil lets every id through
	pattern *pattern.Pattern
}

// maxIDs bounds the letters that a filter names one by one.
const maxIDs = 10_000

func (f Filter) compile() (*matcher, error) {
	m := &matcher{Filter: f}
	if len(f.IDs) > maxIDs {
		return nil, &BadRequest{fmt.Sprintf("ids: %d are more than %d: choose letters by a pattern or another filter", len(f.IDs), maxIDs)}
	}
	if len(f.IDs) > 0 {
		m.ids = make(map[string]bool, len(f.IDs))
		for _, id := range f.IDs {
			m.ids[id] = true
		}
	}
	if len(f.Pattern) == 0 {
		return m, nil
	}
	p, err := pattern.Parse(f.Pattern, pattern.Options{Extensions: true})
	if err != nil {
		return nil, &BadRequest{fmt.Sprintf("pattern: %v", err)}
	}
	m.pattern = p
	return m, nil
}

func (m *matcher) matches(l *Letter) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	switch {
	case m.ids != nil && !m.ids[l.ID]:
		return false
	case !is(m.Target, l.Target), !is(m.Rule, l.Rule), !is(m.Bus, l.Bus), !is(m.Code, l.ErrorCode):
		return false
	case m.Status != 0 && m.Status != l.Status:
		return false
	case !m.Since.IsZero() && l.DiedAt.Before(m.Since), !m.Until.IsZero() && !l.DiedAt.Before(m.Until):
		return false
	case m.pattern == nil:
		return true
	}
	ok, err := m.pattern.Match(l.Event)
	return ok && err == nil
}
