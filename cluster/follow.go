package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/journal"
)

// Store is a node's store while it follows.
type Store interface {
	// At is how far it has got in the log of its cluster; false if it is of none.
	At() (journal.Position, bool)
	// Empty reports whether there is nothing in it.
	Empty() (bool, error)
	// Apply writes a group that is at a place of the log.
	Apply(group []byte, at journal.Position) error
}

// ErrDiffers is the error of a store that can't go on from where it is: it has what is not in the log, or the log
// no longer has what comes next. It is to be made anew of a snapshot.
var ErrDiffers = errors.New("the store is not what the cluster's log makes")

// errCut is the error of a log that has lost what a node had read of it and not in its store.
var errCut = errors.New("the log has lost its end")

// Eligible says how long after the lease is free this node stands for election.
type Eligible func() (wait time.Duration)

// mostFetched is how many messages of the log are asked for at once.
const mostFetched = 256

// heartbeat is how often the servers tell that there are no messages, and fetchAfter how long a node that is to lead
// waits for one that is there before it fetches it.
const (
	heartbeat  = time.Second
	fetchAfter = 200 * time.Millisecond
)

// maxBehind is how many messages behind the log a node may be to stand at once.
const maxBehind = 1000

// follower reads the log into a store.
type follower struct {
	*Node
	store Store
	// at is the place in the store, where it is known to be of the log, and term the latest that has begun.
	at    journal.Position
	known bool
	term  uint64
	// parts are those of a group that have come, and part is how many they are.
	parts []byte
	part  int
	// most bounds the bytes of parts.
	most int
	// last is the last message that was read.
	last uint64
}

// Follow keeps a store up to date until this node is to lead. Then the store is at the end of the log, and nobody
// else writes to it. The error is ErrDiffers if the store must be made anew.
func (n *Node) Follow(ctx context.Context, store Store, eligible Eligible) (*Term, error) {
	f := &follower{Node: n, store: store, most: maxGroup}
	if err := f.begin(); err != nil {
		return nil, err
	}
	for told := (sometimes{}); ; {
		term, err := f.follow(ctx, eligible)
		if term != nil || ctx.Err() != nil || isFinal(err) {
			return term, err
		}
		n.lease.lapse()
		if told.now() {
			n.log.Warn("the cluster's log can't be read now; it tries again", zap.Error(advised(err)))
		}
		if err := pause(ctx, retryEvery); err != nil {
			return nil, err
		}
	}
}

// isFinal reports whether following does not get better by trying again.
func isFinal(err error) bool {
	_, final := errors.AsType[*unusable](err)
	return final || errors.Is(err, ErrDiffers)
}

// begin finds the place of the store, and refuses one that is of no log, or of another.
func (f *follower) begin() error {
	f.at, f.known = f.store.At()
	empty, err := f.store.Empty()
	if err != nil {
		return err
	}
	if !f.known && !empty {
		return &unusable{"the data directory has the store of a router without a cluster: run signalbox cluster init to begin the cluster with it, or set data_dir to a new directory"}
	}
	if f.known && f.at.Cluster != f.cluster {
		return &unusable{fmt.Sprintf("the data directory has the store of another cluster, or the stream %s was made anew: set data_dir to a new directory, or cluster.name to the store's own", f.opts.stream())}
	}
	return nil
}

// check compares the place of the store, and what was read, with the log: its servers may have lost its end.
func (f *follower) check(ctx context.Context) (log jetstream.StreamState, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if log, err = f.logState(ctx); err != nil {
		return log, err
	}
	first, last := log.FirstSeq, log.LastSeq
	f.progress.ends(last)
	switch {
	case !f.known:
		if made, err := f.snapshotsMade(ctx); err != nil || len(made.All) > 0 {
			return log, cmp.Or(err, fmt.Errorf("%w: it is empty, and there is a snapshot", ErrDiffers))
		}
		if first > 1 {
			return log, fmt.Errorf("%w: it is empty, and the log begins at message %d", ErrDiffers, first)
		}
	case f.at.Seq > last:
		return log, fmt.Errorf("%w: it has message %d, and the log ends at %d", ErrDiffers, f.at.Seq, last)
	case f.at.Seq+1 < first:
		return log, fmt.Errorf("%w: it is at message %d, and the log begins at %d", ErrDiffers, f.at.Seq, first)
	case f.at.Seq == 0: // the cluster begins with it
		if made, err := f.snapshotsMade(ctx); err != nil || len(made.All) == 0 {
			return log, cmp.Or(err, error(&unusable{"the cluster begins with this node's store, and its first snapshot is missing: run signalbox cluster init again"}))
		}
	}
	if f.last > last {
		return log, fmt.Errorf("%w: it ends at message %d, and had %d", errCut, last, f.last)
	}
	if f.at.Seq < first || f.at.Seq == 0 {
		return log, nil
	}
	raw, err := f.stream.GetMsg(ctx, f.at.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return log, nil // purged meanwhile; the hash of the next message tells
	}
	if err != nil {
		return log, err
	}
	m, err := readMessage(raw.Sequence, raw.Header, raw.Data)
	if err != nil || m.chain != f.at.Chain || m.term != f.at.Term {
		return log, fmt.Errorf("%w: message %d in the log is another", ErrDiffers, f.at.Seq)
	}
	return log, nil
}

