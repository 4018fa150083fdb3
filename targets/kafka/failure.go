package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/targets"
)

// throttledFor is how long the target is left alone that has no room.
const throttledFor = time.Second

// failed is the error of an attempt whose record, if topic is not empty, has not been acknowledged.
func (t *target) failed(ctx context.Context, topic string, err error) *targets.Error {
	e := classify(ctx, err, t.brokers.trouble.err())
	if e.Code == targets.CodeTimeout && topic != "" {
		e.Err = fmt.Errorf("no acknowledgement in time, and it may still arrive: %w", e.Err)
	}
	if errors.Is(err, kerr.MessageTooLarge) {
		e.Err = fmt.Errorf("%w (max_message_bytes is %d here)", e.Err, t.maxRecord)
	}
	if topic != "" {
		topic = fmt.Sprintf(" to topic %q", topic)
	}
	e.Err = t.hidden.InError(fmt.Errorf("produce%s on %s: %w", topic, t.brokers.Shown, e.Err))
	return e
}

// classify returns what kind of failure an error is. The trouble is that of the last try to
// connect.
func classify(ctx context.Context, err, trouble error) *targets.Error {
	e := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1, Err: err}
	var answer *kerr.Error
	switch {
	case errors.As(err, &answer):
		e.Code, e.Final = codeOf(answer)
		e.Final = e.Final && !errors.Is(err, errNotCreated)
	case errors.Is(err, kgo.ErrMaxBuffered):
		e.Code = targets.CodeThrottling
		e.Err = fmt.Errorf("as much as may wait for the brokers is waiting: %w", err)
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = targets.CodeInternalError
	case trouble != nil:
		e.Err = because(err, trouble)
		if errors.As(trouble, &answer) {
			e.Code, _ = codeOf(answer)
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout):
		e.Code = targets.CodeTimeout
	}
	if e.Code == targets.CodeThrottling {
		e.RetryAfter = throttledFor
	}
	return e
}

// codes are the error codes of what brokers answer.
var codes = map[string][]error{
	targets.CodeNoResource:       {kerr.UnknownTopicOrPartition, kerr.UnknownTopicID},
	targets.CodeNoPermissions:    {kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState},
	targets.CodeInvalidParameter: {kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.PolicyViolation, kerr.InvalidTopicException},
	targets.CodeThrottling:       {kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.ThrottlingQuotaExceeded},
	targets.CodeTimeout:          {kerr.RequestTimedOut},
}

// codeOf returns the error code for what a broker says, and whether it is final. Rights are
// granted, and topics created, later.
func codeOf(answer *kerr.Error) (code string, final bool) {
	for code, answers := range codes {
		if slices.Contains(answers, error(answer)) {
			return code, code == targets.CodeInvalidParameter
		}
	}
	if answer.Retriable {
		return targets.CodeConnectionFailure, false // such as a leader that is being chosen
	}
	return targets.CodeErrorFromTarget, false
}

// judged reports whether a broker has refused records for good, of which it need not have been
// this one.
func judged(err error) bool {
	var answer *kerr.Error
	return errors.As(err, &answer) && answer != kerr.InvalidTopicException && slices.Contains(codes[targets.CodeInvalidParameter], error(answer))
}
