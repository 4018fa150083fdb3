package sources

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"signalbox/event"
)

// holdEvery is how often messages are held that can't be taken in yet.
const holdEvery = time.Second

// taking is a batch that is being taken in.
type taking struct {
	*runner
	conn  Conn
	batch []Message
	// events and messages are what is to be accepted still.
	events   []*event.Event
	messages []*Message
	letters  []Letter
	// accepted and duplicates are how many events have been.
	accepted, duplicates int
}

func (b *taking) decode() {
	for i := range b.batch {
		m := &b.batch[i]
		e, err := b.source.Decode(m)
		if err != nil {
			b.letters = append(b.letters, Letter{m, CodeUndecodable, err})
			continue
		}
		b.events, b.messages = append(b.events, e), append(b.messages, m)
	}
}

// accept returns when every event is on disk, or a dead letter of the source.
func (b *taking) accept(ctx context.Context) error {
	for len(b.events) > 0 {
		var refused []error
		err := b.whenTaken(ctx, func(ctx context.Context) (err error) {
			refused, err = b.opts.Accepter.Accept(ctx, b.events)
			return err
		})
		if err != nil {
			return err
		}
		if b.sort(refused); len(b.events) == 0 {
			return nil
		}
		if err := b.wait(ctx, holdEvery); err != nil {
			return err
		}
	}
	return nil
}

// sort counts what was accepted, and leaves what may be taken in later.
func (b *taking) sort(refused []error) {
	events, messages := b.events, b.messages
	b.events, b.messages = nil, nil
	for i, err := range refused {
		var known *event.Error
		switch {
		case err == nil && events[i].Duplicate:
			b.duplicates++
		case err == nil:
			b.accepted++
		case errors.As(err, &known) && !known.Final():
			b.events, b.messages = append(b.events, events[i]), append(b.messages, messages[i])
		default:
			b.letters = append(b.letters, Letter{messages[i], CodeRefused, err})
		}
	}
}

// bury puts what can't be taken in into the dead-letter queue.
func (b *taking) bury(ctx context.Context) error {
	if len(b.letters) == 0 {
		return nil
	}
	l := b.letters[0]
	b.counts.faults.Do(func() {
		b.log.Warn("a message can't be taken in, and is in the dead-letter queue", zap.String("message_id", l.Message.ID), zap.String("subject", l.Message.Subject),
			zap.String("error_code", l.Code), zap.Error(l.Err))
	})
	return b.whenTaken(ctx, func(ctx context.Context) error { return b.opts.Accepter.KeepDead(ctx, b.source, b.letters) })
}

// whenTaken does what may meet a router that takes nothing in at the moment, again and again
// until it does.
func (b *taking) whenTaken(ctx context.Context, do func(context.Context) error) error {
	for {
		err := b.inTurn(ctx, do)
		var busy interface{ RetryAfter() time.Duration }
		if !errors.As(err, &busy) {
			if err == nil {
				b.connected()
			}
			return err
		}
		if b.change(StateBusy, err.Error()) {
			b.log.Warn("source waits: the router takes nothing in", zap.Error(err))
		}
		if err := b.wait(ctx, min(busy.RetryAfter(), holdEvery)); err != nil {
			return err
		}
	}
}

// inTurn does something when it is the source's turn.
func (b *taking) inTurn(ctx context.Context, do func(context.Context) error) error {
	leave, err := b.opts.Turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	// What has begun ends: half a batch would be no help to anybody.
	return do(Sender(context.WithoutCancel(ctx)))
}

// wait holds the messages while it waits.
func (b *taking) wait(ctx context.Context, d time.Duration) error {
	if err := b.conn.Hold(ctx, b.batch); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count counts a batch that has been acknowledged.
func (b *taking) count() {
	b.counts.accepted.Add(float64(b.accepted))
	b.counts.duplicates.Add(float64(b.duplicates))
	for i := range b.letters {
		if b.letters[i].Code == CodeUndecodable {
			b.counts.undecodable.Inc()
		} else {
			b.counts.refused.Inc()
		}
	}
}
