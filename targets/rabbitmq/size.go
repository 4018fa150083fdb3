package rabbitmq

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// sizeLimit is how large a message may be. The broker closes the channel on one that is larger,
// and with it the attempts of others, so that the limit is kept for some time.
type sizeLimit struct {
	most   int
	reason *amqp.Error
	until  time.Time
}

// limitKept is how long a limit is kept: it may be raised.
const limitKept = time.Minute

var errTooLarge = errors.New("the message is too large for the broker")

// tooLarge is what the broker says of a message that is too large (rabbit_channel.erl).
var tooLarge = regexp.MustCompile(`message size (\d+) is larger than (?:configured )?max size (\d+)`)

// newSizeLimit returns the limit that an error tells of; nil if it is another error.
func newSizeLimit(err error) *sizeLimit {
	var answer *amqp.Error
	if !errors.As(err, &answer) || answer.Code != amqp.PreconditionFailed {
		return nil
	}
	found := tooLarge.FindStringSubmatch(answer.Reason)
	if found == nil {
		return nil
	}
	most, err := strconv.Atoi(found[2])
	if err != nil {
		return nil
	}
	return &sizeLimit{most, answer, time.Now().Add(limitKept)}
}

// refuse returns an error for a message that is larger than the limit.
func (l *sizeLimit) refuse(m *message) error {
	if l == nil || m == nil || len(m.Body) <= l.most || time.Now().After(l.until) {
		return nil
	}
	return fmt.Errorf("%w: it has %d bytes (%w)", errTooLarge, len(m.Body), l.reason)
}
