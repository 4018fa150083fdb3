// Package past reads archives and the store as one: forwards, and the latest first.
package past

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"math"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// Reader reads archives and the store as one. It does not change, and is safe for concurrent
// use, as are its copies.
type Reader struct {
	// Events and Numbers are those of the store; both are nil where there is none.
	Events  Events
	Numbers Numbers
	// Archives returns the archives that there are and that something was written to; nil for none.
	Archives func() []*segment.Files
	// All are those of Archives that take all events of some detail-types; nil for none.
	All func(detailTypes []string) []*segment.Files
	// Ahead returns the number before which archives may have events that the store never had,
	// as it is older than they are; nil for none.
	Ahead func() journal.Seq
	// Takes chooses events; nil takes all.
	Takes func(*journal.Record) bool
	// Skip is told why something of an archive can't be read, and returns whether to go on
	// without it; nil goes on without nothing. The error is a *segment.DamagedError where
	// something is missing, or not as it was written.
	Skip func(error) bool
}

// Events are the events of a store.
type Events interface {
	Between(from, before journal.Seq, fn func(journal.Record) bool) error
}

// Numbers tell which events a store has.
type Numbers interface {
	// Oldest is the least number whose event may still be kept.
	Oldest() journal.Seq
}

// Of returns a reader of a store alone.
func Of(events *journal.Events, numbers Numbers) *Reader {
	return &Reader{Events: events, Numbers: numbers}
}

// Bound returns the number from which on the store has all events. What lies before is read from
// archives too.
func (r *Reader) Bound() journal.Seq {
	if r.Numbers == nil {
		return math.MaxUint64
	}
	bound := r.Numbers.Oldest()
	if r.Ahead != nil {
		bound = max(bound, r.Ahead())
	}
	return bound
}

// archives returns the archives that there are.
func (r *Reader) archives() []*segment.Files {
	if r.Archives == nil {
		return nil
	}
	return r.Archives()
}

// Archived reports whether there is an archive to read.
func (r *Reader) Archived() bool { return len(r.archives()) > 0 }

// Whole returns a reader of those archives alone that take all events of some detail-types; nil if
// none does.
func (r *Reader) Whole(detailTypes []string) *Reader {
	if r.All == nil {
		return nil
	}
	all := r.All(detailTypes)
	if len(all) == 0 {
		return nil
	}
	whole := *r
	whole.Archives = func() []*segment.Files { return all }
	return &whole
}

// Since returns the number from which on one of the archives has all that it takes, up to where the
// store goes on; zero is the first event that there ever was.
func (r *Reader) Since(ctx context.Context) (journal.Seq, error) {
	least := r.Bound()
	for _, files := range r.archives() {
		since, first := r.Bound(), true
		for s, err := range r.segments(ctx, files, 0, r.Bound()) {
			if err != nil {
				return 0, err
			}
			if first || s.AfterGap {
				since = s.From
			}
			first = false
		}
		least = min(least, since)
	}
	return least, nil
}

// Oldest returns the number from which on there may be events, in the store or in an archive.
func (r *Reader) Oldest(ctx context.Context) (journal.Seq, error) {
	oldest := r.Bound()
	if r.Numbers != nil {
		oldest = r.Numbers.Oldest()
	}
	for _, files := range r.archives() {
		for s, err := range r.segments(ctx, files, 0, oldest) {
			if err != nil {
				if r.skips(err) {
					continue
				}
				return 0, err
			}
			oldest = min(oldest, s.First)
			break
		}
	}
	return oldest, nil
}

// Between calls fn with the events from a number on, up to but without those at before, the
// oldest first and each once, until fn returns false: those that the store has, and before these
// what archives have. It ends where events are not yet on disk.
func (r *Reader) Between(from, before journal.Seq, fn func(journal.Record) bool) error {
	return r.BetweenContext(context.Background(), from, before, fn)
}

