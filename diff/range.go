package diff

import (
	"encoding/json"
	"fmt"
	"time"

	"signalbox/rules/pattern"
)

// Range is which past events are asked for, and how much is shown of what differs.
type Range struct {
	// Since and Until bound when the events were accepted: [Since, Until). Since is by default
	// a day ago, Until now.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Bus   string    `json:"bus,omitempty"`
	// Pattern is an event pattern.
	Pattern json.RawMessage `json:"pattern,omitempty"`
	// Samples is Options.Samples, 3 by default.
	Samples *int `json:"samples,omitempty"`
}

// The defaults of a Range.
const (
	DefaultSince   = 24 * time.Hour
	DefaultSamples = 3
)

// Apply sets what the range says in the options, for events accepted before now. The error is a
// *RangeError.
func (r *Range) Apply(o *Options, now time.Time) error {
	o.Since, o.Until, o.Bus, o.Samples = r.Since, r.Until, r.Bus, DefaultSamples
	if o.Until.IsZero() || o.Until.After(now) {
		o.Until = now
	}
	if o.Since.IsZero() {
		o.Since = o.Until.Add(-DefaultSince)
	}
	if r.Samples != nil {
		o.Samples = *r.Samples
	}
	if o.Since.After(now) {
		return &RangeError{fmt.Sprintf("since %s: lies in the future; it is %s", o.Since.Format(time.RFC3339), now.Format(time.RFC3339))}
	}
	if !o.Since.Before(o.Until) {
		return &RangeError{fmt.Sprintf("since %s is not before until %s: no event lies between", o.Since.Format(time.RFC3339), o.Until.Format(time.RFC3339))}
	}
	if o.Samples < 0 || o.Samples > MaxSamples {
		return &RangeError{fmt.Sprintf("samples %d: write a number from 0 to %d", o.Samples, MaxSamples)}
	}
	if len(r.Pattern) == 0 {
		return nil
	}
	p, err := pattern.Parse(r.Pattern, pattern.Options{Extensions: true})
	if err != nil {
		return &RangeError{fmt.Sprintf("pattern: %v", err)}
	}
	o.Pattern = p
	return nil
}

// RangeError is the error of a range that can't be right.
type RangeError struct{ Problem string }

// Error returns the problem.
func (e *RangeError) Error() string { return e.Problem }
