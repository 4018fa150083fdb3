package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lost forgets a topic, unless it has been found again since. Where another topic has its name
// now, the client forgets it too: it would never take it for that by itself. That may happen but once,
// since the client then begins to number its records anew, and brokers take equal numbers for repeats.
func (t *target) lost(name string, found any, err error) {
	t.losing.Lock()
	defer t.losing.Unlock()
	if now, ok := t.known.Load(name); !ok || now != found {
		return
	}
	if errors.Is(err, kerr.UnknownTopicID) {
		t.client.PurgeTopicsFromProducing(name)
		t.single.PurgeTopicsFromProducing(name)
	}
	t.known.Delete(name)
}

// look returns why topics of records can't be sent to, by their names. It asks the brokers about those
// that are not known yet, and about all while connecting fails, so that nothing is handed to
// the client then. Whole is the error where no broker answers.
func (t *target) look(ctx context.Context, records []*kgo.Record) (refused map[string]error, whole error) {
	troubled := t.brokers.trouble.last.Load() != nil
	request := kmsg.NewPtrMetadataRequest()
	asked := map[string]bool{}
	for _, r := range records {
		if r == nil || asked[r.Topic] {
			continue
		}
		if _, known := t.known.Load(r.Topic); troubled || !known {
			asked[r.Topic] = true
			ask := kmsg.NewMetadataRequestTopic()
			ask.Topic = &r.Topic
			request.Topics = append(request.Topics, ask)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	answer, err := request.RequestWith(ctx, t.client)
	if err != nil {
		return nil, err
	}
	t.brokers.trouble.last.Store(nil)
	refused = map[string]error{}
	for _, a := range answer.Topics {
		if a.Topic == nil {
			continue
		}
		err := kerr.ErrorForCode(a.ErrorCode)
		if isUnknownTopic(err) && t.create {
			err = t.createTopic(ctx, *a.Topic)
		}
		if err != nil && (isUnknownTopic(err) || !kerr.IsRetriable(err)) {
			refused[*a.Topic] = err
			continue
		}
		t.known.LoadOrStore(*a.Topic, new(byte))
	}
	return refused, nil
}

func isUnknownTopic(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}

var errNotCreated = errors.New("create the topic")

// createTopic creates a topic, with as many partitions and replicas as the brokers give one by
// default.
func (t *target) createTopic(ctx context.Context, topic string) error {
	ask := kmsg.NewCreateTopicsRequestTopic()
	ask.Topic, ask.NumPartitions, ask.ReplicationFactor = topic, -1, -1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis, request.Topics = int32(t.timeout.Milliseconds()), append(request.Topics, ask)
	answer, err := request.RequestWith(ctx, t.client)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotCreated, err)
	}
	for _, a := range answer.Topics {
		err = kerr.ErrorForCode(a.ErrorCode)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("%w: %w: %s", errNotCreated, err, *cmp.Or(a.ErrorMessage, new("")))
		}
	}
	return nil
}
