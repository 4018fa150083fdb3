package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// archivedAt returns the state of an object at a moment of which the store has no events any more,
// of the events of an archive that takes all. It reads the archive from its beginning.
func (r *Reader) archivedAt(o journal.Object, before journal.Seq, at time.Time) (*Object, error) {
	gone := r.isKept(o.Type, at)
	reader := r.past.Whole()
	if reader == nil {
		return nil, gone
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	first, err := reader.Oldest(ctx)
	if err == nil && before <= first {
		return nil, gone
	}
	p := pastFolding{reader: r, object: o}
	if err == nil {
		err = reader.BetweenContext(ctx, first, before, p.take)
	}
	switch damage := (*segment.DamagedError)(nil); {
	case ctx.Err() != nil:
		return nil, &TooMuch{fmt.Sprintf("the state of %s %q at %s takes more than %s to make of archives: events are in the store since %s", o.Type, o.Key, at.Format(time.RFC3339), maxTime, r.journal.Seqs.Oldest().Time().Format(time.RFC3339))}
	case errors.As(err, &damage):
		return nil, &NotKept{fmt.Sprintf("the state of %s at %s is not known: %v", o.Type, at.Format(time.RFC3339Nano), damage), "put a copy of it back; signalbox archive verify lists all that is damaged"}
	case err != nil:
		return nil, err
	case p.state == nil:
		return nil, fmt.Errorf("%s %q at %s: no event since %s, where archives begin, tells of it: %w", o.Type, o.Key, at.Format(time.RFC3339Nano), first.Time().Format(time.RFC3339), journal.ErrNotFound)
	}
	return p.state.object()
}

// pastFolding folds the events of one object among all that are read.
type pastFolding struct {
	reader *Reader
	object journal.Object
	state  *folding
}

// take folds an event if it tells of the object.
func (p *pastFolding) take(rec journal.Record) bool {
	e, err := rec.Parsed()
	if err != nil {
		return true // archive verify tells of it
	}
	declared := p.reader.catalog()
	o, err := Told(declared, e)
	if err != nil || o == nil || o.Type != p.object.Type || o.Key != p.object.Key {
		return true
	}
	if p.state == nil || !declared.Object(o.Type).Folds {
		p.state = &folding{Object: journal.Object{Type: o.Type, Key: o.Key}}
	}
	p.state.apply(declared, o.Gone, rec)
	return true
}
