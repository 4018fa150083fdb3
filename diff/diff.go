// Package diff compares what two sets of rules make of events that are kept: the deliveries that
// one plans and the other does not, and those that would carry something else. It plans, and
// delivers nothing.
package diff

import (
	"cmp"
	"context"
	"runtime"
	"time"

	"signalbox/journal"
	"signalbox/rules"
	"signalbox/rules/pattern"
)

// Events reads the events that are kept, as journal.Events does: those from a number on, up to
// but without those at before, the oldest first, until fn returns false.
type Events interface {
	Between(from, before journal.Seq, fn func(journal.Record) bool) error
}

// Options are what is compared, and on which events.
type Options struct {
	Events Events
	// Before are the rules that serve, and After the candidate.
	Before, After *rules.Set
	// Enable is a rule of After in state shadow. Where it is set, Before is not looked at, and
	// the deliveries that the rule would plan if it were enabled are all that is gained.
	Enable *rules.Rule
	// PublicURL is where the references in notifications point to.
	PublicURL string
	// Since and Until bound when the events were accepted: [Since, Until).
	Since, Until time.Time
	// Bus and Pattern choose events; zero values choose all.
	Bus     string
	Pattern *pattern.Pattern
	// Samples is how many deliveries are shown of each rule and target, and each kind of
	// change.
	Samples int
	// Within is how long this may take: the latest events come first then, and the Result
	// is of fewer than were asked for if the time is up. 0 is as long as it takes.
	Within time.Duration
	// Workers is how many events are compared at a time; 0 is as many as there are
	// processors.
	Workers int
}

// MaxSamples bounds Options.Samples.
const MaxSamples = 100

// Run compares. An error is of the store, or why ctx ended.
func Run(ctx context.Context, o Options) (*Result, error) {
	o.Workers = cmp.Or(o.Workers, runtime.GOMAXPROCS(0))
	c := newComparison(&o)
	from, before := journal.SeqAt(o.Since), journal.SeqAt(o.Until)
	if o.Within > 0 {
		return c.latest(ctx, from, before)
	}
	t, _, err := c.scan(ctx, from, before, time.Time{})
	if err != nil {
		return nil, err
	}
	return c.result(t, from), nil
}

// The first window of latest, and how many events one is to have.
const (
	firstWindow  = journal.Seq(time.Second)
	windowEvents = 50_000
)

// latest compares the latest events until the time is up, a window of them at a time. A window
// that was not finished does not count, but for the first.
func (c *comparison) latest(ctx context.Context, from, before journal.Seq) (*Result, error) {
	deadline, all, width := time.Now().Add(c.Within), c.newTally(), firstWindow
	var limit time.Time // none for the first window
	for before > from && (limit.IsZero() || time.Now().Before(deadline)) {
		start := from
		if before-from > width {
			start = before - width
		}
		t, done, err := c.scan(ctx, start, before, limit)
		if err != nil {
			return nil, err
		}
		if !done {
			break
		}
		all.merge(t, c.Samples)
		before, limit = start, deadline
		switch {
		case t.read < windowEvents/2:
			width *= 2
		case t.read > windowEvents:
			width = max(width/2, 1)
		}
	}
	return c.result(all, before), nil
}