// follow reads messages until the node is to lead, or something fails. It stands for election also while the log
// can't be read: a node that has read all but can't make a consumer, since the servers elect, can lead.
func (f *follower) follow(ctx context.Context, eligible Eligible) (*Term, error) {
	f.parts, f.part, f.last, f.term = nil, 0, f.at.Seq, f.at.Term
	if _, err := f.check(ctx); err != nil {
		return nil, err
	}
	f.progress.reads(f.last)
	f.figures.number.Store(f.term)
	f.role.Store(Following)
	ctx, cancel := context.WithCancel(ctx)
	messages, from := make(chan jetstream.Msg), f.at.Seq+1
	f.reading.Go(func() { f.readFrom(ctx, from, messages) }) // it may wait for servers that do not answer: a term does not
	won := make(chan *held)
	campaigning := make(chan struct{})
	go func() {
		defer close(campaigning)
		f.campaign(ctx, eligible, won)
	}()
	defer func() {
		cancel()
		<-campaigning
	}()
	lost := time.NewTicker(tellEvery)
	defer lost.Stop()
	for {
		select {
		case m := <-messages:
			if err := f.take(m); err != nil {
				return nil, err
			}
		case <-lost.C:
			if _, end := f.progress.at(); end < f.last {
				if _, err := f.check(ctx); isFinal(err) || errors.Is(err, errCut) {
					return nil, err
				}
			}
		case h := <-won:
			term := f.newTerm(h)
			if err := f.lead(term, messages); err != nil {
				term.resign(err)
				return nil, err
			}
			return term, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// readFrom hands on the messages of the log from one on, until ctx ends.
func (f *follower) readFrom(ctx context.Context, next uint64, messages chan<- jetstream.Msg) {
	for told := (sometimes{}); ; {
		err := f.consume(ctx, &next, messages)
		if ctx.Err() != nil {
			return
		}
		if told.now() {
			f.log.Warn("the cluster's log can't be read now; it tries again", zap.Error(advised(err)))
		}
		if pause(ctx, retryEvery) != nil {
			return
		}
	}
}

// consume hands on messages by one consumer until that fails, and notes which is next.
func (f *follower) consume(ctx context.Context, next *uint64, messages chan<- jetstream.Msg) error {
	iterator, err := f.messages(ctx, *next)
	if err != nil {
		return err
	}
	defer iterator.Stop()
	for {
		m, err := iterator.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		select {
		case messages <- m:
			*next = meta.Sequence.Stream + 1
		case <-ctx.Done():
			return nil
		}
	}
}

// messages returns those of the log from one on.
func (f *follower) messages(ctx context.Context, next uint64) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	consumer, err := f.js.OrderedConsumer(ctx, f.opts.stream(), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next, MaxResetAttempts: 1,
	})
	if err != nil {
		return nil, err
	}
	// Those that wait here are as many as fit in some megabytes. A consumer is on one server: when that is
	// gone, the heartbeats that are missing tell.
	return consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(mostFetched, max(4<<20, 2*int(f.nc.MaxPayload()))),
		jetstream.PullHeartbeat(heartbeat), jetstream.PullExpiry(5*heartbeat))
}

// take reads one message that has come.
func (f *follower) take(raw jetstream.Msg) error {
	meta, err := raw.Metadata()
	if err != nil {
		return err
	}
	return f.see(meta.Sequence.Stream, raw.Headers(), raw.Data())
}

