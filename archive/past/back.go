package past

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// Stretch is a range of the past that no archive has more than one segment of.
type Stretch struct {
	// It has the events from From on, up to but without Before.
	From, Before journal.Seq

	reader *Reader
	ctx    context.Context
	parts  []part
}

// part is the segment of one archive.
type part struct {
	files   *segment.Files
	segment *segment.Segment
}

// Back returns the stretches before Bound, and within a range, the latest first. Together they
// have every event of the range; those of one come the oldest first, as segments are read so.
func (r *Reader) Back(ctx context.Context, since, before journal.Seq) iter.Seq2[*Stretch, error] {
	before = min(before, r.Bound())
	return func(yield func(*Stretch, error) bool) {
		all, err := r.backwards(ctx, since, before)
		for err == nil && since < before {
			s := &Stretch{From: since, Before: before, reader: r, ctx: ctx}
			if err = s.gather(all); err != nil {
				break
			}
			if len(s.parts) == 0 && (r.Numbers == nil || before <= r.Numbers.Oldest()) || !yield(s, nil) {
				return
			}
			before = s.From
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// gather takes the latest segment of each archive, and no more than what all of these cover.
func (s *Stretch) gather(all []*backwards) error {
	for _, b := range all {
		latest, err := b.latest(s.ctx, s.Before)
		for ; err != nil; latest, err = b.latest(s.ctx, s.Before) {
			if s.ctx.Err() != nil || !s.reader.skips(err) {
				return err
			}
		}
		if latest != nil {
			s.parts = append(s.parts, part{b.files, latest})
			s.From = max(s.From, latest.First)
		}
	}
	return nil
}

// Records returns the events, the oldest first and each once.
func (s *Stretch) Records() iter.Seq2[journal.Record, error] {
	var all []iter.Seq2[journal.Record, error]
	if n := s.reader.Numbers; n != nil && s.Before > n.Oldest() {
		all = append(all, s.reader.stored(s.From, s.Before))
	}
	for _, p := range s.parts {
		all = append(all, func(yield func(journal.Record, error) bool) {
			read(s.ctx, p.files, p.segment, s.From, s.Before, yield)
		})
	}
	return s.reader.skipping(s.ctx, merge(all))
}

// backwards goes back through the segments of one archive.
type backwards struct {
	files *segment.Files
	since journal.Seq
	// days are those before that of segments, and segments those that are left; both the oldest
	// first. after is the segment behind them, if it is known.
	days     []string
	segments []segment.Segment
	after    *segment.Segment
}

// backwards returns all archives, before a number.
func (r *Reader) backwards(ctx context.Context, since, before journal.Seq) (all []*backwards, err error) {
	for _, files := range r.archives() {
		b := &backwards{files: files, since: since}
		if err = there(ctx, files); err == nil {
			b.days, err = files.Days(ctx)
		}
		switch {
		case err == nil:
			all = append(all, b)
		case ctx.Err() != nil || !r.skips(err):
			return nil, err
		}
		b.days = segment.Within(b.days, since, before)
	}
	return all, nil
}

// latest returns the latest segment with events before a number; nil if there is none. After an
// error it continues behind what could not be read.
func (b *backwards) latest(ctx context.Context, before journal.Seq) (*segment.Segment, error) {
	for {
		if len(b.segments) == 0 {
			if more, err := b.load(ctx); !more || err != nil {
				return nil, err
			}
			continue
		}
		s := &b.segments[len(b.segments)-1]
		if after := b.after; after != nil && after.From > s.Before && !after.AfterGap {
			b.after = nil
			return nil, &segment.DamagedError{Archive: b.files.Name, From: s.Before, Before: after.From, Err: fs.ErrNotExist}
		}
		switch {
		case s.First < before && s.Last >= b.since:
			return s, nil
		case s.First < before:
			b.days, b.segments = nil, nil
		default:
			b.after, b.segments = s, b.segments[:len(b.segments)-1]
		}
	}
}

// load reads the manifest of the day before, and reports whether there is one.
func (b *backwards) load(ctx context.Context) (more bool, err error) {
	n := len(b.days) - 1
	if n < 0 {
		return false, nil
	}
	day := b.days[n]
	b.days = b.days[:n]
	if b.segments, err = b.files.Day(ctx, day); err != nil {
		b.segments, b.after = nil, nil
		if _, damaged := errors.AsType[*segment.DamagedError](err); !damaged {
			b.days = nil // the place can't be read
		}
	}
	return true, err
}
