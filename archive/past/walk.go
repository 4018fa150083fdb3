package past

import (
	"cmp"
	"context"
	"iter"

	"signalbox/journal"
)

// Walk reads forwards in steps, and continues where the step before ended: a segment that takes
// many steps is opened once. It is for one goroutine. Close ends it.
type Walk struct {
	reader *Reader
	ctx    context.Context
	// next returns the events before end that archives have, from at on; nil where none are open.
	next    func() (journal.Record, error, bool)
	stop    func()
	at, end journal.Seq
	// head is the event at at, which was read and is to be asked for again.
	head *journal.Record
}

// Walk returns a walk, which ends with ctx.
func (r *Reader) Walk(ctx context.Context) *Walk { return &Walk{reader: r, ctx: ctx} }

// Close lets go of what is open.
func (w *Walk) Close() {
	if w.next != nil {
		w.stop()
		w.next, w.head = nil, nil
	}
}

// Between is that of Reader.
func (w *Walk) Between(from, before journal.Seq, fn func(journal.Record) bool) error {
	r := w.reader
	if r.Takes != nil {
		all := fn
		fn = func(rec journal.Record) bool { return !r.Takes(&rec) || all(rec) }
	}
	for from < before {
		if bound := r.Bound(); from < bound {
			end := min(before, bound)
			if more, err := w.archived(from, end, fn); err != nil || !more {
				return err
			}
			from = end
			continue
		}
		if again, err := w.stored(from, before, fn); err != nil || !again {
			return cmp.Or(err, w.ctx.Err())
		}
	}
	return nil
}

// stored reads the store. Again means that retention has dropped the beginning meanwhile, and
// that nothing was read.
func (w *Walk) stored(from, before journal.Seq, fn func(journal.Record) bool) (again bool, err error) {
	w.Close()
	r, begun := w.reader, false
	err = r.Events.Between(from, before, func(rec journal.Record) bool {
		if !begun { // the iterator sees what is there now, whatever is dropped later
			begun, again = true, r.Bound() > from
		}
		return !again && w.ctx.Err() == nil && fn(rec)
	})
	return again || !begun && r.Bound() > from, err
}

// archived reads archives, and reports whether fn wants more.
func (w *Walk) archived(from, before journal.Seq, fn func(journal.Record) bool) (more bool, err error) {
	if w.head != nil && from == w.at+1 { // the step before took the event that it ended with
		w.head, w.at = nil, from
	}
	for from < before {
		if w.next == nil || from != w.at {
			w.open(from, before)
		}
		end := min(before, w.end)
		rec, ok, err := w.peek()
		if err != nil {
			return false, err
		}
		if !ok || rec.Seq >= end {
			from, w.at = end, end
			continue
		}
		if from, w.at = rec.Seq, rec.Seq; !fn(rec) {
			return false, nil
		}
		w.head = nil
		from++
		w.at++
	}
	return true, nil
}

// open opens the archives at a number.
func (w *Walk) open(from, before journal.Seq) {
	w.Close()
	r := w.reader
	var all []iter.Seq2[journal.Record, error]
	if r.Numbers != nil && before > r.Numbers.Oldest() {
		all = append(all, r.stored(from, before))
	}
	for _, files := range r.archives() {
		all = append(all, r.archived(w.ctx, files, from, before))
	}
	w.next, w.stop = iter.Pull2(r.skipping(w.ctx, merge(all)))
	w.at, w.end = from, before
}

// peek returns the next event of archives, which stays until head is nil.
func (w *Walk) peek() (rec journal.Record, ok bool, err error) {
	if w.head != nil {
		return *w.head, true, nil
	}
	if rec, err, ok = w.next(); ok && err == nil {
		w.head = &rec
	}
	if err != nil || !ok {
		w.Close()
	}
	return rec, ok, err
}
