package archiver

import (
	"context"
	"errors"
	"iter"
	"math"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// Reader reads archives and the store as one.
type Reader struct {
	// Events and Numbers are those of the store; both are nil where there is none.
	Events  *journal.Events
	Numbers journal.Numbers
	// Archives returns the archives that there are.
	Archives func() []*segment.Files
	// Takes chooses events; nil takes all.
	Takes func(*journal.Record) bool
	// Damaged is told of what is missing, or not as it was written, and returns whether to go on
	// without it; nil goes on without nothing.
	Damaged func(*segment.DamagedError) bool
}

// Reader returns a reader of the store and all archives.
func (a *Archiver) Reader() *Reader {
	return &Reader{Events: a.opts.Journal.Events, Numbers: a.opts.Journal.Seqs, Archives: a.Files}
}

// Between calls fn with the events from a number on, up to but without those at before, the
// oldest first and each once, until fn says stop: those that the store has, and before these
// what archives have. It ends where events are not yet on disk. The error is a
// *segment.DamagedError where something of an archive is missing, or not as it was written.
func (r *Reader) Between(from, before journal.Seq, fn func(journal.Record) bool) error {
	return r.BetweenContext(context.Background(), from, before, fn)
}

// BetweenContext is Between that ends with ctx.
func (r *Reader) BetweenContext(ctx context.Context, from, before journal.Seq, fn func(journal.Record) bool) error {
	if r.Takes != nil {
		all := fn
		fn = func(rec journal.Record) bool { return !r.Takes(&rec) || all(rec) }
	}
	for from < before {
		if oldest := r.oldest(); from < oldest {
			end := min(before, oldest)
			if more, err := r.archived(ctx, from, end, fn); err != nil || !more {
				return err
			}
			from = end
			continue
		}
		if again, err := r.stored(from, before, fn); err != nil || !again {
			return err
		}
	}
	return nil
}

// oldest is the number from which on the store has all events.
func (r *Reader) oldest() journal.Seq {
	if r.Numbers == nil {
		return math.MaxUint64
	}
	return r.Numbers.Oldest()
}

// stored reads the store. Again means that retention has dropped the beginning meanwhile, and
// that nothing was read.
func (r *Reader) stored(from, before journal.Seq, fn func(journal.Record) bool) (again bool, err error) {
	begun := false
	err = r.Events.Between(from, before, func(rec journal.Record) bool {
		if !begun { // the iterator sees what is there now, whatever is dropped later
			begun, again = true, r.oldest() > from
		}
		return !again && fn(rec)
	})
	return again || !begun && r.oldest() > from, err
}

// archived reads the archives, and reports whether fn wants more.
func (r *Reader) archived(ctx context.Context, from, before journal.Seq, fn func(journal.Record) bool) (more bool, err error) {
	var all []iter.Seq2[journal.Record, error]
	for _, files := range r.Archives() {
		all = append(all, r.records(ctx, files, from, before))
	}
	for rec, err := range merge(all) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return false, err
		}
		if !fn(rec) {
			return false, nil
		}
	}
	return true, ctx.Err()
}

// records returns the events of one archive.
func (r *Reader) records(ctx context.Context, files *segment.Files, from, before journal.Seq) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for s, err := range files.Segments(ctx, from, before) {
			more := true
			if err == nil {
				err = files.Read(ctx, &s, from, before, func(rec journal.Record) bool {
					more = yield(rec, nil)
					return more
				})
			}
			if err != nil && more && !r.skips(err) {
				yield(journal.Record{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// skips reports whether to go on after an error.
func (r *Reader) skips(err error) bool {
	damage, ok := errors.AsType[*segment.DamagedError](err)
	return ok && r.Damaged != nil && r.Damaged(damage)
}

// merge returns the events of several archives in order, each once.
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
			if !yield(rec, err) || err != nil {
				return
			}
			for _, h := range heads {
				for h.ok && h.err == nil && h.rec.Seq <= rec.Seq {
					h.advance()
				}
			}
		}
	}
}

// head is the next event of one archive.
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
