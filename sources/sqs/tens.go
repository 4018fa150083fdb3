package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"signalbox/sources"
)

// request does something with up to ten messages. It returns those that it was not done with, and
// why.
type request func(ctx context.Context, part []sources.Message) (left []sources.Message, err error)

// inTens does something with messages, in several requests side by side, and returns those that it
// could not be done with, in order, and the first reason.
func (q *queue) inTens(ctx context.Context, all []sources.Message, do request) ([]sources.Message, error) {
	parts := slices.Collect(slices.Chunk(all, perRequest))
	var requests errgroup.Group
	requests.SetLimit(sideBySide)
	for i := range parts {
		requests.Go(func() (err error) {
			parts[i], err = persist(ctx, parts[i], do)
			return err
		})
	}
	err := requests.Wait()
	return slices.Concat(parts...), err
}

const (
	// tries is how often something is tried with a message, with pauses between that double.
	tries = 3
	pause = 100 * time.Millisecond
)

// persist tries again with what is left.
func persist(ctx context.Context, part []sources.Message, do request) (left []sources.Message, err error) {
	left = part
	for try := range tries {
		if left, err = do(ctx, left); err == nil || try == tries-1 {
			break
		}
		select {
		case <-time.After(pause << try):
		case <-ctx.Done():
			return left, err
		}
	}
	return left, err
}

// remove deletes messages.
func (q *queue) remove(ctx context.Context, part []sources.Message) ([]sources.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	entries := make([]types.DeleteMessageBatchRequestEntry, len(part))
	for i := range part {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: part[i].Tag.(*string)}
	}
	out, err := q.client.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &q.client.URL, Entries: entries})
	if err != nil {
		return part, q.failed(ctx, err)
	}
	done := make([]*string, len(out.Successful))
	for i := range done {
		done[i] = out.Successful[i].Id
	}
	return q.left(part, "deleted", done, out.Failed)
}

// hide returns what hides messages from other readers for so many seconds; 0 gives them back.
func (q *queue) hide(seconds int32) request {
	return func(ctx context.Context, part []sources.Message) ([]sources.Message, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(part))
		for i := range part {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: part[i].Tag.(*string), VisibilityTimeout: seconds,
			}
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.client.URL, Entries: entries})
		if err != nil {
			return part, q.failed(ctx, err)
		}
		done := make([]*string, len(out.Successful))
		for i := range done {
			done[i] = out.Successful[i].Id
		}
		return q.left(part, "held", done, out.Failed)
	}
}

// left returns the messages that an answer does not name as done, and the first reason.
func (q *queue) left(part []sources.Message, what string, done []*string, failed []types.BatchResultErrorEntry) (left []sources.Message, err error) {
	named := map[string]bool{}
	for _, id := range done {
		named[aws.ToString(id)] = true
	}
	for i := range part {
		if !named[strconv.Itoa(i)] {
			left = append(left, part[i])
		}
	}
	switch {
	case len(left) == 0:
		return nil, nil
	case len(failed) == 0:
		err = errors.New("the answer does not name them")
	default:
		err = fmt.Errorf("%s: %s", aws.ToString(failed[0].Code), aws.ToString(failed[0].Message))
	}
	return left, q.failed(context.Background(), fmt.Errorf("%d messages could not be %s: %w", len(left), what, err))
}