// BetweenContext is Between that ends with ctx.
func (r *Reader) BetweenContext(ctx context.Context, from, before journal.Seq, fn func(journal.Record) bool) error {
	w := r.Walk(ctx)
	defer w.Close()
	return w.Between(from, before, fn)
}

// segments returns the segments of an archive, and an error where the archive itself is gone.
func (r *Reader) segments(ctx context.Context, files *segment.Files, from, before journal.Seq) iter.Seq2[segment.Segment, error] {
	return func(yield func(segment.Segment, error) bool) {
		if err := there(ctx, files); err != nil && !yield(segment.Segment{}, err) || err != nil {
			return
		}
		files.Segments(ctx, from, before)(yield)
	}
}

// there returns an error if an archive is gone that something was written to.
func there(ctx context.Context, files *segment.Files) error {
	owner, err := files.Owner(ctx)
	if err == nil && owner == "" {
		err = &segment.DamagedError{Archive: files.Name, File: files.String(), Err: fmt.Errorf("%w: is its disk mounted?", fs.ErrNotExist)}
	}
	return err
}

// skips reports whether to go on after an error.
func (r *Reader) skips(err error) bool { return r.Skip != nil && r.Skip(err) }

// skipping passes over errors as Skip says, and ends with the first that stays, or with ctx.
func (r *Reader) skipping(ctx context.Context, records iter.Seq2[journal.Record, error]) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for rec, err := range records {
			if ended := ctx.Err(); ended != nil {
				err = ended
			} else if err != nil && r.skips(err) {
				continue
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// archived returns the events of one archive, and the errors of what can't be read.
func (r *Reader) archived(ctx context.Context, files *segment.Files, from, before journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for s, err := range r.segments(ctx, files, from, before) {
			if err != nil {
				if !yield(journal.Record{}, err) {
					return
				}
				continue
			}
			if !read(ctx, files, &s, from, before, yield) {
				return
			}
		}
	}
}

// read yields the events of a segment, and at last an error where it can't be read. It reports
// whether more is wanted.
func read(ctx context.Context, files *segment.Files, s *segment.Segment, from, before journal.Seq, yield func(journal.Record, error) bool) bool {
	more := true
	err := files.Read(ctx, s, from, before, func(rec journal.Record) bool {
		rec.Archived = true
		more = yield(rec, nil)
		return more
	})
	return more && (err == nil || yield(journal.Record{}, err))
}

// stored returns the events of the store.
func (r *Reader) stored(from, before journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		more := true
		err := r.Events.Between(from, before, func(rec journal.Record) bool {
			more = yield(rec, nil)
			return more
		})
		if err != nil && more {
			yield(journal.Record{}, err)
		}
	}
}

// merge returns events of several places in order, each once: that of the first place that has
// it. An error comes at once.
func merge(all []iter.Seq2[journal.Record, error]) iter.Seq2[journal.Record, error] {
	if len(all) == 1 {
		return all[0]
	}
	return func(yield func(journal.Record, error) bool) {
		heads := make([]*head, len(all))
		for i, events := range all {
			next, stop := iter.Pull2(events)
			defer stop()
			heads[i] = &head{next: next}
			heads[i].advance()
		}
		for {
			first := earliest(heads)
			if first == nil {
				return
			}
			rec, err := first.rec, first.err
			if !yield(rec, err) {
				return
			}
			if err != nil {
				first.advance()
				continue
			}
			for _, h := range heads {
				for h.ok && h.err == nil && h.rec.Seq <= rec.Seq {
					h.advance()
				}
			}
		}
	}
}

// head is the next event of one place.
type head struct {
	next func() (journal.Record, error, bool)
	rec  journal.Record
	err  error
	ok   bool
}

func (h *head) advance() { h.rec, h.err, h.ok = h.next() }

// earliest returns the one whose event comes first, or one with an error; nil where all have
// ended.
func earliest(heads []*head) (first *head) {
	for _, h := range heads {
		if h.ok && (first == nil || h.err != nil || first.err == nil && h.rec.Seq < first.rec.Seq) {
			first = h
		}
	}
	return first
}