// see reads one message, unless it was read before.
func (f *follower) see(seq uint64, header natsio.Header, data []byte) error {
	if seq <= f.last {
		return nil
	}
	if seq != f.last+1 {
		return fmt.Errorf("%w: message %d of the log follows %d", ErrDiffers, seq, f.last)
	}
	f.last = seq
	defer f.progress.reads(seq)
	m, err := readMessage(seq, header, data)
	if err != nil {
		f.log.Error("a message of the cluster's log is none of Signalbox's, and is passed over: keep others from writing to its subject",
			zap.String("subject", f.opts.subject()), zap.Error(err))
		return nil
	}
	return f.apply(&m)
}

// apply writes what a message has to the store.
func (f *follower) apply(m *message) error {
	switch {
	case m.leader != nil && m.term > f.term:
		f.dropParts("its leader could not write its end, and has never acknowledged it")
		f.term = m.term
		f.figures.number.Store(m.term)
		return nil
	case m.leader != nil || m.term != f.term:
		f.log.Error("a message of the cluster's log is of a term that is over, and is passed over", zap.Uint64("message", m.seq))
		return nil
	case m.part != f.part+1:
		f.log.Error("a message of the cluster's log is out of its order, and is passed over", zap.Uint64("message", m.seq))
		return nil
	}
	group := m.data
	if m.parts > 1 {
		if len(f.parts)+len(m.data) > f.most {
			f.dropParts("it is larger than a group may be")
			return nil
		}
		f.parts, f.part = append(f.parts, m.data...), m.part
		if m.part < m.parts {
			return nil
		}
		group = f.parts
	}
	f.parts, f.part = nil, 0
	if chained(f.at.Chain, group) != m.chain {
		return fmt.Errorf("%w: the hash of message %d is another", ErrDiffers, m.seq)
	}
	at := f.position(m.seq, m.term, m.chain)
	if err := f.store.Apply(group, at); err != nil {
		return err
	}
	f.at, f.known = at, true
	return nil
}

// dropParts drops the parts that have come of a group, where there are any.
func (f *follower) dropParts(why string) {
	if f.part > 0 {
		f.log.Warn("the beginning of a group of the cluster's log is dropped: "+why, zap.Int("parts", f.part), zap.Int("bytes", len(f.parts)))
	}
	f.parts, f.part = nil, 0
}

// campaign looks whether the lease is free until this node has it.
func (f *follower) campaign(ctx context.Context, eligible Eligible, won chan<- *held) {
	var since, failing time.Time
	for told := (sometimes{}); ; {
		free, err := f.lease.look(ctx, f.bucket)
		f.tellLeader()
		if leader, _ := f.Follows(); leader != nil {
			f.steppedDown.Store(nil) // another leads, so that this one may again when that steps down
		}
		switch {
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) >= LeaseTime: // who led knows by now that it leads no more
			f.remake(ctx)
			failing = time.Now()
		}
		switch {
		case !free:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		if free && time.Since(since) >= f.patience(eligible) {
			value := leaseValue{Run: uuid.NewString(), Key: f.keys.public(), Leader: Leader{
				Node: f.opts.Node, URL: f.opts.Advertise, Since: time.Now().UTC(), Version: f.opts.Version,
			}}
			h, err := f.lease.take(ctx, bucketOf{f.bucket, f.js}, value, &f.rules)
			if err != nil && ctx.Err() == nil && told.now() {
				f.log.Warn("the cluster's lease is free, and can't be taken; it tries again", zap.Error(advised(err)))
			}
			if h != nil {
				select {
				case won <- h:
				case <-ctx.Done():
					h.release(context.WithoutCancel(ctx))
				}
				return
			}
		}
		if pause(ctx, lookEvery) != nil {
			return
		}
	}
}

// tellLeader logs who leads, once for each that does.
func (f *follower) tellLeader() {
	h := f.lease.holder.Load()
	if h == f.lease.told {
		return
	}
	f.lease.told = h
	switch {
	case h == nil:
		f.log.Warn("no node is known to lead the cluster")
	case h.Node == f.opts.Node:
		f.log.Info("this node led before; its lease has to end first")
	default:
		f.log.Info("this node follows the leader of the cluster", zap.Int("leader", h.Node), zap.String("url", h.URL))
	}
}

