package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/router/dedup"
	"signalbox/rules"
	"signalbox/sources"
	"signalbox/targets"
	"signalbox/targets/fn"
)

// sourceLane returns the name of the lane by which dead letters of a source are taken in again.
// No target of a file has such a name.
func sourceLane(source string) string { return "source/" + source }

// typeSource is the type of such lanes, as listings show it.
const typeSource = "source"

// withSources returns the targets of a set, and for each of its sources the one that its dead
// letters go to when they are replayed. It is called under swapMu.
func (r *Router) withSources(set *rules.Set) map[string]targets.Config {
	if len(set.Sources) == 0 {
		return set.Targets
	}
	all := maps.Clone(set.Targets)
	if r.decoders == nil {
		r.decoders = map[string]*fn.Options{}
	}
	for name := range set.Sources {
		if r.decoders[name] == nil { // one and the same as long as there is the source
			r.decoders[name] = &fn.Options{Deliver: func(ctx context.Context, d *targets.Delivery) error { return r.takeAgain(ctx, name, d) }}
		}
		c := targets.Config{Name: sourceLane(name), Type: typeSource, Kind: fn.Kind(), Options: r.decoders[name], Synthetic: targets.SyntheticDeliver}
		c.SetDefaults()
		all[c.Name] = c
	}
	return all
}

// takeAgain decodes a message that was a dead letter with the source as it is now, and takes
// its event in.
func (r *Router) takeAgain(ctx context.Context, name string, d *targets.Delivery) error {
	final := func(code string, err error) error {
		return &targets.Error{Code: code, Final: true, Tries: 1, Err: fmt.Errorf("source %q: %w", name, err)}
	}
	source := r.Rules().Sources[name]
	if source == nil {
		return final(targets.CodeNoResource, errors.New("is not there any more"))
	}
	kept, err := d.Event()
	if err != nil {
		return err
	}
	message, err := sources.LetterMessage(kept)
	if err != nil {
		return final(sources.CodeUndecodable, err)
	}
	e, err := source.Decode(message)
	if err != nil {
		return final(sources.CodeUndecodable, err)
	}
	refused, err := r.Accept(sources.Sender(ctx), []*event.Event{e})
	if err == nil {
		err = refused[0]
	}
	var known *event.Error
	var busy *Busy
	switch {
	case err == nil:
		d.Taken = append(d.Taken, e)
		return nil
	case errors.As(err, &busy):
		return &targets.Error{Code: targets.CodeThrottling, RetryAfter: busy.Wait, Tries: 1, Err: err}
	case errors.As(err, &known) && known.Final():
		return final(sources.CodeRefused, err)
	case errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &targets.Error{Code: targets.CodeInternalError, Tries: 1, Err: err}
}

// KeepDead puts messages into the dead-letter queue as those of a source, as sources.Accepter
// says.
func (r *Router) KeepDead(ctx context.Context, source *sources.Source, letters []sources.Letter) error {
	if r.gate.closed.Load() {
		return ErrStopping
	}
	if err := r.gate.writable(); err != nil {
		return err
	}
	evs := make([]*event.Event, len(letters))
	codes := make(map[*event.Event]*sources.Letter, len(letters))
	for i := range letters {
		e, err := letters[i].Event(source.Name, r.opts.localBus(source.Bus))
		if err != nil {
			return err
		}
		evs[i], codes[e] = e, &letters[i]
	}
	_, err := r.intake.dedup.Once(sources.Sender(ctx), evs, func(evs []*event.Event, prints []dedup.Fresh) ([]error, error) {
		return make([]error, len(evs)), r.intake.keepDead(&r.Lanes, source.Name, evs, prints, codes)
	})
	return err
}

// keepDead writes events that keep messages, each with its dead letter.
func (in *intake) keepDead(lanes *Lanes, source string, evs []*event.Event, prints []dedup.Fresh, letters map[*event.Event]*sources.Letter) error {
	if len(evs) == 0 {
		return nil // they are there already
	}
	lane, err := lanes.of(sourceLane(source))
	if err != nil {
		return err
	}
	with := in.planner()
	reserved := in.journal.Seqs.Reserve(len(evs))
	defer reserved.Release()
	entries := make([]journal.Entry, len(evs))
	for i, e := range evs {
		with.date(e, reserved.At(i))
		p := plan{event: e, seq: reserved.At(i), envelope: e.Envelope()}
		if entries[i], err = with.entry(&p); err != nil {
			return err
		}
		l := letters[e]
		entries[i].Matched = true // it is for no rule
		entries[i].Deliveries = []journal.Delivery{{Seq: p.seq, Lane: lane.ID, State: journal.Dead,
			Death: &journal.Death{At: time.Now().UTC(), Code: l.Code, Message: l.Err.Error()}}}
		if prints != nil {
			entries[i].Fingerprint, entries[i].EventID, entries[i].Marks = prints[i].Print, e.ID, prints[i].Marks
		}
	}
	if err := in.journal.Append(entries); err != nil {
		in.dedup.Doubt()
		return unwritten(err)
	}
	for i, e := range evs {
		d := &entries[i].Deliveries[0]
		in.metrics.lanes.Died(delivery.Rule{Bus: e.Meta.Bus}, lane.Name)
		in.died(lane.Name, queue.NewItem(*d, queue.NewEvent(&entries[i].Record, &e.Meta, e.ID)), d)
	}
	return nil
}
