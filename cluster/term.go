package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/journal"
)

// Term is the time in which this node leads.
type Term struct {
	node   *Node
	number uint64
	held   *held
	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  sync.WaitGroup
	// waits is since when a group waits for the log; nil where none does.
	waits atomic.Pointer[time.Time]
	// leaving is closed when this node was told to step down.
	leaving chan struct{}
	leave   sync.Once

	// last is the last message of the log, and at the place after the last group. Append alone changes them.
	last uint64
	at   journal.Position
	// bytes are in the log since the latest snapshot, and grown tells that they are enough for one.
	bytes int64
	grown chan struct{}
}

// newTerm begins to renew a lease that was won.
func (n *Node) newTerm(h *held) *Term {
	t := &Term{node: n, held: h, leaving: make(chan struct{}), grown: make(chan struct{}, 1)}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	t.ended.Go(func() {
		if err := h.renew(t.ctx); err != nil {
			t.cancel(err)
		}
	})
	return t
}

// begin writes the message that begins the term behind the last of the log. It fails if that is not the last.
func (t *Term) begin(at journal.Position, last uint64) error {
	value := t.held.value.Leader
	value.Term = t.number
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	m := natsio.NewMsg(t.node.opts.subject())
	m.Data = text
	m.Header.Set(headerTerm, strconv.FormatUint(t.number, 10))
	m.Header.Set(headerNode, strconv.Itoa(t.node.opts.Node))
	ctx, cancel := context.WithTimeout(t.ctx, answerTime)
	defer cancel()
	ack, err := t.node.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequence(last), jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	t.last, t.at = ack.Sequence, at
	t.node.role.Store(Leading)
	t.node.term.Store(t)
	t.node.figures.number.Store(t.number)
	t.node.figures.failovers.Add(1)
	t.node.progress.reads(t.last)
	t.ended.Go(func() { t.keepApart(t.ctx) })
	t.node.log.Info("this node leads the cluster", zap.Uint64("term", t.number), zap.Uint64("message", t.last))
	return nil
}

// Number is the term's; each begins with one that is larger.
func (t *Term) Number() uint64 { return t.number }

// Lost is closed when the term has ended.
func (t *Term) Lost() <-chan struct{} { return t.ctx.Done() }

// Err is why the term has ended; nil while it has not.
func (t *Term) Err() error { return context.Cause(t.ctx) }

// Leads reports whether this node may deliver: its lease is good.
func (t *Term) Leads() bool { return t.held.left() > 0 && t.ctx.Err() == nil }

// logPatience is for how long a group may wait for the log before nobody else is let in.
const logPatience = 2 * time.Second

// Takes reports whether events may be taken in: this node leads, and its log answers.
func (t *Term) Takes() bool {
	since := t.waits.Load()
	return t.Leads() && (since == nil || time.Since(*since) < logPatience)
}

// Append is store.Log's: it appends a group, in several messages where it is too large for one.
func (t *Term) Append(group []byte) (journal.Position, error) {
	if len(group) > maxGroup {
		err := fmt.Errorf("%w: a group of %d bytes is larger than the cluster's log takes, %d: send fewer events in a request", journal.ErrNotLeading, len(group), maxGroup)
		t.cancel(err)
		return journal.Position{}, err
	}
	began := time.Now()
	t.waits.Store(&began)
	defer t.waits.Store(nil)
	chain := chained(t.at.Chain, group)
	size := max(int(t.node.nc.MaxPayload()), leastPayload) - headerRoom
	parts := (len(group) + size - 1) / size
	for i := range parts {
		part := group[i*size : min((i+1)*size, len(group))]
		if err := t.append(part, chain, i+1, parts); err != nil {
			return journal.Position{}, err
		}
	}
	t.at = t.node.position(t.last, t.number, chain)
	t.node.progress.reads(t.last)
	t.node.figures.publish.Observe(time.Since(began).Seconds())
	t.grow(int64(len(group)))
	return t.at, nil
}

