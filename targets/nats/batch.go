package nats

import (
	"context"
	"errors"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets"
)

// DeliverBatch publishes the deliveries, each as a message of its own, and waits
// for the stream's acknowledgement of each.
func (t *natsTarget) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	conn, err := t.connect(ctx)
	if err == nil {
		err = t.connected(conn)
	}
	if err != nil {
		return nil, t.failure(ctx, t.subject.pattern(), err)
	}
	acks := make([]jetstream.PubAckFuture, len(batch))
	subjects := make([]string, len(batch))
	for i, d := range batch {
		acks[i], subjects[i], err = t.publishAsync(ctx, conn, d)
		each = targets.Note(each, len(batch), i, err)
	}
	for i, ack := range acks {
		if ack != nil {
			each = targets.Note(each, len(batch), i, t.acknowledged(ctx, ack, subjects[i]))
		}
	}
	if t.createStream {
		t.withStream(ctx, batch, each)
	}
	return each, nil
}

// publishAsync publishes one delivery without waiting for its acknowledgement.
func (t *natsTarget) publishAsync(ctx context.Context, conn *natsConn, d *targets.Delivery) (jetstream.PubAckFuture, string, error) {
	m, subject, err := t.render(d)
	if err != nil {
		return nil, "", err
	}
	ack, err := conn.js.PublishMsgAsync(&natsio.Msg{Subject: subject, Header: m.Header(), Data: m.Body}, t.publishOptions...)
	if err != nil {
		return nil, subject, t.failure(ctx, subject, err)
	}
	return ack, subject, nil
}

// acknowledged waits for what the stream says of a message.
func (t *natsTarget) acknowledged(ctx context.Context, ack jetstream.PubAckFuture, subject string) error {
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		if errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
			err = errors.Join(err, natsio.ErrTimeout)
		}
		return t.failure(ctx, subject, err)
	case <-ctx.Done():
		return t.failure(ctx, subject, ctx.Err())
	}
}

// withStream makes the stream that messages of a batch lacked, and publishes them
// once more.
func (t *natsTarget) withStream(ctx context.Context, batch []*targets.Delivery, each []error) {
	for i, err := range each {
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			each[i] = t.Deliver(ctx, batch[i])
		}
	}
}

// async are the options of the client for what it publishes without waiting. Its
// timeout only frees what nobody waits for any more.
func async(c *targets.Config) []jetstream.JetStreamOpt {
	if c.Batch == nil {
		return nil
	}
	return []jetstream.JetStreamOpt{
		jetstream.WithPublishAsyncMaxPending(c.Batch.MaxEvents * c.Concurrency),
		jetstream.WithPublishAsyncTimeout(c.Timeout + time.Second),
	}
}
