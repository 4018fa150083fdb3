package past

import (
	"context"
	"io"
	"time"

	"signalbox/archive/segment"
	"signalbox/journal"
	"signalbox/rules/pattern"
)

// Export is which events are exported.
type Export struct {
	// Since and Until bound when an event was accepted: [Since, Until). A zero time is no bound.
	Since, Until time.Time
	// Pattern chooses events; nil chooses all.
	Pattern *pattern.Set
}

// Range returns the bounds as numbers of events.
func (e *Export) Range() (from, before journal.Seq) {
	before = ^journal.Seq(0)
	if !e.Since.IsZero() {
		from = journal.SeqAt(e.Since)
	}
	if !e.Until.IsZero() {
		before = journal.SeqAt(e.Until)
	}
	return from, before
}

// ExportTo writes events as lines of JSON, in the form of segments, the oldest first. An error of
// type *segment.DamagedError is of an archive, one of w comes as it is.
func (r *Reader) ExportTo(ctx context.Context, w io.Writer, e Export) error {
	from, before := e.Range()
	lines := segment.NewLineWriter(w)
	var fault error
	err := r.BetweenContext(ctx, from, before, func(rec journal.Record) bool {
		var found [1]int
		if e.Pattern == nil || len(e.Pattern.Match(rec.Envelope, found[:0])) > 0 {
			fault = lines.Write(&rec, rec.Bus())
		}
		return fault == nil
	})
	if fault != nil {
		return fault
	}
	if err != nil {
		_ = lines.Flush() // what came before is whole
		return err
	}
	return lines.Flush()
}
