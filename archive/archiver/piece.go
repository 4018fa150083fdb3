package archiver

import (
	"cmp"
	"context"
	"time"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// piece is a run of events on its way into a segment.
type piece struct {
	keeper *keeper
	ctx    context.Context
	// writer is nil until there is an event for it.
	writer *segment.Writer
	// next is where the piece ends.
	next  journal.Seq
	read  int // bytes
	pace  pace
	fault error
}

// archiveTo archives a piece of the events before a bound: one segment, or nothing where no
// event is to be archived.
func (k *keeper) archiveTo(ctx context.Context, bound journal.Seq) error {
	p := &piece{keeper: k, ctx: ctx, next: bound, pace: pace{began: time.Now()}}
	err := k.of.opts.Journal.Events.Between(k.saved.Cursor, bound, p.take)
	if p.writer != nil {
		defer p.writer.Discard()
	}
	if err = cmp.Or(p.fault, err, ctx.Err()); err != nil {
		return err
	}
	if p.writer != nil {
		if err := k.append(ctx, p); err != nil {
			return err
		}
	}
	k.saved.Cursor = p.next
	return k.save()
}

// append makes what was written a segment.
func (k *keeper) append(ctx context.Context, p *piece) error {
	if err := k.own(ctx, k.files, k.saved, true); err != nil { // writing may have taken a while
		return err
	}
	s, err := k.files.Append(ctx, p.writer, k.saved.From, p.next, k.saved.Gap)
	if err != nil {
		return err
	}
	k.saved.From, k.saved.Written, k.saved.Gap = p.next, p.next, false
	k.counts.add(&s)
	return nil
}

// take adds an event to the piece, and reports whether there is room for more.
func (p *piece) take(r journal.Record) bool {
	if p.fault = p.ctx.Err(); p.fault != nil {
		return false
	}
	if p.full(r.Seq) {
		p.next = r.Seq
		return false
	}
	p.read += len(r.Envelope) + len(r.Meta)
	if urgent := p.keeper.urgent.Load() > p.keeper.cursor.Load(); !urgent {
		p.pace.yield(p.ctx, p.read)
	}
	if bus := r.Bus(); p.keeper.takes(&r, bus) {
		p.fault = p.add(&r, bus)
	}
	return p.fault == nil
}

// full reports whether an event is for the next segment.
func (p *piece) full(at journal.Seq) bool {
	k := p.keeper
	return p.read >= k.of.opts.maxPiece || p.writer != nil && k.sliceOf(at) != k.sliceOf(p.writer.First())
}

func (p *piece) add(r *journal.Record, bus string) (err error) {
	if p.writer == nil {
		if p.writer, err = p.keeper.files.NewWriter(p.ctx); err != nil {
			return err
		}
	}
	return p.writer.Add(r, bus)
}

// pace makes background work give way: it rests three times as long as it works.
type pace struct {
	began time.Time
	done  int // bytes
}

// paceEvery is after how many bytes work rests.
const paceEvery = 1 << 20

// yield rests when enough was done.
func (p *pace) yield(ctx context.Context, done int) {
	if done-p.done < paceEvery {
		return
	}
	rest := time.NewTimer(min(3*time.Since(p.began), time.Second))
	defer rest.Stop()
	select {
	case <-ctx.Done():
	case <-rest.C:
	}
	p.began, p.done = time.Now(), done
}
