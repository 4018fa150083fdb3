package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"signalbox/sources"
	"signalbox/targets/kafka"
	"signalbox/targets/remote"
)

// opener connects to the topic of a source.
type opener struct {
	*Options
	brokers *kafka.Client
	hidden  remote.Hidden
	batch   int
	log     *zap.Logger
}

func newOpener(c *sources.Config, env sources.Env) (sources.Opener, error) {
	o := c.Options.(*Options)
	client, secrets, err := kafka.NewClient(c.Name, c.Dir, &o.Server, &o.Login, o.SASLMechanism, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	return &opener{o, client, remote.NewHidden(secrets), c.BatchSize, env.Logger}, nil
}

// Address is where the source connects to.
func (o *opener) Address() string { return o.brokers.Shown }

// Hide returns an error without what is secret.
func (o *opener) Hide(err error) error { return o.hidden.InError(err) }

// maxFetch bounds what a broker is asked for at once. An answer is larger where one record is.
const maxFetch = 8 << 20

// Open connects, and joins the group once it has been found where that begins.
func (o *opener) Open(ctx context.Context) (sources.Conn, error) {
	if err := o.prepare(ctx); err != nil {
		return nil, err
	}
	c := &conn{opener: o, owned: map[int32]bool{}}
	client, err := o.brokers.Open(
		kgo.ConsumeTopics(o.Topic),
		kgo.ConsumerGroup(o.Group),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(c.assigned),
		kgo.OnPartitionsRevoked(c.revoked),
		kgo.OnPartitionsLost(c.revoked),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(maxFetch),
	)
	if err != nil {
		return nil, err
	}
	c.client, c.admin = client, kadm.NewClient(client)
	if c.topicID, err = o.look(ctx, c.admin); err != nil {
		c.Close()
		return nil, err
	}
	if c.origin = "kafka"; c.topicID == (kadm.TopicID{}) {
		c.origin += "/" + o.brokers.Shown
	}
	return c, nil
}

// prepare checks that the topic can be seen and the group be used. It has a group that begins
// with what is new begin here, so that nothing is passed over if it ends before its first commit.
func (o *opener) prepare(ctx context.Context) error {
	client, err := o.brokers.Open()
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := o.look(ctx, admin); err != nil {
		return err
	}
	read, err := o.read(ctx, admin)
	if err == nil && o.Start == sources.StartNew && !begun(read) {
		err = o.beginAtEnd(ctx, admin)
	}
	if err != nil {
		return o.failed(fmt.Errorf("consumer group %q: %w", o.Group, o.brokers.Because(err)))
	}
	return nil
}

// read returns how far the group has read the topic, which is nothing where it does not exist.
func (o *opener) read(ctx context.Context, admin *kadm.Client) (kadm.OffsetResponses, error) {
	read, err := admin.FetchOffsetsForTopics(ctx, o.Group, o.Topic)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	return read, err
}

// begun reports whether a group has read anything.
func begun(read kadm.OffsetResponses) (any bool) {
	read.Each(func(r kadm.OffsetResponse) { any = any || r.At >= 0 })
	return any
}

func (o *opener) beginAtEnd(ctx context.Context, admin *kadm.Client) error {
	ends, err := admin.ListEndOffsets(ctx, o.Topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return err
	}
	return admin.CommitAllOffsets(ctx, o.Group, ends.Offsets())
}

// look returns the id of the topic: another that is made with its name later has another one.
func (o *opener) look(ctx context.Context, admin *kadm.Client) (kadm.TopicID, error) {
	topics, err := admin.ListTopics(ctx, o.Topic)
	if err != nil {
		return kadm.TopicID{}, o.failed(o.brokers.Because(err))
	}
	topic := topics[o.Topic]
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
		topic.Err = fmt.Errorf("%w: create it, or name another", topic.Err)
	}
	if topic.Err != nil {
		return kadm.TopicID{}, o.failed(topic.Err)
	}
	return topic.ID, nil
}

// failed says what an error is about.
func (o *opener) failed(err error) error {
	return fmt.Errorf("topic %q on %s: %w", o.Topic, o.brokers.Shown, err)
}
