package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"signalbox/sources"
)

// conn is a member of the group. Between Fetch and the next, or Hold, the group can't take
// partitions from it.
type conn struct {
	*opener
	client  *kgo.Client
	admin   *kadm.Client
	topicID kadm.TopicID
	// origin is that of all records: no other topic has its id, but old brokers give none.
	origin string

	mu sync.Mutex
	// owned are the partitions that the member has, inHand those that it has had since Fetch.
	owned, inHand map[int32]bool
}

func (c *conn) assigned(_ context.Context, _ *kgo.Client, more map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range more[c.Topic] {
		c.owned[p] = true
	}
}

func (c *conn) revoked(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range gone[c.Topic] {
		delete(c.owned, p)
		delete(c.inHand, p)
	}
}

// lookEvery is how often it is looked whether the topic is there, while nothing comes: the client
// keeps it to itself when no broker answers.
const lookEvery = 5 * time.Second

// Fetch returns the records that have come.
func (c *conn) Fetch(ctx context.Context) ([]sources.Message, error) {
	for {
		c.client.AllowRebalance()
		batch, err := c.poll(ctx)
		if len(batch) > 0 {
			return batch, nil
		}
		if err == nil {
			err = c.check(ctx)
		}
		if err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// poll waits for records for a while.
func (c *conn) poll(ctx context.Context) (batch []sources.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	fetched := c.client.PollRecords(ctx, c.batch)
	fetched.EachError(func(_ string, partition int32, e error) {
		var loss *kgo.ErrDataLoss
		switch {
		case errors.As(e, &loss):
			c.log.Warn("records were lost by the brokers before they were taken in", zap.String("topic", c.Topic), zap.Int32("partition", partition), zap.Error(e))
		case ctx.Err() == nil:
			err = c.failed(c.brokers.Because(e))
		}
	})
	fetched.EachRecord(func(r *kgo.Record) { batch = append(batch, c.message(r)) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand = maps.Clone(c.owned)
	return batch, err
}

// check returns an error where the topic can't be read any more.
func (c *conn) check(ctx context.Context) error {
	id, err := c.look(ctx, c.admin)
	if err == nil && id != c.topicID {
		err = c.failed(errors.New("the topic was deleted and made anew"))
	}
	return err
}

// again is how long to wait with a commit that the group has no time for.
const again = 100 * time.Millisecond

// Ack commits how far the partitions have been read that no other member has been given since.
func (c *conn) Ack(ctx context.Context, all []sources.Message) error {
	for {
		err := c.commit(ctx, all)
		if !errors.Is(err, kerr.RebalanceInProgress) {
			return err
		}
		c.client.AllowRebalance()
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return err
		}
	}
}

// commit keeps the group from taking partitions while it commits.
func (c *conn) commit(ctx context.Context, all []sources.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var records []*kgo.Record
	for i := range all {
		if r := all[i].Tag.(*kgo.Record); c.inHand[r.Partition] {
			records = append(records, r)
		}
	}
	if len(records) == 0 {
		return nil
	}
	if err := c.client.CommitRecords(ctx, records...); err != nil {
		return c.failed(fmt.Errorf("commit: %w", c.brokers.Because(err)))
	}
	return nil
}

// Hold lets the group take partitions: it would not wait for long, and take all of them. The
// client's heartbeats keep the others.
func (c *conn) Hold(context.Context, []sources.Message) error {
	c.client.AllowRebalance()
	return nil
}

// Lag returns how many offsets are between what was committed of the member's partitions and
// their ends.
func (c *conn) Lag(ctx context.Context) (uint64, error) {
	read, err := c.read(ctx, c.admin)
	if err != nil {
		return 0, err
	}
	starts, err := c.admin.ListStartOffsets(ctx, c.Topic)
	if err != nil {
		return 0, err
	}
	ends, err := c.admin.ListEndOffsets(ctx, c.Topic)
	if err = errors.Join(err, starts.Error(), ends.Error()); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var lag int64
	for p := range c.owned {
		start, _ := starts.Lookup(c.Topic, p)
		end, _ := ends.Lookup(c.Topic, p)
		at, _ := read.Lookup(c.Topic, p)
		lag += max(0, end.Offset-max(start.Offset, at.At))
	}
	return uint64(lag), nil
}

// Close leaves the group. What was not committed is for the next member.
func (c *conn) Close() { c.client.CloseAllowingRebalance() }

// keyHeader is the header that has the key of a record.
const keyHeader = "kafka-key"

// attribute is the value of an attribute of a CloudEvent, which Kafka has as it is, in HTTP.
var attribute = strings.NewReplacer("%", "%25", `"`, "%22")

// message returns a record as a message.
func (c *conn) message(r *kgo.Record) sources.Message {
	m := sources.Message{Headers: make(map[string]string, len(r.Headers)+2), Body: r.Value, Subject: r.Topic, Origin: c.origin, Tag: r}
	m.ID = fmt.Sprintf("%s/%x/%d/%d", r.Topic, c.topicID, r.Partition, r.Offset)
	if r.Timestamp.UnixMilli() > 0 {
		m.Time = r.Timestamp.UTC()
	}
	if r.Key != nil {
		m.Headers[keyHeader] = strings.ToValidUTF8(string(r.Key), "\ufffd")
	}
	for _, h := range r.Headers {
		name, value := strings.ToLower(strings.ToValidUTF8(h.Key, "\ufffd")), strings.ToValidUTF8(string(h.Value), "\ufffd")
		if rest, ok := strings.CutPrefix(name, "ce_"); ok {
			name, value = "ce-"+rest, attribute.Replace(value)
		}
		m.Headers[name] = value
	}
	if r.Value == nil && m.Headers["ce-specversion"] == "" {
		m.Body, m.Headers["content-type"] = []byte("null"), "application/json"
	}
	return m
}