// AwaitLeader looks who leads until another node does, or ctx ends: for a node that has left the lead and follows nobody.
func (n *Node) AwaitLeader(ctx context.Context) {
	for {
		_, _ = n.lease.look(ctx, n.bucket)
		if leader, _ := n.Follows(); leader != nil || pause(ctx, lookEvery) != nil {
			return
		}
	}
}

// remake makes the bucket with the lease anew where somebody has removed it.
func (f *follower) remake(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	if _, err := f.js.KeyValue(ctx, f.opts.bucket()); !errors.Is(err, jetstream.ErrBucketNotFound) {
		return
	}
	f.lease.revision = 0
	_, err := f.keyValue(ctx)
	f.log.Warn("the bucket with the cluster's lease was removed: it is made anew", zap.String("bucket", f.opts.bucket()), zap.Error(err))
}

// patience is for how long the lease is left to others that are more fit to lead.
func (f *follower) patience(eligible Eligible) time.Duration {
	wait := eligible()
	if groups, _ := f.progress.lag(); groups > maxBehind {
		wait += LeaseTime
	}
	if at := f.steppedDown.Load(); at != nil && time.Since(*at) < 2*LeaseTime {
		wait += 2 * LeaseTime
	}
	return wait
}

// lead begins a term at the end of the log. Where that is not what was read last the stream refuses it, at once, and
// the log is read to its end; questions to servers that elect have no answer.
func (f *follower) lead(term *Term, messages <-chan jetstream.Msg) error {
	for told := (sometimes{}); ; {
		term.number = f.term + 1
		err := term.begin(f.at, f.last)
		if err == nil {
			return f.confirm(term)
		}
		if isWrongLast(err) {
			log, asked := f.check(term.ctx)
			if asked == nil && log.LastSeq > f.last {
				if err := f.readTo(term.ctx, log.LastSeq, messages); err != nil {
					return err // not all of it is in the store
				}
				continue
			}
			err = cmp.Or(asked, err)
		}
		if isFinal(err) || errors.Is(err, errCut) {
			return err
		}
		if term.ctx.Err() != nil {
			return context.Cause(term.ctx)
		}
		if told.now() {
			f.log.Info("the term can't begin yet; it tries again", zap.Error(advised(err)))
		}
		if err := pause(term.ctx, retryEvery/5); err != nil {
			return err
		}
	}
}

// confirm compares the store with the log that a term has begun in: that was as long as what was read, which servers
// that have lost its end, and got another one, have as well.
func (f *follower) confirm(term *Term) error {
	for {
		log, err := f.check(term.ctx)
		switch {
		case err == nil:
			term.bytes = int64(log.Bytes)
			return nil
		case isFinal(err):
			return err
		}
		if err := pause(term.ctx, retryEvery/5); err != nil {
			return err
		}
	}
}

// logState asks for the ends of the log, and its size. A stream that was made anew is none of this cluster's.
func (n *Node) logState(ctx context.Context) (state jetstream.StreamState, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	info, err := n.stream.Info(ctx)
	if err != nil {
		return state, err
	}
	if info.Config.Metadata[clusterKey] != strconv.FormatUint(n.cluster, 10) {
		return state, &unusable{fmt.Sprintf("the stream %s was made anew, and has not what is in this node's store: leave the cluster with the store, or set data_dir to a new directory", n.opts.stream())}
	}
	return info.State, nil
}

// readTo reads messages up to one. Those that do not come by themselves it fetches one by one.
func (f *follower) readTo(ctx context.Context, last uint64, messages <-chan jetstream.Msg) error {
	idle := time.NewTimer(fetchAfter)
	defer idle.Stop()
	for f.last < last {
		select {
		case m := <-messages:
			if err := f.take(m); err != nil {
				return err
			}
			idle.Reset(fetchAfter)
		case <-idle.C:
			raw, err := f.fetch(ctx)
			switch {
			case errors.Is(err, jetstream.ErrMsgNotFound):
				return fmt.Errorf("%w: message %d is gone from the log", ErrDiffers, f.last+1)
			case err != nil:
				f.log.Debug("a message of the log can't be fetched now", zap.Error(err))
				idle.Reset(fetchAfter)
				continue
			}
			if err := f.see(raw.Sequence, raw.Header, raw.Data); err != nil {
				return err
			}
			idle.Reset(0)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// fetch asks for the next message.
func (f *follower) fetch(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return f.stream.GetMsg(ctx, f.last+1)
}