// append appends one message, and tries until it is in the log or the term has ended.
func (t *Term) append(data []byte, chain uint64, part, parts int) error {
	m := newMessage(t.node.opts.subject(), t.number, t.last+1, chain, part, parts, data)
	asked := time.Now()
	for told := (sometimes{}); ; {
		seq, err := t.publish(m)
		if err == nil {
			t.last = seq
			return nil
		}
		if errors.Is(err, jetstream.ErrNoStreamResponse) && time.Since(asked) >= LeaseTime {
			err = cmp.Or(t.removed(), err)
			asked = time.Now()
		}
		if errors.Is(err, journal.ErrNotLeading) {
			t.cancel(err)
		}
		if t.ctx.Err() != nil {
			return fmt.Errorf("%w: %w", journal.ErrNotLeading, context.Cause(t.ctx))
		}
		t.node.figures.retries.Add(1)
		if told.now() {
			t.node.log.Warn("the cluster's log can't be written to; it tries again while this node leads", zap.Error(advised(err)))
		}
		_ = pause(t.ctx, retryEvery/5)
	}
}

// removed is ErrNotLeading where the log was removed. It is asked for seldom: servers that elect do not answer it, and a
// message that is tried again meanwhile is in the log as soon as they have elected.
func (t *Term) removed() error {
	if _, err := t.node.logState(t.ctx); errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: the stream %s was removed", journal.ErrNotLeading, t.node.opts.stream())
	}
	return nil
}

// publish publishes a message, and returns its number. An error that is not ErrNotLeading leaves open whether the
// message is in the log; it may be published again.
func (t *Term) publish(m *natsio.Msg) (uint64, error) {
	ctx, cancel := context.WithTimeout(t.ctx, publishTime)
	defer cancel()
	ack, err := t.node.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequence(t.last), jetstream.WithRetryAttempts(0))
	switch {
	case err == nil && ack.Sequence == t.last+1:
		return ack.Sequence, nil
	case err == nil: // one sent before, at another place
		return 0, fmt.Errorf("%w: the message is number %d of the log, and not %d", journal.ErrNotLeading, ack.Sequence, t.last+1)
	case !isWrongLast(err):
		return 0, err
	}
	// Somebody has appended: this node, by a message whose answer was lost, or another.
	there, err := t.node.stream.GetMsg(ctx, t.last+1)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		log, err := t.node.logState(ctx)
		switch {
		case isFinal(err):
			return 0, fmt.Errorf("%w: %w", journal.ErrNotLeading, err)
		case err == nil && log.LastSeq < t.last:
			return 0, fmt.Errorf("%w: the log ends at message %d, and had %d: its servers have lost its end", journal.ErrNotLeading, log.LastSeq, t.last)
		}
	}
	if err != nil {
		return 0, err
	}
	if there.Header.Get(natsio.MsgIdHdr) == m.Header.Get(natsio.MsgIdHdr) && there.Header.Get(headerChain) == m.Header.Get(headerChain) {
		return there.Sequence, nil
	}
	return 0, fmt.Errorf("%w: another node has appended to the log", journal.ErrNotLeading)
}

// isWrongLast reports whether the stream has refused a message because it is not behind the one that its
// publisher took for the last.
func isWrongLast(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// StepDown asks whoever leads in this term to stop, and then to resign, so that another node takes over.
func (t *Term) StepDown() {
	t.node.steppedDown.Store(new(time.Now()))
	t.leave.Do(func() { close(t.leaving) })
}

// Leaving is closed when the node is to resign in good order.
func (t *Term) Leaving() <-chan struct{} { return t.leaving }

// Resign ends the term once nothing more is written or delivered in it, and gives the lease up.
func (t *Term) Resign() { t.resign(nil) }

func (t *Term) resign(why error) {
	t.cancel(why)
	t.ended.Wait()
	t.node.term.CompareAndSwap(t, nil)
	t.node.role.Store(Following)
	t.held.release(context.Background())
	t.node.lease.hold(nil)
}
