// Package kinds lists the kinds of source.
package kinds

import (
	"signalbox/sources"
	"signalbox/sources/kafka"
	"signalbox/sources/nats"
	"signalbox/sources/rabbitmq"
	"signalbox/sources/redis"
	"signalbox/sources/sqs"
)

// All returns every kind that a configuration can name.
func All() sources.Kinds {
	return sources.Kinds{kafka.Kind(), nats.Kind(), rabbitmq.Kind(), redis.Kind(), sqs.Kind()}
}
